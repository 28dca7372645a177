"""A built wheel, installed where there is no checkout, runs the report: templates and data files are in it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest

import microchar as mc
from conftest import ROOT


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An empty environment with the wheel in it, which sees this one's dependencies and nothing else of it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")

    home = folder / "env"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # A path file adds a folder but does not read the path files in it: the editable install stays out of sight.
    (site,) = home.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


def run(environment: Path, folder: Path, *command: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    found = subprocess.run(
        [str(environment / "bin" / command[0]), *command[1:]], cwd=folder, env=clean, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_the_installed_package_is_the_wheels(environment, tmp_path):
    where = run(environment, tmp_path, "python", "-c", "import microchar; print(microchar.__file__)")
    assert Path(where.strip()).is_relative_to(environment)


def test_the_installed_command_writes_a_report(environment, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("real", "fake"):
        mc.write_volume((rng.random((12, 12, 12)) < 0.4).astype(np.uint8), tmp_path / f"{name}.npy")
    # Few metrics: the kernels of a fresh installation have to be compiled first.
    metrics = "volume_fraction,glcm,ssim"
    run(environment, tmp_path, "microchar", "report", "real.npy", "fake.npy", "--metrics", metrics, "-o", "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "report.html",
        "results.json",
        "scalars.csv",
        "profiles.csv",
        "comparisons.csv",
        "study.toml",
    }
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "<style" in page


def test_the_installed_package_brings_its_volumes(environment, tmp_path):
    code = "import microchar as mc; print(mc.datasets.berea().shape)"
    assert run(environment, tmp_path, "python", "-c", code).strip() == "(128, 128, 128)"
