"""What the metrics along axes share: the largest lag, the mean over directions, what does not exist."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.core.grid import Grid
from microchar.metrics._directional import mean_of_directions, resolve_r_max

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize(
    ("r_max", "expected"),
    [
        (None, (100, 0, 15)),
        (7, (7, 0, 7)),
        ("6um", (12, 0, 2)),
        ((299, 1, 29), (299, 0, 29)),
        (("3um", "1um", 4), (6, 0, 4)),
    ],
)
def test_r_max_in_voxels_per_axis(r_max, expected):
    assert resolve_r_max(Grid((300, 1, 30), (0.5, 1.0, 3.0), "um"), r_max) == expected


@pytest.mark.parametrize("r_max", [30, "90um", 0, -1, 0.4, (5, 5), "5 parsec", (299, 1, 30)])
def test_r_max_that_does_not_fit_is_refused(r_max):
    with pytest.raises(mc.InputError, match=r"r_max|unit"):
        resolve_r_max(Grid((300, 1, 30), (0.5, 1.0, 3.0), "um"), r_max)


def test_the_message_about_r_max_names_the_axis_and_its_length():
    with pytest.raises(mc.InputError, match=r"r_max=30: 30 voxels along axis 2, which has 30.*at most 29"):
        mc.measure(np.eye(40, 30), ["lineal_path"], r_max=30)


def test_the_mean_over_directions_is_on_the_largest_voxel_size_and_skips_what_is_missing():
    grid = Grid((9, 9, 9), (0.1, 0.2, 0.3))
    by_axis = {0: 0.1 * np.arange(9.0), 1: 0.2 * np.arange(9.0) + 1, 2: np.array([2.0, np.nan, 2.6, 2.9])}
    x, y = mean_of_directions(grid, by_axis)
    # The shortest range is 0.8; all but the missing value are straight lines of slope 1.
    assert x == pytest.approx([0.0, 0.3, 0.6])
    assert y == pytest.approx([1.0, 0.8, 1.6])


@pytest.mark.parametrize("metric", ["two_point_correlation", "pair_correlation", "lineal_path"])
def test_a_crop_outside_the_mask_leaves_profiles_undefined(metric):
    volume = mc.as_volume(np.eye(6), mask=np.arange(36).reshape(6, 6) == 0)
    result = mc.measure(volume.crop((0, 1, 1), (1, 6, 6)), [metric])[metric]
    assert {p.status for p in result.profiles} == {"undefined"}
    assert all(np.isnan(p.y).all() and p.message for p in result.profiles)


def test_absent_phases_have_a_status_where_the_value_does_not_exist():
    volume = mc.as_volume(np.zeros((5, 5, 5), int), phases={"pore": 0, "solid": 1})
    found = mc.measure(
        volume, ["two_point_correlation", "pair_correlation", "lineal_path", "chord_length_distribution"]
    )
    assert all(not p.y.any() for p in found["two_point_correlation"].profiles if p.phase == "solid")
    assert all(not p.y.any() for p in found["lineal_path"].profiles if p.phase == "solid")
    assert {p.status for p in found["pair_correlation"].profiles if p.phase == "solid"} == {"absent_phase"}
    chords = found["chord_length_distribution"]
    assert {v.status for v in chords.values if v.phase == "solid"} == {"absent_phase"}
    # Every chord of the pore ends at the boundary, where nobody can say how long it is.
    assert {v.status for v in chords.values if v.phase == "pore" and v.feature != "cut_fraction"} == {"undefined"}
    assert {v.value for v in chords.values if v.phase == "pore" and v.feature == "cut_fraction"} == {1.0}
