"""Bundled models: the best U-net of a material goes into the package, with a report against the test slab."""

from __future__ import annotations

import sys
from pathlib import Path

from plan import Run
from training import command, parts

import microchar as mc
from microchar.generation.generator import Generator
from microchar.generation.loading import load_generator
from microchar.generation.models import bundled_models

#: Edge of the blocks that the report compares; less where the test slab is thinner.
EDGE = 128


def bundle(material: str, runs: list[Run], data: Path, package: Path) -> None:
    """Copy the model with the best score in training into the package; write a report of it."""
    if material not in bundled_models():
        sys.exit(
            f"{material}: not among the models of the package ({', '.join(bundled_models())}); declare it there first"
        )
    scored = [(load_generator(run.model), run) for run in runs if run.model.exists()]
    scored = [(model, run) for model, run in scored if model.history["best_score"] is not None]
    if not scored:
        sys.exit(f"{material}: found no U-net that kept all phases; train one first, with these --minutes and --models")
    model, run = min(scored, key=lambda pair: pair[0].history["best_score"])
    report = write_report(model, run, data)
    # The folder of the scan is private.
    model.history["data"]["path"] = Path(model.history["data"]["path"]).name
    model.save(package / "models" / f"{material}.safetensors")
    print(f"{run.label}: bundled; {report}", flush=True)


def write_report(model: Generator, run: Run, data: Path) -> Path:
    """Compare a generated volume with the first block of the test slab of the same size; return the report."""
    _, test = parts(run.material, data, run.work)
    shape = [min(EDGE, n) for n in test.shape]
    folder = run.work / run.material / "report"
    folder.mkdir(parents=True, exist_ok=True)
    mc.write_volume(test.crop((0, 0, 0), shape), folder / "held-out.tif")
    made = model.generate((EDGE,) * 3, seed=1, periodic=(0, 1, 2))
    mc.write_volume(made.crop((0, 0, 0), shape), folder / "generated.tif")
    # Run inside the folder, because the report shows the paths of its files as given.
    failure = command(["report", "held-out.tif", "generated.tif", "-o", "."], folder / "report.log", folder)
    if failure:
        sys.exit(f"{run.label}: {failure}")
    return folder / "report.html"
