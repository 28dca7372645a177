"""S2, its radial mean, the lineal path and chords against the slow definitions."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from microchar.core.grid import Grid
from microchar.measurement import blocks
from microchar.measurement.blocks import thread_pool
from microchar.measurement.metric import Shared
from microchar.metrics import ChordLengthDistribution, LinealPath, TwoPointCorrelation
from microchar.metrics._directional import mean_of_directions, resolve_r_max
from microchar.metrics._radial import pairs_at_all_lags
from oracles import correlation as naive

SHAPES = [(1, 7, 13), (5, 1, 9), (6, 5, 1), (4, 5, 6), (3, 2, 11), (2, 2, 70), (1, 1, 9), (5, 4, 3)]


@st.composite
def media(draw):
    """A volume of one to three phases, often in runs, perhaps masked; r_max; periodic axes; edge of the blocks."""
    shape = draw(st.sampled_from(SHAPES))
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    labels = rng.integers(0, draw(st.integers(1, 3)), shape)
    if draw(st.booleans()):
        axis = int(np.argmax(shape))
        labels = np.where(rng.random(shape) < 0.6, np.roll(labels, 1, axis), labels)
    mask = rng.random(shape) < draw(st.sampled_from([0.5, 0.9])) if draw(st.booleans()) else None
    if mask is not None:
        mask.flat[0] = True  # a mask of nothing is refused
    volume = mc.as_volume(labels, phases={"a": 0, "b": 1, "c": 2}, mask=mask)
    r_max = tuple(draw(st.integers(1, max(n - 1, 1))) for n in shape)
    periodic = tuple(axis for axis in range(3) if draw(st.booleans()))
    return volume, r_max, periodic, draw(st.sampled_from([2, 3, 100]))


def counts_of(metric, volume, edge=100):
    layouts = {
        "boxes": lambda shape: blocks.boxes(shape, edge=edge),
        "columns": lambda shape: blocks.columns(shape, voxels=edge**2),
    }
    with mock.patch.dict(blocks.LAYOUTS, layouts), thread_pool(1) as pool:
        return metric.resolved(volume.grid).counts(volume, None, Shared(pool, 1))


def by_phase(numbers):
    return [numbers.get(phase, 0) for phase in range(3)]


@settings(deadline=None, max_examples=40)
@given(media())
def test_pairs_along_the_axes_are_the_slow_ones(medium):
    volume, r_max, periodic, edge = medium
    counts = counts_of(TwoPointCorrelation(r_max=r_max, periodic=periodic, radial=False), volume, edge)
    for axis in volume.grid.axes:
        for lag in range(r_max[axis] + 1):
            both, valid = naive.pairs(volume.read(), naive.along(axis, lag), periodic)
            assert counts[f"pairs {axis}"][:, lag].tolist() == by_phase(both)
            assert counts[f"valid {axis}"][lag] == valid


@settings(deadline=None, max_examples=40)
@given(media())
def test_segments_are_the_slow_ones(medium):
    volume, r_max, periodic, edge = medium
    counts = counts_of(LinealPath(r_max=r_max, periodic=periodic), volume, edge)
    for axis in volume.grid.axes:
        for lag in range(r_max[axis] + 1):
            pure, valid = naive.segments(volume.read(), axis, lag, periodic)
            assert counts[f"segments {axis}"][:, lag].tolist() == by_phase(pure)
            assert counts[f"valid {axis}"][lag] == valid


@settings(deadline=None, max_examples=40)
@given(media())
def test_chords_are_the_slow_ones(medium):
    volume, _, periodic, edge = medium
    counts = counts_of(ChordLengthDistribution(periodic=periodic), volume, edge)
    kinds = ["inside", "cut", "endless"]
    for axis in volume.grid.axes:
        expected = np.zeros_like(counts[f"runs {axis}"])
        for line in np.moveaxis(volume.read(), axis, -1).reshape(-1, volume.shape[axis]).tolist():
            for phase, length, kind in naive.chords(line, axis in periodic):
                expected[kinds.index(kind), phase, length] += 1
        np.testing.assert_array_equal(counts[f"runs {axis}"], expected)


@settings(deadline=None, max_examples=25)
@given(
    medium=media().filter(lambda medium: medium[0].shape != (2, 2, 70)),  # slow in Python, and nothing new
    sizes=st.sampled_from([(1.0, 1.0, 1.0), (0.1, 0.3, 0.15), (2.0, 0.7, 1.4)]),
)
def test_the_radial_pairs_are_the_slow_ones(medium, sizes):
    volume, r_max, periodic, _ = medium
    volume = mc.as_volume(volume, voxel_size=sizes)
    counts = counts_of(TwoPointCorrelation(r_max=r_max, periodic=periodic), volume)
    reach = [r_max[axis] if axis in volume.grid.axes else 0 for axis in range(3)]
    shells = naive.shells(volume.shape, sizes, reach, volume.read(), periodic)
    assert len(counts["radial lengths"]) == len(shells)
    for shell, (lengths, both, valid) in shells.items():
        assert counts["radial lengths"][shell] == pytest.approx(np.mean(lengths))
        assert counts["radial pairs"][:, shell].tolist() == by_phase(both)
        assert [counts["radial valid"][shell]] == valid


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_radial_pairs_of_a_large_volume_are_as_accurate_as_promised(share):
    # 4 million voxels: beyond what single precision counts exactly. A full volume is the worst case.
    shape = (160, 150, 170)
    set_ = np.random.default_rng(0).random(shape) < share
    reach = (40, 30, 50)
    found = pairs_at_all_lags(lambda first, last: set_[:, first:last], shape, reach, (1,), 2)
    for lag in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (40, 30, 50), (-40, 30, -50), (-7, 20, 13)]:
        there = np.roll(set_, -lag[1], axis=1)
        here, there = (np.moveaxis(a, 1, 0) for a in (set_, there))
        starts = [slice(max(0, -step), n - max(0, step)) for step, n in ((lag[0], 160), (lag[2], 170))]
        stops = [slice(max(0, step), n - max(0, -step)) for step, n in ((lag[0], 160), (lag[2], 170))]
        expected = np.count_nonzero(here[:, starts[0], starts[1]] & there[:, stops[0], stops[1]])
        assert abs(found[lag[0] + 40, lag[1], lag[2] + 50] - expected) <= 5e-7 * set_.size
    assert found[40, 0, 50] == set_.sum()


def test_chord_statistics_are_those_of_the_list_of_chords():
    rng = np.random.default_rng(5)
    labels = np.repeat(rng.integers(0, 2, (6, 7, 20)), 2, axis=2)
    volume = mc.as_volume(labels, voxel_size=(1.0, 1.0, 0.5))
    lines = labels.reshape(-1, 40).tolist()
    chords = [chord for line in lines for chord in naive.chords(line, False) if chord[0] == 1]
    lengths = 0.5 * np.array([length for _, length, kind in chords if kind == "inside"])
    result = ChordLengthDistribution()(volume)

    def value(feature):
        return result.value(phase="1", direction="2", feature=feature).value

    assert value("mean_length") == pytest.approx(lengths.mean())
    assert value("standard_deviation") == pytest.approx(lengths.std())
    for q in (0.1, 0.5, 0.9):
        assert value(f"quantile_{q}") == np.quantile(lengths, q, method="inverted_cdf")
    assert value("cut_fraction") == pytest.approx(1 - len(lengths) / len(chords))
    cdf = result.profile(phase="1", direction="2", feature="cdf")
    assert cdf.y.tolist() == pytest.approx([np.mean(lengths <= x + 1e-9) for x in cdf.x])
    density = result.profile(phase="1", direction="2", feature="density")
    assert np.cumsum(density.y) * 0.5 == pytest.approx(cdf.y)


# --- r_max and the mean over directions --------------------------------------


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


@pytest.mark.parametrize("r_max", [30, "90um", 0, -1, 2.5, (5, 5), "5 parsec", (299, 1, 30)])
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


# --- what does not exist -----------------------------------------------------


@pytest.mark.parametrize("metric", ["two_point_correlation", "pair_correlation", "lineal_path"])
def test_a_crop_outside_the_mask_leaves_profiles_undefined(metric):
    volume = mc.as_volume(np.eye(6), mask=np.arange(36).reshape(6, 6) == 0)
    result = mc.measure(volume.crop((0, 1, 1), (1, 6, 6)), [metric])[metric]
    assert {p.status for p in result.profiles} == {"undefined"}
    assert all(np.isnan(p.y).all() and p.message for p in result.profiles)


def test_lags_that_the_mask_leaves_no_pairs_are_missing():
    mask = np.ones((1, 1, 8), bool)
    mask[..., 3:6] = False
    result = mc.measure(np.arange(8)[None] % 2, ["two_point_correlation"], mask=mask, r_max=7)["two_point_correlation"]
    for direction in ("2", "mean", "radial"):
        y = result.profile(phase="0", direction=direction).y
        assert np.isfinite(y).tolist() == [True, True, True, False, True, True, True, True]


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
