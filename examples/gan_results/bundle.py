"""The models that come with the package: the best U-net, and a full report of it against the test slab."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from plan import Run
from training import command, parts

import microchar as mc
from microchar.generation.generator import Generator
from microchar.generation.loading import load_generator
from microchar.generation.models import bundled_models

#: Edge of the blocks that the reports compare, where the test slab is as thick.
EDGE = 128


def bundle(material: str, runs: list[Run], data: Path, package: Path, pictures: Path) -> None:
    """Put the model that scored best in its own training into the package, and a report of it into the docs."""
    if material not in bundled_models():
        sys.exit(
            f"{material}: not among the models of the package ({', '.join(bundled_models())}); name it there first"
        )
    scored = [(load_generator(run.model), run) for run in runs if run.model.exists()]
    scored = [(model, run) for model, run in scored if model.history["best_score"] is not None]
    if not scored:
        sys.exit(f"{material}: found no U-net that kept all phases; train one first, with these --minutes and --models")
    model, run = min(scored, key=lambda pair: pair[0].history["best_score"])
    report = write_report(model, run, data)
    # Where the scan lay when it was learnt from is nobody's business.
    model.history["data"]["path"] = Path(model.history["data"]["path"]).name
    model.save(package / "models" / f"{material}.safetensors")
    pictures.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(report, pictures / f"gan_report_{material}.html")
    print(f"{run.label}: bundled", flush=True)


def write_report(model: Generator, run: Run, data: Path) -> Path:
    """Compare a volume of the model with the first block of the test slab that is as large; return the report."""
    _, test = parts(run.material, data, run.work)
    shape = [min(EDGE, n) for n in test.shape]
    folder = run.work / run.material / "report"
    folder.mkdir(parents=True, exist_ok=True)
    mc.write_volume(test.crop((0, 0, 0), shape), folder / "held-out.tif")
    made = model.generate((EDGE,) * 3, seed=1, periodic=(0, 1, 2))
    mc.write_volume(made.crop((0, 0, 0), shape), folder / "generated.tif")
    # From within the folder: the report names its files as it was given them.
    failure = command(["report", "held-out.tif", "generated.tif", "-o", "."], folder / "report.log", folder)
    if failure:
        sys.exit(f"{run.label}: {failure}")
    return folder / "report.html"
