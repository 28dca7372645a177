"""The largest spheres inside a phase: their radii, and which of them leave nothing to paint."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

import microchar as mc
from blobs import large_bodies, volumes_for_spheres
from measured import voxels_by_thickness
from microchar.core.volume import OUTSIDE
from microchar.kernels.thickness import REDUNDANT
from microchar.measurement.blocks import thread_pool
from microchar.metrics._spheres import STEPS, bound, find_pairs, lattice, relative_sizes, squared_radii


@pytest.mark.oracle
@settings(deadline=None, max_examples=50)
@given(volumes_for_spheres(), st.integers(1, 3))
def test_radii_are_distances_from_the_nearest_voxel_of_another_phase(case, threads):
    labels, voxel_size, phases = case
    sizes = relative_sizes(mc.as_volume(np.zeros(labels.shape, int), voxel_size=voxel_size).grid)
    for phase in phases:
        with thread_pool(threads) as pool:
            found = squared_radii(labels, phase, sizes, threads, pool)
        free = (labels == phase) | (labels == OUTSIDE)
        expected = distance_transform_edt(free, sampling=sizes) ** 2 * (labels != OUTSIDE)
        assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize(("shape", "seed"), [((30, 34, 70), 0), ((60, 24, 30), 1), ((1, 90, 140), 2)])
def test_thickness_of_large_bodies_is_that_of_painting_every_sphere(shape, seed):
    labels = large_bodies(shape, seed)
    squared = np.rint(distance_transform_edt(labels) ** 2).astype(int)
    largest = np.zeros(shape, int)
    for centre in np.argwhere(labels):
        square = squared[tuple(centre)]
        reach = int(np.sqrt(square))
        box = tuple(slice(max(0, c - reach), c + reach + 1) for c in centre)
        axes = np.ogrid[
            tuple(slice(b.start - c, min(b.stop, n) - c) for b, c, n in zip(box, centre, shape, strict=True))
        ]
        held = sum(axis**2 for axis in axes) < square
        np.maximum(largest[box], square, out=largest[box], where=held)
    thickness, voxels = voxels_by_thickness(labels, 1, threads=2)
    squares, expected = np.unique(largest[labels == 1], return_counts=True)
    assert thickness == pytest.approx(2 * np.sqrt(squares), rel=1e-7)
    assert voxels.tolist() == expected.tolist()
    assert squares.max() > 64


@pytest.mark.analytic
@pytest.mark.parametrize("voxel_size", ["1um", "1,1,100um"])
def test_a_sphere_may_be_wider_than_the_volume(voxel_size):
    # All voxels lie in the sphere around the one that is farthest from the only obstacle.
    labels = np.ones((1, 3, 40000), np.uint8)
    labels[0, 0, 0] = 0
    volume = mc.as_volume(labels[:, :, : 40000 if voxel_size == "1um" else 400], voxel_size=voxel_size)
    sizes = volume.voxel_size
    farthest = np.hypot(2 * sizes[1], (volume.shape[2] - 1) * sizes[2])
    found = mc.metrics.LocalThickness()(volume).value(phase="1", feature="quantile_0.9")
    assert found.value == pytest.approx(2 * farthest, rel=1e-5)


@pytest.mark.oracle
def test_coarse_tables_change_nothing(monkeypatch):
    labels = large_bodies((20, 24, 26), 4)
    fine = voxels_by_thickness(labels, 1)
    monkeypatch.setattr("microchar.metrics._spheres._ROWS", 16)
    coarse = voxels_by_thickness(labels, 1)
    assert all(np.array_equal(a, b) for a, b in zip(fine, coarse, strict=True))


@pytest.mark.property
@pytest.mark.parametrize("voxel_size", ["1um", "1,2,1.5um"])
def test_what_a_box_leaves_out_lies_in_larger_neighbours(voxel_size):
    labels = large_bodies((24, 26, 28), 3)
    sizes = relative_sizes(mc.as_volume(labels, voxel_size=voxel_size).grid)
    with thread_pool(2) as pool:
        squared = squared_radii(labels, 1, sizes, 2, pool)
        geometry = lattice(sizes, labels.shape, squared.max())
        slabs = list(find_pairs(squared, geometry, pool))
    boxes = dict.fromkeys(map(tuple, np.argwhere(labels)), None)
    for first, last, pairs in slabs:
        centres, of_slab = bound(squared, (first, last), pairs, geometry)
        boxes |= zip(zip(*np.unravel_index(centres, labels.shape), strict=True), of_slab, strict=True)
        assert (pairs[labels[first:last] == 0] == REDUNDANT).all()
    voxels = np.argwhere(labels >= 0)
    rng = np.random.default_rng(0)
    for centre in rng.permutation(np.argwhere(labels))[:400]:
        limit = geometry.shrink * squared[tuple(centre)] - geometry.gap
        of_sphere = voxels[(((voxels - centre) * sizes) ** 2).sum(axis=1) <= limit]
        box = boxes[tuple(centre)]
        if box is not None:
            outside = (of_sphere - centre < box[::2]) | (of_sphere - centre > box[1::2])
            of_sphere = of_sphere[outside.any(axis=1)]
        covered = np.zeros(len(of_sphere), bool)
        for step in STEPS:
            other = tuple(centre + step)
            inside = all(0 <= x < n for x, n in zip(other, labels.shape, strict=True))
            if inside and squared[other] > squared[tuple(centre)]:
                limit = geometry.shrink * squared[other] - geometry.gap
                covered |= (((of_sphere - other) * sizes) ** 2).sum(axis=1) <= limit
        assert covered.all()


@pytest.mark.analytic
def test_a_sphere_that_holds_the_voxels_of_a_larger_one_does_not_take_its_place():
    # Axis 1 has two voxels, which a small sphere holds as well as a large one.
    labels = np.ones((5, 2, 1), np.uint8)
    labels[0, 0] = labels[4, 1] = 0
    volume = mc.as_volume(labels, voxel_size="3,0.5,1um")
    found = mc.metrics.LocalThickness()(volume)
    # The two voxels in the middle are the farthest from both obstacles.
    expected = 2 * 6
    assert found.value(phase="1", feature="quantile_0.9").value == pytest.approx(expected, rel=1e-5)
