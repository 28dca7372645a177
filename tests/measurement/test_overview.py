"""What measurements, comparisons and rankings show of themselves: a few lines."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.core.result import Profile, Result, Value
from microchar.measurement.overview import difference_lines

pytestmark = pytest.mark.property

VOLUME = mc.as_volume(np.arange(4 * 6 * 6).reshape(4, 6, 6) % 3, phases=["a", "b", "c"], voxel_size="2um", name="v")


def test_a_measurement_is_a_line_for_each_metric():
    found = mc.measure(VOLUME, ["volume_fraction", "lineal_path", "percolating_fraction", "interfacial_area"], r_max=2)
    assert repr(found).splitlines() == [
        "Measurement of v: 4 × 6 × 6 voxels of 2 um",
        "volume_fraction       a 0.3333   b 0.3333   c 0.3333",
        f"interfacial_area      {_areas(found)}   um^-1   (corrected)",
        "lineal_path           12 profiles",
        "percolating_fraction  a 1, 1, 0   b 1, 1, 0   c 1, 1, 0",
    ]
    assert repr(found["lineal_path"]) == "<Result of lineal_path: 0 values, 12 profiles, ok>"


def _areas(found):
    values = found["interfacial_area"].values
    return "   ".join(f"{v.phase} {v.value:.4g}" for v in values if v.estimator == "corrected")


def test_everything_that_can_be_measured_is_two_dozen_lines():
    volume = np.random.default_rng(0).integers(0, 7, (10, 11, 12))
    shown = repr(mc.measure(volume, periodic=(0,)))
    # Without pairs and what is measured on request; with the first line and a note.
    assert len(shown.splitlines()) == len(mc.metrics.metric_names()) - 4 + 2
    assert max(map(len, shown.splitlines()[:-1])) < 180
    assert "and 3 more" in shown
    assert shown.splitlines()[-1].startswith("note: local_thickness, glcm, anisotropy_index cannot")


def test_a_comparison_is_the_largest_difference_of_each_metric():
    def results(share, curve, status="ok"):
        about = {"title": "", "symbol": "", "kind": "scalar", "convention": {}}
        values = (Value(phase="a", value=share), Value(phase="b", value=1 - share))
        profiles = tuple(
            Profile(phase="a", direction=axis, x=np.arange(2), y=np.array([1, y]))
            for axis, y in zip("01", curve, strict=True)
        )
        return {
            "m": Result(metric="m", values=values, **about),
            "p": Result(metric="p", profiles=profiles, **about),
            "n": Result(metric="n", status=status, message="no", **about),
        }

    candidates = {f"c{n}": results(0.2 + 0.05 * n, (0.5, 0.5 - 0.1 * n), "not_applicable") for n in range(5)}
    assert difference_lines(results(0.2, (0.5, 0.5)), candidates) == [
        "   c0              c1              c2              c3",
        "m  +0 % a          +25 % a         +50 % a         +75 % a",
        "p  max |Δ| 0 a     max |Δ| 0.1 a   max |Δ| 0.2 a   max |Δ| 0.3 a",
        "n  not_applicable  not_applicable  not_applicable  not_applicable",
        "and 1 more candidates",
    ]


def test_comparisons_and_rankings_name_what_they_hold():
    found = mc.compare(VOLUME, {"good": VOLUME.values, "same": VOLUME}, ["volume_fraction"])
    assert repr(found).splitlines()[0] == "Comparison with v: 4 × 6 × 6 voxels of 2 um; largest differences"
    assert repr(found).splitlines()[1].split() == ["good", "same"]
    noise = (np.random.default_rng(1).random((2, 16, 16, 16)) < 0.5).astype(np.uint8)
    ranking = repr(mc.rank(noise[0], {"good": noise[1]}, shape=(8, 8, 8), metrics=["volume_fraction"]))
    assert ranking.splitlines()[0] == "Ranking by 8 held-out blocks of 8 × 8 × 8 voxels"
    assert ranking.splitlines()[1].split() == ["candidate", "rank", "total", "interval", "spread", "φ", "verdict"]
    assert {line.split("  ")[0] for line in ranking.splitlines()[2:]} == {"good", "(another real piece)"}
