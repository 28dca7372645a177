"""Real volumes and trainings; each training is a process of its own, as a user would run it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import tifffile
from plan import MATERIALS, ROWS, Run, settings_of

import microchar as mc
from microchar.core.volume import Volume

#: Seed of the Gaussian fields that replace real volumes; samples have other seeds, so that they differ.
SEED = 12345


def real_file(name: str, data: Path, work: Path) -> Path:
    """Return the file of a material; a Gaussian field is generated first if there is none."""
    material = MATERIALS[name]
    if material.file:
        return data / material.file
    path = work / name / "real.tif"
    if not path.exists():
        shape = [n + more for n, more in zip(material.shape, material.margin, strict=True)]
        settings = {**material.gaussian, "exact_fraction": "false"}
        asked = ["--shape", ",".join(map(str, shape)), "--seed", str(SEED), "-o", str(path.parent / "made")]
        failure = command(["generate", "gaussian-field", *asked, *assignments(settings)], work / name / "made.log")
        if failure:
            sys.exit(f"{name}: {failure}")
        made = mc.read_volume(path.parent / "made" / f"gaussian-field-{SEED}.tif")
        mc.write_volume(made.crop((0, 0, 0), material.shape), path)
    return path


def parts(name: str, data: Path, work: Path) -> tuple[Volume, Volume]:
    """Return the training slab and the test slab."""
    material = MATERIALS[name]
    volume = mc.read_volume(real_file(name, data, work))
    if volume.shape != material.shape:
        sys.exit(f"{volume.name}: shape {volume.shape}, expected {material.shape}")
    return volume.crop(*material.train_box), volume.crop(*material.test_box)


def train(run: Run, data: Path, given: list[str]) -> None:
    """Train a model or resume its training; a finished one is left as it is."""
    row, settings = ROWS[run.row], settings_of(run, given)
    identity = {"generator": row.generator, "settings": settings, "minutes": run.minutes if row.learns else None}
    record = run.folder / "record.json"
    if record.exists():
        before = json.loads(record.read_text(encoding="utf-8"))
        if any(before[key] != value for key, value in identity.items()):
            sys.exit(f"{run.folder}: was trained with {before['settings']}, not with {settings}; use another --work")
        return
    run.folder.mkdir(parents=True, exist_ok=True)
    source = planes(run, data) if row.slices else slab(run, data)
    arguments = ["fit", row.generator, *source, "--seed", str(run.seed), "-o", str(run.model)]
    arguments += assignments(settings | ({"minutes": str(run.minutes)} if row.learns else {}))
    progress = run.model.with_suffix(".fit")
    if (progress / "checkpoint.safetensors").exists():
        arguments.append("--resume")
    elif progress.exists():
        shutil.rmtree(progress)
    print(f"{run.label}: training" + (f" for {run.minutes:g} min" if row.learns else ""), flush=True)
    began = time.monotonic()
    failure = command(arguments, run.folder / "fit.log")
    for folder in (run.work, data):
        failure = failure.replace(f"{folder}{os.sep}", "")
    about = {**identity, "seed": run.seed, "seconds": round(time.monotonic() - began, 1), "machine": machine()}
    if failure:
        print(f"{run.label}: {failure}", flush=True)
        about["failure"] = failure
    record.write_text(json.dumps(about, indent=1), encoding="utf-8")


def slab(run: Run, data: Path) -> list[str]:
    """Return the arguments of `microchar fit` for the training slab."""
    box = ",".join(f"{a}:{b}" for a, b in zip(*MATERIALS[run.material].train_box, strict=True))
    return [str(real_file(run.material, data, run.work)), "--crop", box]


def planes(run: Run, data: Path) -> list[str]:
    """Write the three middle planes; return the arguments of `microchar fit` for them."""
    learnt, _ = parts(run.material, data, run.work)
    grey = np.array(learnt.grey_values, np.uint8)[learnt.read()]
    files = []
    for axis in range(3):
        files.append(str(run.folder / f"plane-{axis}.tif"))
        tifffile.imwrite(files[-1], grey.take(grey.shape[axis] // 2, axis))
    return ["--slices", *files]


def assignments(settings: dict[str, str]) -> list[str]:
    """Return settings as command-line options."""
    return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]


def command(arguments: list[str], log: Path, folder: Path | None = None) -> str:
    """Run a command of microchar in a folder; return the last line of its error message, or "" on success."""
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "microchar", *arguments]
    with log.open("wb") as file, subprocess.Popen(words, stdout=file, stderr=file, cwd=folder) as process:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # The process received the interrupt too, and writes a checkpoint.
            process.wait()
            raise
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return (lines or ["failed"])[-1].removeprefix("microchar: ") if code else ""


def machine() -> str:
    """Return the processor and the number of threads, for the record of a training."""
    kind = platform.machine()
    about = Path("/proc/cpuinfo")
    if about.exists():
        lines = about.read_text(encoding="utf-8").splitlines()
        kind = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), kind)
    return f"{kind}, {os.environ.get('OMP_NUM_THREADS', os.cpu_count())} threads"
