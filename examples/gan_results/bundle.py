"""The models that come with the package: the best seed of `default`, and a full report of it against the test slab."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from plan import Run
from training import command, parts

import microchar as mc
from microchar.model_file import load_generator

#: Edge of the blocks that the reports compare, where the test slab is as thick.
EDGE = 128


def bundle(runs: list[Run], data: Path, models: Path, reports: Path) -> None:
    """Copy the model of a material that scored best in its own training, and write its report."""
    scores = {run: load_generator(run.model).history["best_score"] for run in runs if run.model.exists()}
    if not scores:
        sys.exit(f"{runs[0].label}: no model in {runs[0].folder.parent}; train it first")
    best = min(scores, key=lambda run: scores[run])
    model = load_generator(best.model)
    # Where the scan lay when it was learnt from is nobody's business.
    model.history["data"]["path"] = Path(model.history["data"]["path"]).name
    path = models / f"{best.material}.safetensors"
    model.save(path)
    print(f"{best.label}: {path}, {reports / write_report(best, path, data, reports)}", flush=True)


def write_report(run: Run, model: Path, data: Path, reports: Path) -> str:
    """Compare a volume of the model with the first block of the test slab of the same size; return the file's name."""
    _, test = parts(run.material, data, run.work)
    shape = [min(EDGE, n) for n in test.shape]
    folder = run.work / run.material / "report"
    real, fake = folder / f"{run.material}-test-slab.tif", folder / f"{run.material}-generated.tif"
    mc.write_volume(test.crop((0, 0, 0), shape), real)
    made = load_generator(model).generate((EDGE,) * 3, seed=1, periodic=(0, 1, 2))
    mc.write_volume(made.crop((0, 0, 0), shape), fake)
    failure = command(["report", str(real), str(fake), "-o", str(folder), "--quiet"], folder / "report.log")
    if failure:
        sys.exit(f"{run.label}: {failure}")
    name = f"gan_report_{run.material}.html"
    reports.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "report.html", reports / name)
    return name
