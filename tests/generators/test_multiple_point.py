"""What patch quilting promises: regular textures, statistics within a patch, seams, data, copies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from microchar.cli._parameters import values_of
from microchar.core.errors import InputError
from microchar.core.volume import as_volume
from microchar.generation.training import TrainingData
from microchar.generators.gaussian_field import cut_gaussian_field
from microchar.generators.multiple_point import MultiplePoint
from microchar.generators.multiple_point.cover import Cover
from microchar.testing import check_generator

pytestmark = pytest.mark.analytic

SEEDS = range(4)


@pytest.fixture(scope="module")
def medium():
    return cut_gaussian_field(
        (48, 48, 48), correlation_length=3, volume_fraction=0.3, exact_fraction=True, seed=1
    ).values


@pytest.fixture(scope="module")
def quilted(medium):
    """Volumes of patches of 16 voxels; generated once."""
    generator = MultiplePoint(patch=16, overlap=5).fit(medium)
    return [generator.generate((48, 48, 48), seed=seed).values for seed in SEEDS]


def three_phases(shape, seed=0):
    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5, mode="wrap")
    return np.digitize(field, np.quantile(field, [0.3, 0.65])).astype(np.uint8)


def s2(values, lag):
    """Both voxels of phase 1, over the axes."""
    pairs = [
        np.mean(np.take(values, np.arange(lag, n), a) & np.take(values, np.arange(n - lag), a))
        for a, n in enumerate(values.shape)
    ]
    return float(np.mean(pairs))


def unlike(values):
    """Share of unlike neighbours, over the axes."""
    return float(np.mean([np.mean(np.diff(values.astype(np.int8), axis=axis) != 0) for axis in range(3)]))


# --- the contract ------------------------------------------------------------------


def test_contract_two_phases(medium):
    check_generator(MultiplePoint(), medium[:32, :32, :32])


def test_contract_three_phases_and_data():
    check_generator(MultiplePoint(patch=10, hard_data=((1, 2, 3, 2), (20, 19, 15, 0))), three_phases((32, 32, 32)))


def test_contract_slices():
    volume = three_phases((32, 32, 32))
    slices = TrainingData.from_slices({0: [volume[0], volume[7, :24]], 2: [volume[..., 3]]})
    check_generator(MultiplePoint(patch=9), slices, shape=(28, 20))


def test_a_plane_of_a_volume():
    generator = MultiplePoint(patch=8).fit(three_phases((24, 24, 24)))
    assert generator.generate((20, 1, 24), seed=1).shape == (20, 1, 24)


# --- regular textures ----------------------------------------------------------------


@pytest.mark.parametrize("periodic", [(), (0, 1, 2)])
def test_a_checkerboard_stays_one(periodic):
    # Cells of two voxels: perfect joins exist at every eighth position, far more than are drawn from.
    board = (np.indices((24, 24, 24)) // 2).sum(axis=0) % 2
    values = MultiplePoint(patch=8).fit(board).generate((20, 24, 16), seed=2, periodic=periodic).values
    for axis in range(3):
        shifted = np.roll(values, -2, axis)
        if axis not in periodic:
            keep = np.arange(values.shape[axis] - 2)
            np.testing.assert_array_equal(np.take(shifted, keep, axis), 1 - np.take(values, keep, axis))
        else:
            np.testing.assert_array_equal(shifted, 1 - values)


def test_stripes_of_three_phases_stay_stripes_along_their_axis():
    stripes = np.indices((30, 30, 30))[1] // 3 % 3
    values = MultiplePoint(patch=9, overlap=4).fit(stripes).generate((24, 36, 20), seed=1, periodic=(0, 1)).values
    np.testing.assert_array_equal(values, np.broadcast_to(values[:1, :, :1], values.shape))
    np.testing.assert_array_equal(np.roll(values, -3, axis=1), (values + 1) % 3)


# --- statistics ------------------------------------------------------------------------


def test_volume_fractions_are_held(medium, quilted):
    # One patch of 216 changes a fraction of .3 by at most .005; the last ones can only steer so far.
    assert abs(np.mean(quilted) - medium.mean()) < 0.01
    three = three_phases((32, 32, 32))
    made = MultiplePoint(patch=10).fit(three).generate((40, 40, 40), seed=3).values
    np.testing.assert_allclose(
        np.bincount(made.ravel()), np.bincount(three.ravel()) / three.size * made.size, rtol=0.06
    )


@pytest.mark.parametrize("lag", [1, 2, 4, 8])
def test_two_points_within_a_patch_are_those_of_the_training_image(medium, quilted, lag):
    # The tolerance that a comparison of two volumes would state: .05 phi (1 - phi) is .0105.
    made = np.mean([s2(values, lag) for values in quilted])
    assert abs(made - s2(medium, lag)) < 0.05 * 0.3 * 0.7


def test_seams_are_hardly_rougher_than_the_rest(quilted):
    # Unlike neighbours along axis 2, where patches overlap along it and where they do not.
    cover = Cover.of((48, 48, 48), 16, 5, ())
    length, starts = cover.patch[2], cover.starts[2]
    overlap = np.zeros(48, int)
    for start in starts:
        overlap[start : start + length] += 1
    seam = (overlap[1:] > 1) & (overlap[:-1] > 1)
    rates = np.mean([np.mean(np.diff(values.astype(np.int8), axis=2) != 0, axis=(0, 1)) for values in quilted], axis=0)
    # A cut passes through every overlap. Patches set down without one make a plane of .42 unlike neighbours.
    assert rates[seam].mean() < 1.25 * rates[~seam].mean()


def test_the_cut_beats_patches_that_are_set_side_by_side(medium, quilted):
    rng = np.random.default_rng(0)
    tiles = np.empty_like(medium)
    for corner in np.ndindex(3, 3, 3):
        i, j, k = rng.integers(33, size=3)
        at = tuple(slice(16 * c, 16 * c + 16) for c in corner)
        tiles[at] = medium[i : i + 16, j : j + 16, k : k + 16]
    added = np.mean([unlike(values) for values in quilted]) - unlike(medium)
    # Both have seams every 11 and 16 voxels; matching and cutting must save most of what they add.
    assert added * 11 < 0.5 * (unlike(tiles) - unlike(medium)) * 16


def test_seeds_make_different_volumes(quilted):
    # Two independent ones agree in .3² + .7² = .58 of their voxels, within some per cent over 48³ correlated voxels.
    assert np.mean(quilted[0] == quilted[1]) == pytest.approx(0.58, abs=0.05)


# --- copies ------------------------------------------------------------------------------


def test_one_patch_is_a_window_of_the_training_image_and_smaller_ones_copy_less(medium):
    shares = []
    for patch in (24, 16, 10):
        volume = MultiplePoint(patch=patch).fit(medium).generate((24, 24, 24), seed=1)
        remarks = volume.source["remarks"]
        assert remarks["copied_window"] == (6, 6, 6)
        assert any("copied_share" in note for note in volume.notes)
        shares.append(remarks["copied_share"])
        if patch == 24:
            windows = np.lib.stride_tricks.sliding_window_view(medium, (24, 24, 24))
            assert (windows == volume.values).all(axis=(3, 4, 5)).any()
    assert shares[0] == 1
    assert shares[0] > shares[1] > shares[2]


def test_masked_voxels_are_not_copied():
    values = np.indices((20, 20, 40))[2] // 2 % 2
    values[:, :, 20:] = np.random.default_rng(0).integers(2, size=(20, 20, 20))
    mask = np.ones(values.shape, bool)
    mask[:, :, 20:] = False
    made = MultiplePoint(patch=8).fit(as_volume(values, mask=mask)).generate((16, 16, 24), seed=1).values
    np.testing.assert_array_equal(made[..., 2:], 1 - made[..., :-2])


# --- data ----------------------------------------------------------------------------------


def test_data_choose_the_window_they_were_taken_from(medium):
    window = medium[5:29, 9:33, 20:44]
    voxels = np.random.default_rng(0).integers(24, size=(60, 3))
    data = tuple((int(i), int(j), int(k), int(window[i, j, k])) for i, j, k in voxels)
    volume = MultiplePoint(patch=24, hard_data=data).fit(medium).generate((24, 24, 24), seed=1)
    # 60 voxels single out one of 25³ positions.
    np.testing.assert_array_equal(volume.values, window)
    assert volume.source["remarks"]["hard_data_set"] == 0


@pytest.mark.parametrize("periodic", [(), (0, 1, 2)])
def test_data_are_honoured_mostly_by_patches(medium, periodic):
    rng = np.random.default_rng(3)
    voxels = {tuple(int(x) for x in rng.integers(32, size=3)) for _ in range(60)}
    data = tuple((*voxel, int(rng.random() < 0.3)) for voxel in sorted(voxels))
    volume = MultiplePoint(patch=12, hard_data=data).fit(medium).generate((32, 32, 32), seed=1, periodic=periodic)
    assert all(volume.values[i, j, k] == label for i, j, k, label in data)
    # Without regard for the data .42 of them would have to be set.
    assert volume.source["remarks"]["hard_data_set"] < 0.2 * len(data)


def test_data_can_be_given_as_text():
    values = values_of("multiple-point", [("hard_data", "0,5,7,1; 3,3,2,0"), ("patch", "8")])
    assert values == {"hard_data": ((0, 5, 7, 1), (3, 3, 2, 0)), "patch": 8}
    assert values_of("multiple-point", [("hard_data", "0,5,7,1")]) == {"hard_data": ((0, 5, 7, 1),)}
    with pytest.raises(InputError, match="hard_data"):
        values_of("multiple-point", [("hard_data", "0,5,7")])


# --- slices ----------------------------------------------------------------------------------


def test_slices_of_the_direction_asked_for_are_taken():
    rows, columns = np.indices((24, 24))
    slices = TrainingData.from_slices({0: [rows // 2 % 2], 1: [columns // 2 % 2]})
    generator = MultiplePoint(patch=8).fit(slices)
    normal0 = generator.generate((20, 20), seed=1).values[0]
    normal1 = generator.generate((20, 1, 20), seed=1).values[:, 0]
    np.testing.assert_array_equal(normal0, np.broadcast_to(normal0[:, :1], (20, 20)))
    np.testing.assert_array_equal(normal1, np.broadcast_to(normal1[:1], (20, 20)))
    with pytest.raises(InputError, match="normal to axis 2, but the training slices"):
        generator.generate((20, 20, 1))


def test_one_direction_stands_for_all():
    generator = MultiplePoint(patch=8).fit(three_phases((24, 24, 24))[0])
    assert generator.generate((20, 20, 1), seed=1).shape == (20, 20, 1)


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"patch": 33}, "larger than the training image, expected at most 32"),
        ({"patch": 1}, "patch=1"),
        ({"patch": 8.5}, "patch=8.5"),
        ({"patch": 8, "overlap": 5}, "at most 4"),
        ({"overlap": 0}, "overlap=0"),
        ({"candidates": 0}, "candidates=0"),
    ],
)
def test_parameters_that_cannot_be_are_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        MultiplePoint(**parameters).fit(three_phases((32, 32, 40)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (((0, 0, 20, 1),), "lies outside"),
        (((0, 0, 0, 3),), "expected 0 to 2"),
        (((0, 0, 1),), r"expected four whole numbers \(i, j, k, phase\)"),
        ((3,), r"expected four whole numbers \(i, j, k, phase\)"),
        (((0, 0, 0, 1), (0, 0, 0, 2)), "two phases"),
    ],
)
def test_data_that_cannot_be_are_refused(data, message):
    generator = MultiplePoint(hard_data=data).fit(three_phases((24, 24, 24)))
    with pytest.raises(InputError, match=message):
        generator.generate((20, 20, 20))


def test_an_axis_too_short_to_be_periodic_is_refused():
    generator = MultiplePoint(patch=12, overlap=6).fit(three_phases((24, 24, 24)))
    with pytest.raises(InputError, match="axis 1 is too short to be periodic"):
        generator.generate((20, 12, 20), periodic=(0, 1))
    assert generator.generate((20, 14, 20), periodic=(0, 1)).shape == (20, 14, 20)
