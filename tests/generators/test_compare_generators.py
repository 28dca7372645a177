"""The example that compares all generators: it runs, and tells voxels in random order from the material."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.realdata

EXAMPLE = Path(__file__).parents[2] / "examples" / "compare_generators.py"


def test_a_quick_comparison(real, tmp_path):
    arguments = ["--quick", "--size", "40", "--materials", "separator", "--generators", "shuffle", "gaussian-field"]
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), *arguments, "--data", str(real("separator").parent), "--work", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "generators_table.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    found = {(row["generator"], row["metric"]): (float(row["ratio"]), row["passes"] == "True") for row in rows}
    assert {name for name, _ in found} == {"the block trained on", "shuffle", "gaussian-field"}
    assert found["shuffle", "specific_surface_area"][0] > 10
    assert not found["shuffle", "specific_surface_area"][1]
    assert found["gaussian-field", "volume_fraction"][1]
    for name in ("specific_surface_area", "two_point_correlation", "lineal_path"):
        assert found["gaussian-field", name][0] < found["shuffle", name][0]
    assert min(ratio for ratio, _ in found.values()) >= 0
    assert "- **shuffle** passes" in (tmp_path / "generators_table.rst").read_text(encoding="utf-8")
    assert (tmp_path / "_static" / "generators_separator.png").stat().st_size > 5000
    assert (tmp_path / "separator" / "report" / "report.html").exists()
