"""C2: exact values, flood fill, real volumes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import microchar as mc
from media import clustered_media
from microchar.measurement.blocks import LAYOUTS, boxes
from microchar.metrics import LargestClusterFraction, TwoPointCluster, TwoPointCorrelation
from microchar.testing.volumes import checkerboard
from oracles import clusters as naive


@pytest.mark.analytic
@pytest.mark.parametrize("cell", [2, 3, 5])
def test_c2_of_a_checkerboard_is_its_lineal_path(cell):
    periodic = (0, 1, 2)
    found = TwoPointCluster(periodic=periodic, r_max=cell + 1)(checkerboard((4 * cell,) * 3, cell=cell))
    expected = [(cell - k) / (2 * cell) for k in range(cell + 1)] + [0]
    for phase in "01":
        for direction in "012":
            assert found.profile(phase=phase, direction=direction).y == pytest.approx(expected, abs=1e-15)


@pytest.mark.analytic
def test_c2_of_one_cluster_is_s2():
    box = np.zeros((12, 13, 14), int)
    box[3:9, 2:10, 4:12] = 1
    c2, s2 = TwoPointCluster(r_max=9)(box), TwoPointCorrelation(r_max=9, radial=False)(box)
    assert all(np.array_equal(p.y, q.y) for p, q in zip(c2.profiles, s2.profiles, strict=True))


@pytest.mark.analytic
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_c2_of_rods_of_all_lengths(axis):
    # A rod of n voxels is a cluster with n - k pairs at lag k.
    lengths, lags = np.arange(1, 81), np.arange(80)
    rods = np.zeros((1, 160, 80), int)
    rods[0, ::2] = lags < lengths[:, np.newaxis]
    found = TwoPointCluster(r_max=79)(np.moveaxis(rods, 2, axis)).profile(phase="1", direction=str(axis))
    pairs = np.clip(lengths[:, np.newaxis] - lags, 0, None).sum(axis=0)
    assert found.y * 160 * (80 - lags) == pytest.approx(pairs, rel=1e-12)


@pytest.mark.analytic
def test_a_cluster_that_meets_itself_round_the_end():
    # Two ends of one periodic cluster, three voxels: 0, 1 and 9 of ten.
    line = np.isin(np.arange(10), [0, 1, 9]).astype(int)[np.newaxis]
    found = TwoPointCluster(periodic=(2,), r_max=9)(line).profile(phase="1", direction="2")
    assert found.y * 10 == pytest.approx([3, 2, 1, 0, 0, 0, 0, 0, 1, 2], abs=1e-12)


@pytest.mark.oracle
@settings(deadline=None, max_examples=50)
@given(case=clustered_media())
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


@pytest.mark.oracle
@pytest.mark.parametrize("periodic", [(), (0, 2)])
def test_boxes_of_any_size_give_the_same(monkeypatch, periodic):
    volume = mc.as_volume(np.random.default_rng(3).random((9, 10, 11)) < 0.4)
    metric = TwoPointCluster(periodic=periodic, r_max=4)
    whole = metric(volume)
    for edge in (3, 5, 7):
        monkeypatch.setitem(LAYOUTS, "boxes", lambda shape, edge=edge: boxes(shape, edge))
        pieces = metric(volume)
        assert all(np.array_equal(a.y, b.y) for a, b in zip(whole.profiles, pieces.profiles, strict=True))


@pytest.mark.oracle
def test_more_planes_than_are_counted_at_a_time():
    labels = (np.random.default_rng(8).random((20, 5, 6)) < 0.3).astype(np.uint8)
    clusters = naive.flood_fill(labels, 6)
    profile = TwoPointCluster(r_max=(12, 3, 3))(labels).profile(phase="1", direction="0")
    expected = [naive.pairs(clusters, labels == 1, 0, lag, False) / (30 * (20 - lag)) for lag in range(13)]
    assert profile.y == pytest.approx(expected, rel=1e-12)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["nmc_cathode", "cast_iron"])
def test_c2_of_dominant_and_of_many_clusters(real_array, name):
    # Where a phase is one cluster, C2 is S2; graphite nodules and binder are many.
    piece = mc.as_volume(real_array(name)[:100, :100, :100])
    found = mc.measure(piece, [TwoPointCluster(), TwoPointCorrelation(radial=False), LargestClusterFraction()])
    for phase in piece.phases:
        c2, s2 = (
            found[metric].profile(phase=phase, direction="mean").y
            for metric in ("two_point_cluster", "two_point_correlation")
        )
        share = found["largest_cluster_fraction"].value(phase=phase).value
        assert (c2 <= s2).all()
        # The pairs inside the largest cluster are a lower bound, those across clusters what is missing.
        assert np.array_equal(c2, s2) == (share == 1)
