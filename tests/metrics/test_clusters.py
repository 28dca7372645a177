"""Cluster density, largest cluster, percolating fraction: exact values, flood fill, real volumes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import microchar as mc
from media import clustered_media
from microchar.metrics import (
    ClusterDensity,
    LargestClusterFraction,
    PercolatingFraction,
    TwoPointCluster,
    TwoPointCorrelation,
)
from microchar.testing.volumes import checkerboard
from oracles import clusters as naive

CLUSTER_METRICS = [ClusterDensity, LargestClusterFraction, PercolatingFraction, TwoPointCluster]


@pytest.mark.analytic
def test_corners_join_a_checkerboard():
    cells = checkerboard((12, 12, 12), cell=3)
    separate, joined = (ClusterDensity(connectivity=c, periodic=(0, 1, 2))(cells) for c in (6, 26))
    assert separate.value(phase="1").value == pytest.approx(32 / 12**3, rel=1e-12)
    assert joined.value(phase="1").value == pytest.approx(1 / 12**3, rel=1e-12)
    c2 = TwoPointCluster(connectivity=26, periodic=(0, 1, 2))(cells)
    s2 = TwoPointCorrelation(periodic=(0, 1, 2), radial=False)(cells)
    assert [np.array_equal(p.y, q.y) for p, q in zip(c2.profiles, s2.profiles, strict=True)] == [True] * 8


@pytest.mark.analytic
def test_layers_percolate_along_themselves():
    layers = (np.indices((9, 7, 8))[0] // 3) % 2
    found = PercolatingFraction()(layers)
    for phase in "01":
        assert [found.value(phase=phase, direction=axis).value for axis in "012"] == [0.0, 1.0, 1.0]


@pytest.mark.analytic
def test_a_periodic_axis_still_has_two_end_faces():
    # A blob across the faces of a periodic axis does not connect them through the sample.
    volume = np.zeros((8, 6, 6), int)
    volume[:2, 2:4, 2:4] = volume[6:, 2:4, 2:4] = 1
    assert PercolatingFraction(periodic=(0,))(volume).value(phase="1", direction="0").value == 0.0
    assert ClusterDensity(periodic=(0,))(volume).value(phase="1").value == pytest.approx(1 / volume.size)


@pytest.mark.analytic
def test_a_path_through_a_periodic_side_percolates():
    image = np.zeros((4, 6), int)
    image[:2, 0] = image[2:, 5] = 1
    assert PercolatingFraction()(image).value(phase="1", direction="1").value == 0.0
    # The columns 0 and 5 are neighbours round the end; rows 1 and 2 meet only at a corner.
    for connectivity, expected in ((6, 0.0), (26, 1.0)):
        metric = PercolatingFraction(periodic=(2,), connectivity=connectivity)
        assert metric(image).value(phase="1", direction="1").value == expected


@pytest.mark.analytic
def test_voxels_outside_the_mask_join_nothing():
    line = np.ones((1, 9), int)
    mask = np.ones((1, 9), bool)
    mask[0, 3] = False
    volume = mc.as_volume(line, mask=mask)
    assert ClusterDensity()(volume).value(phase="1").value == pytest.approx(2 / 8)
    assert LargestClusterFraction()(volume).value(phase="1").value == 5 / 8
    c2 = TwoPointCluster(r_max=2)(volume).profile(phase="1", direction="2").y
    assert c2 == pytest.approx([1, 1, 4 / 5], rel=1e-12)


@pytest.mark.analytic
def test_units_of_volumes_and_images():
    density = ClusterDensity()
    volume = density(mc.as_volume(np.eye(4, dtype=int)[np.newaxis].repeat(2, 0), voxel_size="1,2,3um"))
    assert volume.value(phase="1").unit == "um^-3"
    assert volume.value(phase="1").value == pytest.approx(4 / (32 * 6), rel=1e-12)
    image = density(mc.as_volume(np.eye(4, dtype=int), voxel_size="1,2,3um"))
    assert image.value(phase="1").unit == "um^-2"
    assert image.value(phase="1").value == pytest.approx(4 / (16 * 6), rel=1e-12)


@pytest.mark.analytic
def test_one_phase_and_an_absent_one():
    volume = mc.as_volume(np.zeros((5, 6, 7), int), phases={"here": 0, "absent": 1})
    found = mc.measure(volume, [metric() for metric in CLUSTER_METRICS])
    assert found["largest_cluster_fraction"].value(phase="here").value == 1.0
    assert {v.value for v in found["percolating_fraction"].values if v.phase == "here"} == {1.0}
    assert {v.status for v in found["percolating_fraction"].values if v.phase == "absent"} == {"absent_phase"}
    assert found["cluster_density"].value(phase="absent").value == 0.0
    assert (found["two_point_cluster"].profile(phase="here", direction="mean").y == 1).all()
    assert (found["two_point_cluster"].profile(phase="absent", direction="mean").y == 0).all()


@pytest.mark.analytic
@pytest.mark.parametrize("metric", CLUSTER_METRICS)
def test_other_connectivities_are_refused(metric):
    with pytest.raises(mc.InputError, match="connectivity=18"):
        metric(connectivity=18)


@pytest.mark.analytic
def test_the_record_says_which_voxels_are_neighbours():
    assert ClusterDensity()(np.eye(3, dtype=int)).convention["connectivity"].startswith("4")
    assert ClusterDensity(connectivity=26)(np.zeros((3, 3, 3), int)).convention["connectivity"].startswith("26")


@pytest.mark.oracle
@pytest.mark.parametrize("connectivity", [6, 26])
@pytest.mark.parametrize("periodic", [(), (1,), (0, 1, 2)])
def test_clusters_cut_by_blocks_of_any_size_are_the_same(connectivity, periodic, monkeypatch):
    rng = np.random.default_rng(7)
    monkeypatch.setattr("microchar.core.scratch.IN_MEMORY", 0)  # on disk
    for shape in [(9, 10, 11), (1, 17, 13), (16, 5, 7)]:
        labels = rng.choice(3, shape, p=[0.35, 0.35, 0.3])
        volume = mc.as_volume(labels, mask=rng.random(shape) < 0.95)
        metrics = [metric(connectivity=connectivity, periodic=periodic) for metric in CLUSTER_METRICS]
        whole = mc.measure(volume, metrics)
        for voxels in (1, 30, 200):
            with monkeypatch.context() as patch:
                patch.setattr("microchar.metrics._clusters._BLOCK_VOXELS", voxels)
                pieces = mc.measure(volume, metrics, threads=3)
            for name, result in whole.items():
                assert [v.value for v in result.values] == [v.value for v in pieces[name].values]
                pairs = zip(result.profiles, pieces[name].profiles, strict=True)
                assert all(np.array_equal(a.y, b.y, equal_nan=True) for a, b in pairs)


@pytest.mark.oracle
@settings(deadline=None, max_examples=50)
@given(case=clustered_media())
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


@pytest.mark.realdata
def test_percolating_porosity_of_a_piece_of_berea(real_array):
    found = PercolatingFraction()(real_array("berea")[:100, :100, :100])
    # Reference: porosity 0.203317, of which percolating along axis 0 0.202057, both to six digits.
    value = found.value(phase="0", direction="0").value
    assert value * 0.203317 == pytest.approx(0.202057, abs=1e-6)


@pytest.mark.realdata
def test_the_pores_of_berea_are_nearly_one_cluster(real_array):
    # Design §6: largest cluster of Berea .99.
    found = LargestClusterFraction()(real_array("berea")[:200, :200, :200])
    assert found.value(phase="0").value == pytest.approx(0.99, abs=0.01)
