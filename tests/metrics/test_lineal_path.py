"""The lineal-path function: exact values and the slow definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import microchar as mc
from measured import counts_of, directional
from media import media
from microchar.metrics import LinealPath
from oracles import correlation as naive


def by_phase(numbers):
    return [numbers.get(phase, 0) for phase in range(3)]


@pytest.mark.analytic
def test_lineal_path_of_a_written_line():
    line = mc.as_volume([[1, 0, 1, 0, 1, 1, 1]])
    found = directional(line, LinealPath(r_max=6), "2")
    assert found == pytest.approx(np.array([5, 2, 1, 0, 0, 0, 0]) / np.arange(7, 0, -1), abs=1e-15)


@pytest.mark.oracle
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
