"""What volumes from slices by multiple-point promise: the slices' anisotropy, volume fractions and surface."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from microchar.core.errors import InputError
from microchar.generation.training import TrainingData
from microchar.generators.gaussian_field import GaussianField, cut_gaussian_field
from microchar.generators.multiple_point import MultiplePoint
from microchar.generators.multiple_point.solid_texture import _folded, _resized, _shrunk, balanced
from microchar.testing import check_generator
from microchar.testing.volumes import overlapping_spheres

pytestmark = pytest.mark.analytic

SHAPE = (28, 24, 26)


@pytest.fixture(scope="module")
def medium():
    return cut_gaussian_field(
        (48, 48, 48), correlation_length=3, volume_fraction=0.3, exact_fraction=True, seed=1
    ).values


@pytest.fixture(scope="module")
def fitted(medium):
    """From one slice."""
    return MultiplePoint().fit(medium[5])


def smooth(lengths, quantiles, seed=0):
    field = gaussian_filter(np.random.default_rng(seed).normal(size=(48, 48, 48)), lengths, mode="wrap")
    return np.digitize(field, np.quantile(field, quantiles)).astype(np.uint8)


def unlike(values):
    """Share of unlike neighbours along each axis."""
    return np.array([np.mean(np.diff(values.astype(np.int8), axis=axis) != 0) for axis in range(values.ndim)])


# --- the contract ------------------------------------------------------------------


def test_contract_three_phases_from_slices():
    volume = smooth(1, [0.3, 0.65])
    slices = TrainingData.from_slices({0: [volume[0], volume[9, :20]], 2: [volume[..., 3]]})
    check_generator(MultiplePoint(), slices, shape=(20, 18, 16))


# --- statistics ----------------------------------------------------------------------


def test_one_slice_gives_its_surface_along_every_axis(medium, fitted):
    volume = fitted.generate(SHAPE, seed=1).values
    shuffled = np.random.default_rng(0).permutation(volume.ravel()).reshape(SHAPE)
    wanted = unlike(medium).mean()
    # Votes smooth and one slice of 48² scatters by a tenth; the shuffled volume has .42 where the medium has .13.
    np.testing.assert_allclose(unlike(volume), wanted, rtol=0.3)
    assert np.all(np.abs(unlike(volume) - wanted) < 0.2 * np.abs(unlike(shuffled) - wanted))


def test_what_votes_make_matches_the_slice_better_than_the_field_it_starts_from():
    # Spheres of one radius are no level cut of a Gaussian field: the share of 5 × 5 windows that the slice holds too.
    image = overlapping_spheres((12, 128, 128), radius=4, void_fraction=0.6, seed=0).read()[4]
    shares = []
    for generator in (MultiplePoint(), GaussianField()):
        values = generator.fit(image).generate(SHAPE, seed=1).values
        made = np.concatenate([codes(np.moveaxis(values, axis, 0)) for axis in range(3)])
        shares.append(np.isin(made, codes(image[None])).mean())
    # .86 and .83: votes move the field some of the way.
    assert shares[0] > shares[1] + 0.02


def codes(planes):
    """A number for each 5 × 5 window of binary planes."""
    windows = np.lib.stride_tricks.sliding_window_view(planes, (5, 5), axis=(1, 2))
    return (windows.reshape(-1, 25) @ 2 ** np.arange(25)).ravel()


def test_three_slices_give_the_anisotropy_of_the_material():
    layers = smooth((1, 2, 4), [0.6], seed=3)
    slices = TrainingData.from_slices({axis: [layers.take(k, axis) for k in (5, 30)] for axis in range(3)})
    made = unlike(MultiplePoint().fit(slices).generate((32, 32, 32), seed=1).values)
    # .20, .10 and .05 unlike neighbours; slices of 48² of a field of that length scatter by a tenth or so.
    np.testing.assert_allclose(made, unlike(layers), rtol=0.35)
    assert made[0] > 1.5 * made[1] > 2.25 * made[2]


@pytest.mark.parametrize("quantiles", [[0.3], [0.3, 0.65]])
def test_volume_fractions_are_those_of_the_slices(quantiles):
    volume = smooth(1.5, quantiles, seed=4)
    slices = TrainingData.from_slices({0: [volume[3]], 1: [volume[:, 7]], 2: [volume[..., 11]]})
    made = MultiplePoint().fit(slices).generate((22, 20, 24), seed=2).values
    # To the voxel, but for voxels with equal votes.
    np.testing.assert_allclose(np.bincount(made.ravel()) / made.size, slices.volume_fractions(), atol=2e-3)


@pytest.mark.parametrize("periodic", [(1,), (0, 1, 2)])
def test_seeds_and_periodic_axes(fitted, periodic):
    one, again, other = (fitted.generate(SHAPE, seed=seed, periodic=periodic) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.values, again.values)
    # Independent ones of a phase with .3 agree in .58 of their voxels, within some per cent.
    assert np.mean(one.values == other.values) < 0.7
    assert "does not apply" in one.source["remarks"]["copied_share"]
    for axis in range(3):
        across = np.mean(np.take(one.values, 0, axis) != np.take(one.values, -1, axis))
        # Faces that have nothing to do with each other differ in .42 of their voxels.
        assert (across < 0.25) == (axis in periodic)


def test_data_are_mostly_honoured_by_votes(medium, fitted):
    voxels = np.unique(np.random.default_rng(3).integers(6, size=(30, 3)) * 4, axis=0)
    data = tuple((int(i), int(j), int(k), int(medium[i, j, k])) for i, j, k in voxels)
    volume = MultiplePoint(hard_data=data).fit(medium[5]).generate(SHAPE, seed=1)
    assert all(volume.values[i, j, k] == label for i, j, k, label in data)
    free = fitted.generate(SHAPE, seed=1).values
    missed = sum(int(free[i, j, k] != label) for i, j, k, label in data)
    assert volume.source["remarks"]["hard_data_set"] < missed


# --- pieces ------------------------------------------------------------------------------


def test_balanced_votes():
    rng = np.random.default_rng(0)
    two = rng.random((5, 6, 7, 1)).astype(np.float32)
    labels = balanced(np.concatenate([1 - two, two], axis=-1), np.array([0.7, 0.3]))
    assert labels.sum() == 63
    assert two[labels == 1].min() >= two[..., :1][labels == 0].max()
    three = rng.dirichlet([1, 2, 5], size=(9, 10, 11))
    counts = np.bincount(balanced(three, np.array([0.5, 0.3, 0.2])).ravel())
    np.testing.assert_allclose(counts, [495, 297, 198], atol=2)


def test_a_coarser_level_keeps_means():
    values = np.random.default_rng(0).random((7, 8, 9, 2))
    small = _shrunk(values, (4, 4, 5))
    # Seven voxels are 2 + 2 + 2 + 1 in some order: repeated means have the sum of the voxels.
    np.testing.assert_allclose(_resized(small, (7, 8, 9)).sum(axis=(0, 1, 2)), values.sum(axis=(0, 1, 2)))
    np.testing.assert_allclose(_shrunk(_resized(small, (7, 8, 9)), (4, 4, 5)), small)


def test_margins_are_folded_to_the_other_side():
    padded = np.random.default_rng(0).random((2, 14, 15))
    expected = np.zeros((2, 8, 9))
    for i, j in np.ndindex(14, 15):
        expected[:, (i - 3) % 8, (j - 3) % 9] += padded[:, i, j]
    np.testing.assert_allclose(_folded(padded.copy()), expected)


# --- refusals ------------------------------------------------------------------------------


def test_too_short_an_axis_is_refused(fitted):
    with pytest.raises(InputError, match="axis 1 is too short, expected at least 7 voxels"):
        fitted.generate((20, 6, 20))
    with pytest.raises(InputError, match="correlation length"):
        MultiplePoint().fit(smooth(6, [0.5])[0]).generate((12, 12, 12))
    with pytest.raises(InputError, match="found one smaller than 7 × 7 pixels"):
        MultiplePoint().fit(smooth(1, [0.5])[0, :6]).generate((20, 20, 20))
