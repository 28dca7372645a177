"""Level-cut Gaussian fields against theory."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtri

from generators.samples import s2_along, spread, three_phases
from microchar.core.errors import InputError, MissingDependencyError
from microchar.generation.training import TrainingData
from microchar.generators.gaussian_field import (
    GaussianField,
    cut_gaussian_field,
    field_covariance,
    pair_probability,
)
from microchar.generators.gaussian_field.covariances import covariance_of
from microchar.generators.gaussian_field.spectrum import nearest_spectrum
from microchar.testing import check_generator

pytestmark = pytest.mark.analytic

REALISATIONS = 32


def fields(**parameters):
    return [cut_gaussian_field((64, 64, 64), seed=seed, **parameters).values for seed in range(REALISATIONS)]


# --- one point and two points above the cut ----------------------------------


def test_the_pair_probability_at_the_median_cut_is_an_arcsine():
    rho = np.linspace(-1, 1, 201)
    # The table is in arcsin rho, in which the truth is a straight line: only rounding is left.
    np.testing.assert_allclose(pair_probability(rho, 0.5), 0.25 + np.arcsin(rho) / (2 * np.pi), atol=1e-12)


@pytest.mark.parametrize("fraction", [0.02, 0.12, 0.35, 0.8])
def test_the_pair_probability_at_any_cut_is_the_bivariate_normal_integral(fraction):
    cut = -ndtri(fraction)

    def density(s):
        return np.exp(-(cut**2) / (1 + s)) / (2 * np.pi * np.sqrt(1 - s**2))

    for rho in (-0.9, -0.3, 0.0, 0.2, 0.7, 0.99):
        expected = fraction**2 + quad(density, 0, rho, epsabs=1e-13)[0]
        # Linear interpolation at steps of pi/4096 in the angle: at most h^2/8 max|P''|, below 1e-8.
        assert pair_probability(rho, fraction) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("fraction", [0.02, 0.12, 0.5, 0.8])
def test_the_ends_of_the_pair_probability(fraction):
    ends = pair_probability(np.array([-1.0, 0.0, 1.0]), fraction)
    np.testing.assert_allclose(ends, [max(0, 2 * fraction - 1), fraction**2, fraction], atol=1e-12)


def test_field_covariance_inverts_the_pair_probability():
    rho = np.linspace(-0.8, 1, 50)
    np.testing.assert_allclose(field_covariance(pair_probability(rho, 0.3), 0.3), rho, atol=1e-9)


def test_an_s2_out_of_reach_gives_the_nearest_covariance():
    assert field_covariance(0.4, 0.3) == pytest.approx(1)
    assert field_covariance(-0.1, 0.3) == pytest.approx(-1)


# --- fields of known covariance ----------------------------------------------


def test_s2_of_the_median_cut():
    lags = np.array([1, 2, 4, 8, 12])
    samples = fields(correlation_length=5.0)
    mean, error = spread([np.mean([s2_along(values, axis, lags) for axis in range(3)], axis=0) for values in samples])
    # Five standard errors of 32 samples: a false alarm in about 10^4 for another set of seeds, never for this one.
    truth = 0.25 + np.arcsin(np.exp(-((lags / 5.0) ** 2))) / (2 * np.pi)
    assert (np.abs(mean - truth) < 5 * error).all()
    assert error.max() < 5e-3  # out of a fall from .5 to .25


@pytest.mark.parametrize(("covariance", "power"), [("gaussian", 2), ("exponential", 1)])
def test_s2_and_volume_fraction_at_another_cut(covariance, power):
    lags = np.array([0, 1, 3, 6])
    parameters = {"covariance": covariance, "correlation_length": 4.0, "volume_fraction": 0.2}
    mean, error = spread([s2_along(values, 1, lags) for values in fields(**parameters)])
    truth = pair_probability(np.exp(-((lags / 4.0) ** power)), 0.2)
    assert (np.abs(mean - truth) < 5 * error).all()
    assert error.max() < 4e-3


def test_anisotropic_correlation_lengths():
    lengths = (3.0, 6.0, 10.0)
    samples = fields(correlation_length=lengths)
    for axis, length in enumerate(lengths):
        mean, error = spread([s2_along(values, axis, [4]) for values in samples])
        truth = pair_probability(np.exp(-((4 / length) ** 2)), 0.5)
        assert abs(mean[0] - truth) < 5 * error[0]


def test_specific_surface_area_of_a_smooth_field():
    length, fraction = 12.0, 0.3
    samples = [
        cut_gaussian_field((96, 96, 96), correlation_length=length, volume_fraction=fraction, seed=seed).values
        for seed in range(4)
    ]
    faces = [sum(np.mean(values != np.roll(values, 1, axis)) for axis in range(3)) for values in samples]
    mean, error = spread(faces)
    # s = (2/pi) sqrt(mu) exp(-cut^2/2) with mu = 2/l^2; voxel faces read 3/2 too high on an isotropic surface, and a
    # lag of one voxel misses (1/l)^2/4 < 0.2 % of them.
    surface = 2 / np.pi * np.sqrt(2) / length * np.exp(-(ndtri(fraction) ** 2) / 2)
    assert mean / 1.5 == pytest.approx(surface, abs=5 * error / 1.5 + 0.002 * surface)


def test_an_exact_fraction_is_exact():
    volume = cut_gaussian_field((40, 30, 20), volume_fraction=0.123, exact_fraction=True, seed=3)
    assert int(volume.values.sum()) == round(0.123 * 24000)


@pytest.mark.parametrize("shape", [(1, 64, 48), (33, 1, 20), (7, 1, 13)])
def test_images_and_odd_shapes(shape):
    volume = cut_gaussian_field(shape, correlation_length=2.0, seed=0)
    assert volume.shape == shape
    assert set(np.unique(volume.values)) == {0, 1}


def test_equal_seeds_give_equal_volumes_and_others_do_not():
    first, again, other = (cut_gaussian_field((24, 20, 16), seed=seed).values for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - it is the one that must not move
    cut_gaussian_field((8, 8, 8), correlation_length=2.0, seed=0)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"shape": (8,)}, "two or three lengths"),
        ({"shape": (8, 0, 8)}, "at least one"),
        ({"volume_fraction": (0.5, 0.6)}, "leaves nothing for phase 0"),
        ({"volume_fraction": ()}, "one to 4 phases"),
        ({"volume_fraction": 1.0}, "between 0 and 1"),
        ({"covariance": "spherical"}, "gaussian, exponential, matern"),
        ({"correlation_length": 9.0}, "more than half"),
        ({"correlation_length": (1.0, 2.0)}, "one length or three"),
        ({"correlation_length": 0}, "greater than 0"),
    ],
)
def test_arguments_out_of_range_are_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        cut_gaussian_field(**({"shape": (16, 16, 16), "seed": 0} | parameters))


# --- as a generator ----------------------------------------------------------


@pytest.mark.parametrize("exact", [True, False])
def test_the_contract_from_parameters(exact):
    for fractions in (0.3, (0.3, 0.25)):
        check_generator(GaussianField(volume_fraction=fractions, correlation_length=4.0, exact_fraction=exact))


@pytest.mark.parametrize("volume_fraction", [0.3, (0.3, 0.25)])
def test_the_contract_from_data(volume_fraction):
    real = GaussianField(volume_fraction=volume_fraction, correlation_length=2.5).generate((24, 24, 24), seed=0)
    labels = real.read()
    check_generator(GaussianField(), real)
    check_generator(GaussianField(exact_fraction=False), TrainingData.from_slices({0: labels[:3]}))
    check_generator(GaussianField(), labels[0], shape=(40, 24))


def test_exact_fractions_of_three_phases():
    counts = np.bincount(three_phases((40, 30, 20), seed=3, correlation_length=3.0).values.ravel())
    np.testing.assert_allclose(counts, [0.45 * 24000, 0.3 * 24000, 0.25 * 24000], atol=1)


@pytest.mark.parametrize("smoothness", [0.5, 1.5])
def test_s2_of_a_matern_field(smoothness):
    lags = np.array([1, 2, 4])
    parameters = {"covariance": "matern", "smoothness": smoothness, "correlation_length": 2.5, "exact_fraction": False}
    samples = [GaussianField(**parameters).generate((64, 64, 64), seed=seed).values for seed in range(16)]
    mean, error = spread([s2_along(values, 0, lags) for values in samples])
    # Of half-integer smoothness these are plain functions.
    u = lags / 2.5
    rho = np.exp(-u) if smoothness == 0.5 else (1 + np.sqrt(3) * u) * np.exp(-np.sqrt(3) * u)
    assert (np.abs(mean - pair_probability(rho, 0.5)) < 5 * error).all()
    assert error.max() < 5e-3


@pytest.mark.parametrize("smoothness", [0, -1.5, 21, "rough"])
def test_a_smoothness_out_of_range_is_refused(smoothness):
    with pytest.raises(InputError, match="smoothness"):
        GaussianField(covariance="matern", smoothness=smoothness).generate((32, 32, 32))


@pytest.mark.parametrize("parameters", [{}, {"covariance": "exponential"}, {"covariance": "matern"}])
def test_a_periodic_lattice_of_eight_lengths_keeps_the_covariance(parameters):
    rho = GaussianField(correlation_length=8.0, **parameters)._covariance(0, (64, 64, 64))
    fitted = np.fft.irfftn(nearest_spectrum(rho), rho.shape, axes=(0, 1, 2))
    assert np.sqrt(np.mean((fitted - rho) ** 2)) < 1e-4


def test_s2_of_phases_cut_one_after_the_other():
    lags = np.array([0, 1, 3, 6])
    samples = [three_phases((64, 64, 64), seed, correlation_length=5.0, exact_fraction=False) for seed in range(16)]
    rho = np.exp(-((lags / 5.0) ** 2))
    first = pair_probability(rho, 0.3)
    rest = 1 - 2 * 0.3 + first
    second = rest * pair_probability(rho, 0.25 / 0.7)
    zeroth = rest * pair_probability(rho, 0.45 / 0.7)
    for phase, truth in enumerate((zeroth, first, second)):
        mean, error = spread([s2_along(volume.values == phase, 2, lags) for volume in samples])
        assert (np.abs(mean - truth) < 5 * error).all(), phase


def test_triple_lines_of_phases_cut_one_after_the_other():
    # Two independent isotropic surfaces of areas s1 and s2 per volume meet in lines of length (pi/4) s1 s2. A voxel
    # edge is on a triple line where three phases meet around it; edges overestimate the length of a line of random
    # direction by 3/2.
    length = 14.0
    samples = [three_phases((112, 112, 112), seed, correlation_length=length).values for seed in range(4)]
    found = []
    for values in samples:
        per_voxel = 0.0
        for a, b in ((0, 1), (0, 2), (1, 2)):
            around = [values, np.roll(values, -1, a), np.roll(values, -1, b), np.roll(values, (-1, -1), (a, b))]
            present = np.bitwise_or.reduce([np.left_shift(1, x) for x in around])
            per_voxel += np.mean(present == 7)
        found.append(per_voxel / 1.5)
    mean, error = spread(found)
    areas = [2 / np.pi * np.sqrt(2) / length * np.exp(-(ndtri(f) ** 2) / 2) for f in (0.3, 0.25 / 0.7)]
    # Steps of the two stairs of voxels that pass each other count twice or not at all: to first order this cancels in
    # the mean; a tenth is allowed for the rest.
    assert mean == pytest.approx(np.pi / 4 * areas[0] * areas[1], abs=5 * error, rel=0.1)


# --- covariance models of gstools ---------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "ours", "factor", "smoothness"),
    [
        # gstools: exp(-pi/4 u^2), exp(-u), and sqrt(nu) u in place of sqrt(2 nu) u.
        ("gstools:Gaussian", "gaussian", 2 / np.sqrt(np.pi), 1.5),
        ("gstools:Exponential", "exponential", 1, 1.5),
        ("gstools:Matern,nu=1.5", "matern", np.sqrt(2), 1.5),
        ("gstools:Matern, nu=0.8", "matern", np.sqrt(2), 0.8),
        ("gstools:Stable,alpha=1", "exponential", 1, 1.5),
    ],
)
@pytest.mark.parametrize("lattice", [(20, 24, 16), (1, 30, 20)])
def test_models_of_gstools_that_are_ours(theirs, ours, factor, smoothness, lattice):
    pytest.importorskip("gstools")
    lengths = (3.0, 4.0, 2.0)
    found = covariance_of(theirs, 1.5, lengths, lattice)
    expected = covariance_of(ours, smoothness, tuple(factor * x for x in lengths), lattice)
    assert found.dtype == expected.dtype == np.float32
    # Bessel functions of both, in float64 from lags squared in float32.
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_s2_of_a_spherical_covariance():
    pytest.importorskip("gstools")
    samples = fields(covariance="gstools:Spherical", correlation_length=8.0)
    lags = np.array([1, 2, 4, 7, 8, 12])
    mean, error = spread([np.mean([s2_along(values, axis, lags) for axis in range(3)], axis=0) for values in samples])
    u = np.minimum(lags / 8, 1)
    truth = 0.25 + np.arcsin(1 - 1.5 * u + 0.5 * u**3) / (2 * np.pi)
    assert (np.abs(mean - truth) < 5 * error).all()
    assert error.max() < 5e-3


def test_contract_of_a_model_of_gstools():
    pytest.importorskip("gstools")
    check_generator(GaussianField(covariance="gstools:Stable,alpha=1.3", correlation_length=2.0))


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        ("gstools:Spheric", "no model 'Spheric'; it has .*Spherical"),
        ("gstools:Nugget", "no model 'Nugget'"),
        ("gstools:", "no model ''"),
        ("gstools:Circular", "not a valid covariance in 3 dimensions"),
        ("gstools:Matern,smoothness=1", "Matern has no parameter 'smoothness'; it has nu"),
        ("gstools:Gaussian,nu=1", "Gaussian has no parameter 'nu'; it has none"),
        ("gstools:Matern,nu", "found 'nu', expected parameters like nu=1.5"),
        ("gstools:Matern,nu=rough", "found 'nu=rough'"),
        ("gstools:Matern,nu=-1", "nu needs to be"),
    ],
)
def test_what_is_no_model_of_gstools_is_refused(covariance, message):
    pytest.importorskip("gstools")
    with pytest.raises(InputError, match=message):
        GaussianField(covariance=covariance, correlation_length=2.0).generate((16, 16, 16))


def test_a_model_may_be_valid_in_two_dimensions_only():
    pytest.importorskip("gstools")
    assert GaussianField(covariance="gstools:Circular", correlation_length=3.0).generate((32, 32)).shape == (1, 32, 32)


def test_without_gstools_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("microchar.generators.gaussian_field.covariances.find_spec", lambda module: None)
    with pytest.raises(MissingDependencyError, match=r'pip install "microchar\[gstools\]"'):
        GaussianField(covariance="gstools:Gaussian", correlation_length=2.0).generate((16, 16, 16))
