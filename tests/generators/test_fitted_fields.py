"""Gaussian fields fitted to volumes and slices: S2 against counting every pair, and the S2 of what is made.

Fits to media of known S2 must reproduce it, and fits to real volumes their S2 along every axis.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.samples import s2_along, spread, three_phases
from microchar.core.errors import InputError
from microchar.core.volume import as_volume
from microchar.generation.training import TrainingData
from microchar.generators.gaussian_field import (
    GaussianField,
    cut_gaussian_field,
    matched_gaussian_field,
    pair_probability,
)
from microchar.generators.gaussian_field.lattice import fold
from microchar.generators.gaussian_field.pair_statistics import PairStatistics, lines, width
from microchar.testing.volumes import overlapping_spheres

SEEDS = st.integers(0, 2**32 - 1)


def silent(fraction, what):
    del fraction, what


def naive_s2(labels, inside, phase, lag):
    pairs = both = 0
    for place in np.ndindex(labels.shape):
        other = tuple(p + h for p, h in zip(place, lag, strict=True))
        if any(not 0 <= o < n for o, n in zip(other, labels.shape, strict=True)) or not inside[place]:
            continue
        if inside[other]:
            pairs += 1
            both += labels[place] == phase == labels[other]
    return both / pairs if pairs >= 0.1 * inside.sum() else None


@pytest.mark.oracle
@settings(deadline=None, max_examples=12)
@given(seed=SEEDS, n_phases=st.integers(2, 3), masked=st.booleans())
def test_s2_of_a_volume(seed, n_phases, masked):
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_phases, size=(7, 4, 6))
    labels.flat[:n_phases] = range(n_phases)
    inside = rng.random(labels.shape) < 0.8 if masked else np.ones(labels.shape, bool)
    inside.flat[:n_phases] = True
    volume = as_volume(labels, mask=inside if masked else None)
    found = PairStatistics.of(TrainingData.of(volume), silent)
    assert found.lags == (3, 2, 3)
    for lag in [(0, 0, 0), (1, 0, 0), (0, -2, 1), (3, 2, -3), (-2, 1, 0)]:
        for phase in range(n_phases):
            counted = 1 if n_phases == 2 else phase
            expected = naive_s2(labels, inside, counted, lag)
            if expected is None:
                expected = found.fractions[counted] ** 2
            # Of two phases one is counted; the other follows but for pairs of which one end is near the face.
            if phase != counted:
                expected = 1 - 2 * found.fractions[1] + expected
            assert found.s2[(phase, *lag)] == pytest.approx(expected, abs=1e-5)


@pytest.mark.oracle
@settings(deadline=None, max_examples=12)
@given(seed=SEEDS, normals=st.sets(st.integers(0, 2), min_size=2))
def test_s2_of_slices_along_the_axes(seed, normals):
    rng = np.random.default_rng(seed)
    slices = {normal: [rng.integers(2, size=(6, 9)), rng.integers(2, size=(8, 5))] for normal in normals}
    found = PairStatistics.of(TrainingData.from_slices(slices), silent)
    for axis, line in enumerate(lines(found.s2[1], found.lags)):
        for lag in range(1, min(found.lags[axis], 4) + 1):
            pairs = both = 0
            for normal, group in slices.items():
                if axis == normal:
                    continue
                for image in group:
                    rows = np.moveaxis(image, sorted({0, 1, 2} - {normal}).index(axis), 0)
                    pairs += rows[lag:].size
                    both += np.sum(rows[lag:] * rows[:-lag])
            assert line[lag] == pytest.approx(both / pairs, abs=1e-5)


@pytest.mark.oracle
def test_an_axis_in_no_slice_takes_the_mean_of_the_others():
    rng = np.random.default_rng(1)
    found = PairStatistics.of(TrainingData.from_slices({1: [rng.integers(2, size=(20, 20))]}), silent)
    zeroth, first, second = lines(found.s2[1], found.lags)
    np.testing.assert_allclose(first, (zeroth + second) / 2, atol=1e-5)


@pytest.mark.oracle
def test_the_width_is_where_a_line_crosses():
    assert width(np.array([1.0, 0.5, 0.3])) == pytest.approx(1 + (0.5 - np.exp(-1)) / 0.2)
    assert width(np.array([1.0, 0.9])) == 1
    assert width(np.array([1.0, 0.0, -0.6, 0.1])) == pytest.approx(2 + (0.6 - np.exp(-1)) / 0.5)


@pytest.mark.oracle
@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, lattice=st.tuples(*[st.integers(1, 9)] * 3))
def test_folding_adds_up_all_images(seed, lattice):
    covariance = np.random.default_rng(seed).random((5, 3, 7)).astype(np.float32)
    covariance[0, 0, 0] = 200  # what is divided by stays large
    expected = np.zeros(lattice)
    for place in itertools.product(range(-2, 3), range(-1, 2), range(-3, 4)):
        if all(p == 0 for p, n in zip(place, lattice, strict=True) if n == 1):
            expected[tuple(p % n for p, n in zip(place, lattice, strict=True))] += covariance[place]
    np.testing.assert_allclose(fold(covariance, lattice), expected / expected[0, 0, 0], rtol=1e-5)


@pytest.mark.oracle
def test_a_direction_that_does_not_show_a_phase_is_refused():
    image = np.random.default_rng(0).integers(0, 2, (16, 16)).astype(np.uint8)
    data = TrainingData.from_slices({0: [image], 1: [np.ones_like(image)]})
    with pytest.raises(InputError, match=r"phase '0' has no pixels in the slices normal to axis 1"):
        PairStatistics.of(data, silent)


# --- fields matched to a volume ----------------------------------------------


@pytest.mark.analytic
def test_a_matched_field_has_the_s2_of_an_isotropic_medium():
    real = overlapping_spheres((96, 96, 96), radius=5, void_fraction=0.3, seed=2)
    void = 1 - real.values
    fraction = void.mean()
    lags = np.arange(25)
    target = np.mean([s2_along(void, axis, lags) for axis in range(3)], axis=0)
    found = []
    for seed in range(5):
        fake = matched_gaussian_field(real, seed=seed)
        assert abs(fake.values.mean() - real.values.mean()) < 1e-5
        found.append(np.mean([s2_along(1 - fake.values, axis, lags) for axis in range(3)], axis=0))
    mean, error = spread(found)
    # Not every S2 belongs to a cut Gaussian field: 0.01 phi (1 - phi) is allowed for what the fit gives up, a fifth of
    # the difference at which two materials are called different; the rest is the scatter of the realisations.
    assert (np.abs(mean - target) < 5 * error + 0.01 * fraction * (1 - fraction)).all()


@pytest.mark.analytic
def test_a_matched_field_follows_an_anisotropic_medium():
    lengths = (3.0, 5.0, 9.0)
    real = cut_gaussian_field((96, 96, 96), correlation_length=lengths, volume_fraction=0.4, seed=1)
    fakes = [matched_gaussian_field(real, seed=seed).values for seed in range(4)]
    for axis, length in enumerate(lengths):
        mean, error = spread([s2_along(values, axis, [1, 3, 6]) for values in fakes])
        target = s2_along(real.values, axis, [1, 3, 6])
        # Same allowance as above: lags at half height, where a wrong length would be off by .1 and more.
        assert (np.abs(mean - target) < 5 * error + 0.01 * 0.24).all(), length


@pytest.mark.analytic
def test_a_matched_field_keeps_the_identity_of_the_reference():
    real = overlapping_spheres((40, 40, 40), radius=4, void_fraction=0.4, seed=0, voxel_size="1,1,2um")
    coded = type(real)(
        values=np.where(real.values == 1, 255, 7).astype(np.int16),
        grey_values=(7, 255),
        phases=("pore", "grain"),
        voxel_size=real.voxel_size,
        unit=real.unit,
    )
    fake = matched_gaussian_field(coded, shape=(32, 48, 24), seed=0)
    assert fake.shape == (32, 48, 24)
    assert (fake.grey_values, fake.phases, fake.voxel_size, fake.unit) == ((7, 255), ("pore", "grain"), (1, 1, 2), "um")
    assert abs(np.mean(fake.values == 255) - real.values.mean()) < 1e-4


@pytest.mark.analytic
def test_a_matched_field_repeats_with_its_seed():
    real = overlapping_spheres((32, 32, 32), radius=4, void_fraction=0.4, seed=0)
    first, again, other = (matched_gaussian_field(real, seed=seed).values for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.analytic
def test_an_image_can_be_matched():
    real = cut_gaussian_field((1, 96, 80), correlation_length=4.0, seed=4)
    fake = matched_gaussian_field(real, seed=0)
    assert fake.shape == (1, 96, 80)
    assert abs(fake.values.mean() - real.values.mean()) < 1e-3


@pytest.mark.analytic
def test_what_cannot_be_matched_is_refused():
    with pytest.raises(InputError, match="has no voxels"):
        matched_gaussian_field(as_volume(np.zeros((4, 4, 4), int), phases={"pore": 0, "solid": 1}), seed=0)
    with pytest.raises(InputError, match="2 to 5 phases"):
        matched_gaussian_field(np.arange(216).reshape(6, 6, 6) % 6, seed=0)
    real = cut_gaussian_field((32, 32, 32), correlation_length=6.0, seed=0)
    with pytest.raises(InputError, match="shorter than twice the correlation length along axis 1"):
        matched_gaussian_field(real, shape=(32, 6, 32), seed=0)


def slices_of(volume, normals):
    labels = volume.read()
    return TrainingData.from_slices({axis: [np.take(labels, i, axis) for i in range(0, 96, 12)] for axis in normals})


@pytest.mark.analytic
def test_three_phases_are_matched():
    real = three_phases((96, 96, 96), 1, correlation_length=(3.0, 5.0, 7.0))
    generator = GaussianField().fit(real)
    fakes = [generator.generate((96, 96, 96), seed=seed).values for seed in range(3)]
    for phase in range(3):
        fraction = np.mean(real.values == phase)
        for axis in range(3):
            mean, error = spread([s2_along(values == phase, axis, [0, 1, 3, 6]) for values in fakes])
            target = s2_along(real.values == phase, axis, [0, 1, 3, 6])
            # 0.02 phi (1 - phi): two fits in a row give up twice what one does.
            assert (np.abs(mean - target) < 5 * error + 0.02 * fraction * (1 - fraction)).all(), (phase, axis)
    assert max(max(errors) for errors in generator.history["s2_error"].values()) < 0.05


@pytest.mark.analytic
@pytest.mark.parametrize(("lengths", "normals"), [((5.0, 5.0, 5.0), (1,)), ((3.0, 5.0, 8.0), (0, 1, 2))])
def test_slices_are_enough(lengths, normals):
    real = cut_gaussian_field((96, 96, 96), correlation_length=lengths, volume_fraction=0.4, seed=3)
    generator = GaussianField().fit(slices_of(real, normals))
    fakes = [generator.generate((96, 96, 96), seed=seed).values for seed in range(4)]
    for axis, length in enumerate(lengths):
        mean, error = spread([s2_along(values, axis, [1, 3, 5]) for values in fakes])
        truth = pair_probability(np.exp(-((np.array([1, 3, 5]) / length) ** 2)), 0.4)
        # Eight slices hold some hundred correlation areas: 0.05 phi (1 - phi) is their own noise.
        assert (np.abs(mean - truth) < 5 * error + 0.05 * 0.24).all(), (axis, mean - truth)


@pytest.mark.analytic
def test_slices_of_long_voxels_are_isotropic_in_lengths():
    real = cut_gaussian_field((1, 256, 256), correlation_length=6.0, seed=3)
    generator = GaussianField().fit(TrainingData.from_slices({0: [real.values]}, voxel_size="2,1,1um"))
    ((across, *within),) = generator.history["correlation_length"]
    assert across == pytest.approx(np.mean(within) / 2, rel=0.1)


@pytest.mark.analytic
def test_only_what_the_mask_shows_is_learnt():
    labels = np.concatenate([cut_gaussian_field((24, 48, 48), correlation_length=3.0, seed=0).values] * 2)
    mask = np.ones(labels.shape, bool)
    mask[24:] = False
    half = GaussianField().fit(labels[:24])
    spoilt = labels.copy()
    spoilt[24:] = 1
    masked = GaussianField().fit(as_volume(spoilt, mask=mask))
    # Lags up to half of each axis: the masked volume is twice as long, but pairs that far are not inside.
    for mine, other in zip(masked.history["s2_error"]["1"][1:], half.history["s2_error"]["1"][1:], strict=True):
        assert mine == pytest.approx(other, abs=0.02)
    assert masked.state["fractions"] == pytest.approx(half.state["fractions"])
    assert masked.history["correlation_length"][0] == pytest.approx(half.history["correlation_length"][0], rel=0.01)


@pytest.mark.analytic
def test_a_fitted_covariance_is_valid_on_every_lattice():
    real = overlapping_spheres((48, 48, 48), radius=5, void_fraction=0.4, seed=1)
    covariance = GaussianField().fit(real).state["covariance"][0]
    for lattice in ((64, 64, 64), (97, 20, 50), (1, 64, 40)):
        spectrum = np.fft.fftn(fold(covariance, lattice)).real
        # Rounding of float32, and the end of the taper at e^-6.
        assert -spectrum[spectrum < 0].sum() < 0.01 * spectrum.size


@pytest.mark.analytic
def test_a_damaged_model_is_refused():
    generator = GaussianField().fit(three_phases((24, 24, 24), 0, correlation_length=2.0))
    generator.state["order"] = np.array([0, 0])
    with pytest.raises(InputError, match="damaged"):
        generator.generate((24, 24, 24))


# --- real volumes ---


def difference(fakes, real, phase, axis, lags):
    """Mean autocovariance of the fakes less that of the real volume, its standard error; shares of phi (1 - phi).

    Of the phi of each, which is not quite the same for slices and the volume they are of.
    """

    def correlation(values):
        line = np.moveaxis(values == phase, axis, 0)
        s2 = np.array([np.mean(line[lag:] & line[: len(line) - lag]) for lag in lags])
        return (s2 - line.mean() ** 2) / (line.mean() * (1 - line.mean()))

    each = [correlation(fake) for fake in fakes]
    return np.mean(each, axis=0) - correlation(real), np.std(each, axis=0, ddof=1) / np.sqrt(len(each))


def made_by(generator, shape):
    return [generator.generate(shape, seed=seed).read() for seed in range(4)]


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "box"), [("berea", (200, 200, 200)), ("separator", (156, 75, 75))])
def test_s2_along_every_axis(real_array, name, box):
    real = as_volume(real_array(name)[: box[0], : box[1], : box[2]])
    generator = GaussianField().fit(real)
    fakes = made_by(generator, [min(n, 96) for n in box])
    for axis in range(3):
        found, error = difference(fakes, real.read(), 1, axis, range(1, 16))
        # 0.05 phi (1 - phi) is the difference at which S2 is called different; the rest is the scatter of four
        # realisations.
        assert (np.abs(found) < 0.05 + 3 * error).all(), (axis, found, error)
        # Neighbours hold the specific surface area: an eighth of phi (1 - phi) in Berea.
        assert abs(found[0]) < 0.015, axis
        assert generator.history["s2_error"][real.phases[1]][axis] < 0.06


@pytest.mark.realdata
def test_two_of_three_phases_are_matched_and_the_third_is_what_they_leave(real_array):
    real = as_volume(real_array("nmc_cathode")[:96, :96, :96])
    generator = GaussianField().fit(real)
    fakes = made_by(generator, (96, 96, 96))
    order = [real.phases.index(phase) for phase in generator.history["order"]]
    for place, phase in enumerate(order):
        for axis in range(3):
            found, error = difference(fakes, real.read(), phase, axis, range(1, 16))
            # The binder coats the particles; independent fields know nothing of that, and the last phase shows it.
            assert (np.abs(found) < (0.06 if place < 2 else 0.15) + 3 * error).all(), (phase, axis, found, error)


@pytest.mark.realdata
def test_three_images_of_berea(real_array):
    real = real_array("berea")[:128, :128, :128] > 0
    slices = {axis: [np.take(real, i, axis) for i in range(0, 128, 16)] for axis in range(3)}
    fakes = made_by(GaussianField().fit(TrainingData.from_slices(slices)), (96, 96, 96))
    for axis in range(3):
        found, error = difference(fakes, real, 1, axis, range(1, 16))
        # Slices of one sixteenth of the voxels: twice the allowance of the whole volume.
        assert (np.abs(found) < 0.1 + 3 * error).all(), (axis, found, error)
        assert abs(found[0]) < 0.02, axis
