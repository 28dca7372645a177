"""Tests of differences: Welch's t, simultaneous tests of profiles, regression on the volume fractions, Holm."""

import numpy as np
import pytest
from scipy import stats

from microchar.comparison.estimate import Estimate, at_equal_fraction
from microchar.comparison.inference import difference, holm
from microchar.core.spectrum import Spectrum


def spectral(rng, numbers, *, value=0.0):
    """An estimate of independent numbers with a flat spectrum of variance 1 / 64."""
    like = Spectrum.of(np.zeros((8, 8, 1, numbers)), (1.0, 1.0, 1.0))
    return Estimate(np.full(numbers, value), Spectrum(rng.standard_normal((len(like.q), numbers)), like.q, 64))


@pytest.mark.oracle
def test_samples_are_compared_by_welch_t():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 9), rng.normal(0.7, 2, 14)
    found = difference(Estimate.of_samples(a[:, None]), Estimate.of_samples(b[:, None]))
    oracle = stats.ttest_ind(b, a, equal_var=False)
    assert found.p == pytest.approx(oracle.pvalue, rel=1e-9)
    interval = oracle.confidence_interval(0.90)
    assert (found.lower[0], found.upper[0]) == pytest.approx((interval.low, interval.high), rel=1e-9)


@pytest.mark.analytic
def test_the_largest_of_independent_deviations():
    # With many samples, the largest of k normal deviations exceeds z with probability 1 - (1 - p)^k.
    rng = np.random.default_rng(1)
    k, m = 12, 4000
    a, b = rng.normal(0, 1, (m, k)), rng.normal(0, 1, (m, k))
    b[:, 0] += 3 * np.sqrt(2 / m) - (b[:, 0].mean() - a[:, 0].mean())
    others = b[:, 1:]
    others -= others.mean(axis=0) - a[:, 1:].mean(axis=0)
    found = difference(Estimate.of_samples(a), Estimate.of_samples(b))
    expected = 1 - (1 - 2 * stats.norm.sf(3)) ** k
    assert found.p == pytest.approx(expected, abs=4 * np.sqrt(expected / 4000))


@pytest.mark.property
def test_a_seedless_test_repeats_to_the_bit():
    rng = np.random.default_rng(2)
    a, b = spectral(rng, 5), spectral(rng, 5, value=0.2)
    assert difference(a, b).p == difference(a, b).p


@pytest.mark.property
def test_a_difference_of_rounding_is_none():
    # What a regression leaves of a column that is constant: equal but for its last bits.
    ones = Estimate.of_samples(1 + 1e-16 * np.arange(20)[:, None])
    above = Estimate.of_samples(1 + 2e-15 + 1e-16 * np.arange(20)[:, None])
    found = difference(ones, above)
    assert found.p == 1
    assert found.value[0] == 0


@pytest.mark.analytic
def test_what_follows_from_the_volume_fraction_is_no_difference():
    rng = np.random.default_rng(3)
    phi = spectral(rng, 1, value=0.30), spectral(rng, 1, value=0.36)
    # A quantity that is 2 phi exactly, in both materials.
    pair = tuple(
        e.minus(Estimate(np.zeros(1), Spectrum(e.spectrum.coefficients * 0, e.spectrum.q, 64)), np.zeros((1, 1)), 0.0)
        for e in phi
    )
    pair = tuple(Estimate(2 * e.value, Spectrum(2 * e.spectrum.coefficients, e.spectrum.q, 64)) for e in pair)
    first, second = at_equal_fraction(pair, phi)
    assert second.value[0] - first.value[0] == pytest.approx(0.0, abs=1e-12)
    assert second.variance[0] == pytest.approx(0.0, abs=1e-20)


@pytest.mark.analytic
def test_the_regression_removes_what_is_common_and_no_more():
    rng = np.random.default_rng(4)
    kept = []
    for _ in range(400):
        phi = [spectral(rng, 1) for _ in range(2)]
        own = [spectral(rng, 1) for _ in range(2)]
        pair = [
            Estimate(np.zeros(1), Spectrum(3 * f.spectrum.coefficients + o.spectrum.coefficients, f.spectrum.q, 64))
            for f, o in zip(phi, own, strict=True)
        ]
        first, _ = at_equal_fraction(tuple(pair), tuple(phi))
        kept.append((first.spectrum.coefficients**2).mean())
    # Of the variance 3^2 + 1 the common part goes, and of the rest one of 48 degrees of freedom.
    assert np.mean(kept) == pytest.approx(47 / 48, rel=0.05)


@pytest.mark.oracle
def test_holm_against_its_definition():
    p = [0.011, 0.02, 0.009, 0.5, 0.02]
    rejected = []
    for position, index in enumerate(np.argsort(p, kind="stable")):
        if p[index] > 0.05 / (len(p) - position):
            break
        rejected.append(index)
    assert [index for index, q in enumerate(holm(p)) if q <= 0.05] == sorted(rejected)
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]
    assert holm([]) == []


@pytest.mark.property
def test_no_evidence_and_no_difference_is_no_significance():
    same = Estimate.of_samples(np.ones((8, 1)))
    assert difference(same, same).p == 1.0
    assert difference(same, Estimate.of_samples(np.full((8, 1), 2.0))).p == 0.0
