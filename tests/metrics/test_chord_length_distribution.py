"""Chord lengths: exact values, the slow definition, real volumes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import microchar as mc
from measured import counts_of
from media import media
from microchar.metrics import ChordLengthDistribution
from oracles import correlation as naive


@pytest.mark.analytic
def test_a_chord_through_the_boundary_is_one_where_the_axis_is_periodic():
    line = mc.as_volume([[1, 1, 0, 0, 0, 1, 0, 1]])
    open_, around = (ChordLengthDistribution(periodic=axes)(line) for axes in ((), (2,)))
    labels = {"phase": "1", "direction": "2"}
    assert open_.value(feature="mean_length", **labels).value == 1
    assert open_.value(feature="cut_fraction", **labels).value == pytest.approx(2 / 3)
    assert around.value(feature="mean_length", **labels).value == 2
    assert around.value(feature="cut_fraction", **labels).value == 0
    # A line that never leaves the phase has no chord at all.
    full = ChordLengthDistribution(periodic=(2,))(mc.as_volume(np.ones((3, 4), int)))
    assert full.value(feature="cut_fraction", **labels).value == 1
    assert full.value(feature="mean_length", **labels).status == "undefined"


@pytest.mark.analytic
def test_chords_of_voxels_that_are_no_cubes_are_on_one_range_of_lengths():
    # Chords of 2 voxels along axis 1, of 3 along axis 2: lengths 1 and 6.
    cells = np.kron(np.indices((9, 4)).sum(axis=0) % 2, np.ones((2, 3), int))
    chords = ChordLengthDistribution()(mc.as_volume(cells, voxel_size=(1.0, 0.5, 2.0), phases=["a", "b"]))
    means = [chords.value(phase="a", direction=d, feature="mean_length").value for d in ("1", "2", "mean")]
    assert means == [1, 6, 3.5]
    cdf = chords.profile(phase="a", direction="mean", feature="cdf")
    # The step of axis 1 at length 1 lies between the multiples of the largest voxel size.
    assert cdf.x.tolist() == list(range(0, 25, 2))
    assert cdf.y.tolist() == [0, 0.5, 0.5] + [1] * 10


@pytest.mark.oracle
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


@pytest.mark.oracle
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
