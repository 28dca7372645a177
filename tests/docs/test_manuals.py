"""Conversions of the metric pages: what other programs compute by their own account, from our values."""

import itertools
import math

import numpy as np
import pytest
from skimage.measure import marching_cubes, mesh_surface_area

import microchar as mc

PORE = {"phase": "pore"}


@pytest.fixture(scope="module")
def volume():
    return mc.datasets.nmc_cathode().crop((0, 0, 0), (26, 24, 28))


@pytest.fixture(scope="module")
def values(volume):
    names = ["specific_surface_area", "interfacial_area", "triple_phase_boundary", "lineal_path"]
    names += ["chord_length_distribution", "largest_cluster_fraction"]
    return mc.measure(volume, names, errors=False)


@pytest.fixture(scope="module")
def pores(volume):
    return volume.read() == volume.phases.index("pore")


def slices(image):
    """Return all slices, normal to each axis."""
    return [plane for axis in range(3) for plane in np.moveaxis(image, axis, 0)]


@pytest.mark.oracle
def test_matbox_counts_faces_per_volume_of_the_sample(values, pores):
    faces = sum(np.count_nonzero(np.diff(pores.astype(int), axis=axis)) for axis in range(3))
    assert values["specific_surface_area"].value(**PORE, estimator="faces").value == pytest.approx(faces / pores.size)


@pytest.mark.oracle
def test_matbox_counts_squares_of_three_phases_in_slices(values, volume):
    squares = 0
    for plane in slices(volume.read()):
        four = np.stack([plane[1:, :-1], plane[1:, 1:], plane[:-1, :-1], plane[:-1, 1:]])
        squares += np.count_nonzero(np.all([(four == phase).any(axis=0) for phase in range(3)], axis=0))
    measured = values["triple_phase_boundary"].value(estimator="edges").value
    assert measured == pytest.approx(squares / math.prod(volume.shape))


@pytest.mark.oracle
def test_puma_divides_the_area_of_the_mesh_by_the_volume_between_the_outer_centres(values, pores):
    area = mesh_surface_area(*marching_cubes(pores.astype(np.float32), 0.5)[:2])
    measured = values["specific_surface_area"].value(**PORE, estimator="marching_cubes").value
    assert measured == pytest.approx(area / math.prod(n - 1 for n in pores.shape), rel=1e-6)


@pytest.mark.oracle
def test_the_mean_intercept_length_of_puma_includes_cut_chords(values, pores):
    for axis in range(3):
        intercept = pores.sum() / np.count_nonzero(np.diff(pores.astype(int), axis=axis) < 0)
        key = PORE | {"direction": str(axis), "feature": "mean_length"}
        assert intercept > values["chord_length_distribution"].value(**key).value


@pytest.mark.oracle
def test_gooseeye_divides_segments_by_all_voxels_of_a_line(values, pores):
    n, ours = pores.shape[2], values["lineal_path"].profile(**PORE, direction="2").y
    for k in (0, 1, 3):
        segments = np.all([pores[:, :, start : n - k + start] for start in range(k + 1)], axis=0)
        assert ours[k] * (n - k) / n == pytest.approx(segments.sum() / pores.size)


@pytest.mark.oracle
def test_morpholibj_weights_pairs_by_the_cells_of_eight_voxels_they_lie_in(values, pores):
    # Shares of the sphere that are nearest to the 13 directions, both signs.
    shares = {1: 2 * 0.045778, 2: 2 * 0.036981, 3: 2 * 0.035196}
    inner, total = np.array(pores.shape) - 1, 0.0
    for corner, step in itertools.product(itertools.product((0, 1), repeat=3), itertools.product((0, 1), repeat=3)):
        if any(step):
            other = np.bitwise_xor(corner, step)
            here, there = (
                pores[tuple(slice(c, c + m) for c, m in zip(at, inner, strict=True))] for at in (corner, other)
            )
            # A direction has as many diagonals in the cell as it has parallel edges.
            parallel = {1: 4, 2: 2, 3: 1}[sum(step)]
            total += 4 * shares[sum(step)] * np.count_nonzero(here & ~there) / math.sqrt(sum(step)) / (2 * parallel)
    measured = values["specific_surface_area"].value(**PORE, estimator="crofton").value
    assert measured == pytest.approx(total / inner.prod(), rel=0.02)
