"""Distances of phases: exact on planes, halved and doubled without loss where they should be."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch

from conftest import data_folder
from microchar_gan.networks.distances import (
    DOUBLING_MARGIN,
    FARTHEST,
    depths,
    doubled,
    middles,
    n_fields,
    of_cells,
    signed_distances,
    spread_of_values,
    to_cells,
)


def there_and_back(fields):
    """Halve the resolution and double it again; what margins miss at the faces is left out: 6 voxels."""
    half = middles(fields)[:, 1::2, 1::2, 1::2]
    return doubled(half)


@pytest.mark.analytic
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_distance_from_a_plane_is_exact_and_cut(axis):
    labels = np.zeros((24, 24, 24), np.uint8)
    np.moveaxis(labels, axis, 0)[10:] = 1
    line = np.clip(9.5 - np.arange(24), -FARTHEST, FARTHEST)
    (field,) = signed_distances(labels, 2)
    np.testing.assert_array_equal(np.moveaxis(field, axis, 0)[:, 5, 7], line)


@pytest.mark.analytic
def test_the_distance_in_a_ball_is_that_to_its_surface():
    grid = np.indices((31, 31, 31)) - 15.0
    radius = np.sqrt((grid**2).sum(axis=0))
    (field,) = signed_distances((radius > 12).astype(np.uint8), 2)
    near = np.abs(12 - radius) < 5
    assert np.abs(field - (12 - radius))[near].max() < 0.75


@pytest.mark.oracle
def test_distances_are_those_to_the_nearest_voxel_of_another_phase():
    labels = np.random.default_rng(0).integers(0, 3, (7, 6, 5)).astype(np.uint8)
    places = np.argwhere(labels >= 0)
    for phase, field in enumerate(signed_distances(labels, 3)):
        for at in places:
            inside = labels[tuple(at)] == phase
            others = places[(labels[tuple(places.T)] == phase) != inside]
            nearest = np.sqrt(((others - at) ** 2).sum(axis=1).min()) - 0.5
            assert field[tuple(at)] == pytest.approx((1 if inside else -1) * min(nearest, FARTHEST), abs=1e-5)


@pytest.mark.property
def test_a_phase_that_is_absent_is_as_far_as_can_be():
    fields = signed_distances(np.ones((8, 8, 8), np.uint8), 3)
    assert np.unique(fields[0]) == [-FARTHEST]
    assert np.unique(fields[1]) == [FARTHEST]


@pytest.mark.property
def test_two_phases_have_one_distance_and_its_negative():
    labels = np.random.default_rng(1).integers(0, 2, (8, 8, 8)).astype(np.uint8)
    fields = torch.from_numpy(signed_distances(labels, 2))
    assert (len(fields), n_fields(2), n_fields(3)) == (1, 1, 3)
    np.testing.assert_array_equal(depths(fields).argmax(dim=0).numpy(), labels)


@pytest.mark.property
def test_the_deepest_phase_is_the_label():
    labels = np.random.default_rng(2).integers(0, 4, (8, 8, 8)).astype(np.uint8)
    fields = torch.from_numpy(signed_distances(labels, 4))
    np.testing.assert_array_equal(depths(fields).argmax(dim=0).numpy(), labels)


@pytest.mark.analytic
def test_half_the_resolution_holds_cubics_exactly():
    a, b, c = (torch.arange(n, dtype=torch.float64)[shape] for n, shape in
               ((22, np.s_[:, None, None]), (20, np.s_[None, :, None]), (24, np.s_[None, None, :])))  # fmt: skip
    ramps = torch.stack([0.3 * a - 0.7 * b + 0.2 * c + 1, (0.1 * a - 0.05 * b * c) ** 1 * a, 1e-2 * a**3 - b**2 * c])
    back = there_and_back(ramps)
    inner = ramps[:, 6:, 6:, 6:]
    shape = [min(m, n) for m, n in zip(back.shape[1:], inner.shape[1:], strict=True)]
    assert min(shape) >= 8
    a, b, c = (slice(n) for n in shape)
    torch.testing.assert_close(back[:, a, b, c], inner[:, a, b, c])


@pytest.mark.property
def test_cells_are_sorted_back():
    fields = torch.randn(3, 8, 6, 4)
    cells = to_cells(fields)
    assert cells.shape == (24, 4, 3, 2)
    torch.testing.assert_close(of_cells(cells), fields)
    # A cell holds its own voxels: shifting by a cell shifts by two.
    assert torch.equal(to_cells(fields.roll(2, 1)), cells.roll(1, 1))


@pytest.mark.realdata
def test_half_the_resolution_changes_few_voxels_of_berea():
    labels = (tifffile.imread(data_folder() / "berea.tif", key=range(120))[:, :120, :120] > 0).astype(np.uint8)
    fields = torch.from_numpy(signed_distances(labels, 2))
    back = depths(there_and_back(fields)).argmax(dim=0).numpy()
    inner = labels[6 : 6 + back.shape[0], 6 : 6 + back.shape[1], 6 : 6 + back.shape[2]]
    back = back[: inner.shape[0], : inner.shape[1], : inner.shape[2]]
    changed = np.mean(back != inner)
    assert 1e-4 < changed <= 0.006, changed


def test_doubling_needs_its_margin():
    assert doubled(torch.zeros(1, *(5 + 2 * DOUBLING_MARGIN,) * 3)).shape == (1, 10, 10, 10)


@pytest.mark.analytic
def test_the_values_of_a_cell_are_its_sum_and_its_differences():
    slope = torch.arange(8.0)[:, None, None].expand(8, 4, 4)  # along axis 0
    cells = to_cells(slope[None])
    assert cells.shape == (8, 4, 2, 2)
    # Each cell holds 2k and 2k + 1, four times each.
    np.testing.assert_allclose(cells[0, :, 0, 0], (16 * np.arange(4) + 4) / 8**0.5, rtol=1e-6)
    np.testing.assert_allclose(cells[4], -4 / 8**0.5, rtol=1e-6)
    assert not cells[[1, 2, 3, 5, 6, 7]].any()


@pytest.mark.property
@pytest.mark.parametrize("alike", [True, False])
def test_the_spread_of_the_values_is_theirs_and_equal_for_details_that_are_alike(alike):
    fields = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 16, 16, 16))).float()
    fields[0] += torch.arange(16)[:, None, None] % 2  # a detail along axis 0
    cells = to_cells(fields)
    spread = spread_of_values(cells, alike)
    variances = cells.double().var(dim=(1, 2, 3), correction=0).numpy()
    assert spread.shape == (16,)
    if alike:
        of_one_axis = spread.reshape(2, 8)[:, [1, 2, 4]]
        expected = np.sqrt(variances.reshape(2, 8)[:, [1, 2, 4]].mean(axis=1))
        np.testing.assert_allclose(of_one_axis, np.repeat(expected[:, None], 3, axis=1))
    else:
        np.testing.assert_allclose(spread**2, variances)
    assert spread_of_values(torch.ones(8, 2, 2, 2), alike).tolist() == [1.0] * 8
