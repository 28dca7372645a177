"""Cluster metrics against values known by hand."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.metrics import (
    ClusterDensity,
    LargestClusterFraction,
    LinealPath,
    PercolatingFraction,
    TwoPointCluster,
    TwoPointCorrelation,
)

CLUSTER_METRICS = [ClusterDensity, LargestClusterFraction, PercolatingFraction, TwoPointCluster]


def checkerboard(cell, cells):
    return (np.indices((cells * cell,) * 3) // cell).sum(axis=0) % 2


@pytest.mark.parametrize("cell", [2, 3, 5])
def test_c2_of_a_checkerboard_is_its_lineal_path(cell):
    periodic = (0, 1, 2)
    found = TwoPointCluster(periodic=periodic, r_max=cell + 1)(checkerboard(cell, 4))
    expected = [(cell - k) / (2 * cell) for k in range(cell + 1)] + [0]
    for phase in "01":
        for direction in "012":
            assert found.profile(phase=phase, direction=direction).y == pytest.approx(expected, abs=1e-15)


def test_corners_join_a_checkerboard():
    board = checkerboard(3, 4)
    separate, joined = (ClusterDensity(connectivity=c, periodic=(0, 1, 2))(board) for c in (6, 26))
    assert separate.value(phase="1").value == pytest.approx(32 / 12**3, rel=1e-12)
    assert joined.value(phase="1").value == pytest.approx(1 / 12**3, rel=1e-12)
    c2 = TwoPointCluster(connectivity=26, periodic=(0, 1, 2))(board)
    s2 = TwoPointCorrelation(periodic=(0, 1, 2), radial=False)(board)
    assert [np.array_equal(p.y, q.y) for p, q in zip(c2.profiles, s2.profiles, strict=True)] == [True] * 8


@pytest.mark.parametrize("periodic", [(), (1,)])
def test_c2_lies_between_lineal_path_and_s2(periodic):
    volume = np.random.default_rng(6).choice(3, (16, 18, 20), p=[0.3, 0.5, 0.2])
    options = {"periodic": periodic, "r_max": 8}
    metrics = [LinealPath(**options), TwoPointCluster(**options), TwoPointCorrelation(radial=False, **options)]
    found = mc.measure(volume, metrics)
    for phase in "012":
        for direction in "012":
            lineal, c2, s2 = (
                found[name].profile(phase=phase, direction=direction).y
                for name in ("lineal_path", "two_point_cluster", "two_point_correlation")
            )
            assert (lineal <= c2).all()
            assert (c2 <= s2).all()
            # Neighbours of one phase are in one cluster, and on one segment.
            assert np.array_equal(lineal[:2], c2[:2])
            assert np.array_equal(c2[:2], s2[:2])


def test_c2_of_one_cluster_is_s2():
    box = np.zeros((12, 13, 14), int)
    box[3:9, 2:10, 4:12] = 1
    c2, s2 = TwoPointCluster(r_max=9)(box), TwoPointCorrelation(r_max=9, radial=False)(box)
    assert all(np.array_equal(p.y, q.y) for p, q in zip(c2.profiles, s2.profiles, strict=True))


def test_a_cluster_that_meets_itself_round_the_end():
    # Two ends of one periodic cluster, three voxels: 0, 1 and 9 of ten.
    line = np.isin(np.arange(10), [0, 1, 9]).astype(int)[np.newaxis]
    found = TwoPointCluster(periodic=(2,), r_max=9)(line).profile(phase="1", direction="2")
    assert found.y * 10 == pytest.approx([3, 2, 1, 0, 0, 0, 0, 0, 1, 2], abs=1e-12)


def test_layers_percolate_along_themselves():
    layers = (np.indices((9, 7, 8))[0] // 3) % 2
    found = PercolatingFraction()(layers)
    for phase in "01":
        assert [found.value(phase=phase, direction=axis).value for axis in "012"] == [0.0, 1.0, 1.0]


def test_a_periodic_axis_still_has_two_end_faces():
    # A blob across the faces of a periodic axis does not connect them through the sample.
    volume = np.zeros((8, 6, 6), int)
    volume[:2, 2:4, 2:4] = volume[6:, 2:4, 2:4] = 1
    assert PercolatingFraction(periodic=(0,))(volume).value(phase="1", direction="0").value == 0.0
    assert ClusterDensity(periodic=(0,))(volume).value(phase="1").value == pytest.approx(1 / volume.size)


def test_a_path_through_a_periodic_side_percolates():
    image = np.zeros((4, 6), int)
    image[:2, 0] = image[2:, 5] = 1
    assert PercolatingFraction()(image).value(phase="1", direction="1").value == 0.0
    # The columns 0 and 5 are neighbours round the end; rows 1 and 2 meet only at a corner.
    for connectivity, expected in ((6, 0.0), (26, 1.0)):
        metric = PercolatingFraction(periodic=(2,), connectivity=connectivity)
        assert metric(image).value(phase="1", direction="1").value == expected


def test_voxels_outside_the_mask_join_nothing():
    line = np.ones((1, 9), int)
    mask = np.ones((1, 9), bool)
    mask[0, 3] = False
    volume = mc.as_volume(line, mask=mask)
    assert ClusterDensity()(volume).value(phase="1").value == pytest.approx(2 / 8)
    assert LargestClusterFraction()(volume).value(phase="1").value == 5 / 8
    c2 = TwoPointCluster(r_max=2)(volume).profile(phase="1", direction="2").y
    assert c2 == pytest.approx([1, 1, 4 / 5], rel=1e-12)


def test_units_of_volumes_and_images():
    density = ClusterDensity()
    volume = density(mc.as_volume(np.eye(4, dtype=int)[np.newaxis].repeat(2, 0), voxel_size="1,2,3um"))
    assert volume.value(phase="1").unit == "um^-3"
    assert volume.value(phase="1").value == pytest.approx(4 / (32 * 6), rel=1e-12)
    image = density(mc.as_volume(np.eye(4, dtype=int), voxel_size="1,2,3um"))
    assert image.value(phase="1").unit == "um^-2"
    assert image.value(phase="1").value == pytest.approx(4 / (16 * 6), rel=1e-12)


def test_one_phase_and_an_absent_one():
    volume = mc.as_volume(np.zeros((5, 6, 7), int), phases={"here": 0, "absent": 1})
    found = mc.measure(volume, [metric() for metric in CLUSTER_METRICS])
    assert found["largest_cluster_fraction"].value(phase="here").value == 1.0
    assert {v.value for v in found["percolating_fraction"].values if v.phase == "here"} == {1.0}
    assert {v.status for v in found["percolating_fraction"].values if v.phase == "absent"} == {"absent_phase"}
    assert found["cluster_density"].value(phase="absent").value == 0.0
    assert (found["two_point_cluster"].profile(phase="here", direction="mean").y == 1).all()
    assert (found["two_point_cluster"].profile(phase="absent", direction="mean").y == 0).all()


@pytest.mark.parametrize("metric", CLUSTER_METRICS)
def test_other_connectivities_are_refused(metric):
    with pytest.raises(mc.InputError, match="connectivity=18"):
        metric(connectivity=18)


def test_the_record_says_which_voxels_are_neighbours():
    assert ClusterDensity()(np.eye(3, dtype=int)).convention["connectivity"].startswith("4")
    assert ClusterDensity(connectivity=26)(np.zeros((3, 3, 3), int)).convention["connectivity"].startswith("26")
