"""The demo runs, and its pair is what it says: equal in S2, different in how the pores connect."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

import microchar as mc
from conftest import ROOT


@pytest.fixture(scope="module")
def demo():
    spec = importlib.util.spec_from_file_location("demo", ROOT / "examples" / "demo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_writes_two_volumes_and_a_report(demo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["demo.py", "--size", "32", "-o", str(tmp_path)])
    demo.main()
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {
        "real.tif",
        "fake.tif",
        "report.html",
        "results.json",
        "scalars.csv",
        "profiles.csv",
        "comparisons.csv",
        "study.toml",
    }
    assert capsys.readouterr().out.splitlines()[-1] == f"report: {tmp_path / 'report.html'}"
    assert mc.read_volume(tmp_path / "fake.tif").voxel_size == (2.0, 2.0, 2.0)


def test_the_pair_agrees_in_s2_and_not_in_connectivity(demo):
    chosen = ["volume_fraction", "two_point_correlation", "largest_cluster_fraction", "percolating_fraction"]
    found = mc.compare(*demo.make_pair(128), chosen)
    real, fake = found.reference, found.candidates[0]
    fraction = real["volume_fraction"].value(phase="pore").value
    assert fake["volume_fraction"].value(phase="pore").value == pytest.approx(fraction, abs=1e-6)
    # The numbers of the README and of the demo's own words.
    s2 = [m["two_point_correlation"].profile(phase="pore", direction="mean").y for m in (real, fake)]
    assert np.abs(s2[0] - s2[1]).max() < 0.015 * fraction * (1 - fraction)
    assert real["largest_cluster_fraction"].value(phase="pore").value == pytest.approx(0.85, abs=0.01)
    assert fake["largest_cluster_fraction"].value(phase="pore").value == pytest.approx(0.08, abs=0.01)
    for axis in "012":
        assert real["percolating_fraction"].value(phase="pore", direction=axis).value > 0.8
        assert fake["percolating_fraction"].value(phase="pore", direction=axis).value == 0
