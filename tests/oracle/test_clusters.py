"""Cluster metrics against flood fill."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from microchar.measurement.blocks import LAYOUTS, boxes
from microchar.metrics import ClusterDensity, LargestClusterFraction, PercolatingFraction, TwoPointCluster
from oracles import clusters as naive

SHAPES = [(4, 5, 6), (3, 3, 3), (1, 7, 13), (6, 1, 5), (9, 4, 1), (2, 2, 8), (1, 1, 12)]


@st.composite
def cases(draw):
    """A random volume with its labels as flood fill takes them, connectivity and periodic axes."""
    shape = draw(st.sampled_from(SHAPES))
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    n_phases = draw(st.integers(1, 3))
    labels = rng.choice(n_phases, shape, p=rng.dirichlet(np.ones(n_phases))).astype(np.uint8)
    mask = None
    if draw(st.booleans()):
        mask = rng.random(shape) < 0.8
        mask.flat[0] = True
        outside = np.where(mask, labels, naive.OUTSIDE)
    else:
        outside = labels
    volume = mc.as_volume(labels, phases={f"p{k}": k for k in range(n_phases)}, mask=mask)
    periodic = tuple(sorted(draw(st.sets(st.integers(0, 2)))))
    return volume, outside, draw(st.sampled_from([6, 26])), periodic


@settings(deadline=None, max_examples=50)
@given(case=cases())
def test_scalars_are_those_of_flood_fill(case):
    volume, labels, connectivity, periodic = case
    options = {"connectivity": connectivity, "periodic": periodic}
    metrics = [ClusterDensity(**options), LargestClusterFraction(**options), PercolatingFraction(**options)]
    density, largest, percolating = mc.measure(volume, metrics).values()
    clusters = naive.flood_fill(labels, connectivity, periodic)
    for phase, name in enumerate(volume.phases):
        where = labels == phase
        sizes = naive.sizes(clusters, where)
        expected = len(sizes) / (labels != naive.OUTSIDE).sum()
        assert density.value(phase=name).value == pytest.approx(expected, rel=1e-12)
        value = largest.value(phase=name)
        if not sizes:
            assert (value.value, value.status) == (None, "absent_phase")
            continue
        assert value.value == max(sizes) / sum(sizes)
        for axis in volume.grid.axes:
            found = percolating.value(phase=name, direction=str(axis))
            if any((labels.take(k, axis) == naive.OUTSIDE).all() for k in (0, -1)):
                assert (found.value, found.status) == (None, "undefined")
                continue
            # Along the axis itself the sample ends at its faces.
            ends_there = naive.flood_fill(labels, connectivity, tuple(a for a in periodic if a != axis))
            first, last = (set(ends_there.take(k, axis).ravel()) for k in (0, -1))
            spanning = np.isin(ends_there, [number for number in first & last if number]) & where
            assert found.value == spanning.sum() / where.sum()


@settings(deadline=None, max_examples=50)
@given(case=cases())
def test_c2_is_that_of_flood_fill(case):
    volume, labels, connectivity, periodic = case
    r_max = tuple(max(n - 1, 1) for n in volume.shape)
    found = TwoPointCluster(connectivity=connectivity, periodic=periodic, r_max=r_max)(volume)
    clusters = naive.flood_fill(labels, connectivity, periodic)
    one_cluster = (labels != naive.OUTSIDE).astype(int)
    for phase, name in enumerate(volume.phases):
        for axis in volume.grid.axes:
            profile = found.profile(phase=name, direction=str(axis))
            for lag, y in enumerate(profile.y):
                wraps = axis in periodic
                valid = naive.pairs(one_cluster, one_cluster > 0, axis, lag, wraps)
                if valid:
                    assert y == naive.pairs(clusters, labels == phase, axis, lag, wraps) / valid
                else:
                    assert np.isnan(y)


@pytest.mark.parametrize("periodic", [(), (0, 2)])
def test_boxes_of_any_size_give_the_same(monkeypatch, periodic):
    volume = mc.as_volume(np.random.default_rng(3).random((9, 10, 11)) < 0.4)
    metric = TwoPointCluster(periodic=periodic, r_max=4)
    whole = metric(volume)
    for edge in (3, 5, 7):
        monkeypatch.setitem(LAYOUTS, "boxes", lambda shape, edge=edge: boxes(shape, edge))
        pieces = metric(volume)
        assert all(np.array_equal(a.y, b.y) for a, b in zip(whole.profiles, pieces.profiles, strict=True))


def test_more_planes_than_are_counted_at_a_time():
    labels = (np.random.default_rng(8).random((20, 5, 6)) < 0.3).astype(np.uint8)
    clusters = naive.flood_fill(labels, 6)
    profile = TwoPointCluster(r_max=(12, 3, 3))(labels).profile(phase="1", direction="0")
    expected = [naive.pairs(clusters, labels == 1, 0, lag, False) / (30 * (20 - lag)) for lag in range(13)]
    assert profile.y == pytest.approx(expected, rel=1e-12)
