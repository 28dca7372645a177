"""The benchmark of the GAN: its stages run, resume and agree with the package."""

from __future__ import annotations

import csv
import importlib
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microchar.comparison.held_out import DEFAULT_METRICS

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gan"


def script(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


def test_a_quick_run_and_another_that_finds_all_done(tmp_path):
    quick = ("--quick", "--work", str(tmp_path))
    first = script(*quick)
    assert first.returncode == 0, first.stderr
    assert "default, seed 0: training" in first.stdout

    table = (tmp_path / "gan_results.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    assert {row["model"] for row in rows} == {"real", "default", "gaussian-field"}
    found = {(row["model"], row["quantity"]): float(row["value"]) for row in rows}
    # Four steps make no material; another sample of the very ensemble is one.
    assert found["default", "total"] > found["gaussian-field", "total"]
    assert found["default", "ratio:specific_surface_area"] > 2 > found["gaussian-field", "ratio:specific_surface_area"]
    # Topology and transport are measured, and the total is none of theirs.
    assert found["default", "ratio:effective_diffusivity"] > found["gaussian-field", "ratio:effective_diffusivity"]
    excesses = [found["default", f"excess:{name}"] for name in DEFAULT_METRICS]
    assert found["default", "total"] == pytest.approx(math.exp(np.mean(np.log1p(excesses))), rel=1e-3)
    # An empty block beats another piece of the same material: why nothing is chosen by these two.
    assert found["real", "majority_ssim"] > found["real", "ssim"]
    assert found["real", "majority_psnr"] > found["real", "psnr"]
    # The halo was measured, and tiles with it are the whole.
    assert found["default", "halo"] > 0
    assert found["default", "seam_mismatch"] < 1e-4
    assert ("gaussian-field", "halo") not in found
    tables = (tmp_path / "gan_tables.rst").read_text(encoding="utf-8")
    # What ran is in the head of its column: no small network under the name of a large one.
    assert "default (preset=tiny steps=4)" in tables
    assert str(tmp_path) not in tables + table
    for name in ("synthetic", "curves"):
        assert (tmp_path / "_static" / f"gan_{name}.png").stat().st_size > 3000

    model = tmp_path / "synthetic" / "1-minutes" / "default-0" / "model.safetensors"
    before = model.stat().st_mtime_ns
    again = script(*quick)
    assert again.returncode == 0, again.stderr
    assert "training" not in again.stdout
    assert model.stat().st_mtime_ns == before
    assert (tmp_path / "gan_results.csv").read_text(encoding="utf-8") == table

    other = script(*quick, "train", "--set", "width=4")
    assert other.returncode != 0
    assert "use another --work" in other.stderr


def test_a_training_that_fails_is_told_and_not_tried_again(tmp_path):
    arguments = ("train", "write", "--quick", "--set", "width=0", "--work", str(tmp_path))
    first = script(*arguments)
    assert first.returncode == 0, first.stderr
    assert "width=0" in first.stdout
    record = json.loads((tmp_path / "synthetic" / "1-minutes" / "default-0" / "record.json").read_text("utf-8"))
    assert "expected at least 1" in record["failure"]
    assert "expected at least 1" in (tmp_path / "gan_tables.rst").read_text(encoding="utf-8")


@pytest.fixture
def plan(monkeypatch):
    """Return the plan of the benchmark."""
    monkeypatch.syspath_prepend(str(SCRIPT))
    yield importlib.import_module("plan")
    sys.modules.pop("plan")


def test_presets_of_the_source_run_under_their_names_as_they_are(plan):
    assert plan.ROWS["paper"].settings == {"preset": "paper"}
    assert plan.name_of("paper", "berea", {"preset": "paper"}) == "paper"
    assert plan.name_of("paper", "berea", {"preset": "paper", "batch": "2"}) == "paper (batch=2)"
    assert plan.name_of("MHFA", "nmc", {**plan.ROWS["MHFA"].settings, "anisotropic": "true"}) == "MHFA"
