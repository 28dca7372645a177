"""The variance of a mean, extrapolated from the low-frequency spectrum of the influence of cells."""

import numpy as np
import pytest

from microchar.core.spectrum import Spectrum


def coefficients_with(slope, draws, seed=0):
    """Draw cosine coefficients whose expected squares are exp(-slope * q), and return the fitted spectra."""
    shape = (8, 8, 1, draws)
    spectrum = Spectrum.of(np.zeros(shape), (1.0, 1.0, 1.0))
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((len(spectrum.q), draws)) * np.exp(-slope * spectrum.q / 2)[:, None]
    return Spectrum(drawn, spectrum.q, 64)


@pytest.mark.analytic
@pytest.mark.parametrize("slope", [0.02, 0.1])
def test_the_variance_at_zero_frequency_is_found(slope):
    fitted = coefficients_with(slope, 4000)
    # The truth is 1 / 64. The constraint c >= 0 and the fit of c make the estimate a few percent too large or small.
    assert fitted.variance.mean() * 64 == pytest.approx(1.0, rel=0.15)


@pytest.mark.analytic
def test_the_spread_of_the_variance_has_the_stated_degrees_of_freedom():
    variance = coefficients_with(0.1, 4000).variance
    # A chi-square variable of n degrees of freedom, divided by n, has the variance 2 / n.
    found = 2 / (variance / variance.mean()).var()
    stated = coefficients_with(0.1, 1).df[0]
    assert stated == pytest.approx(7.0, abs=0.5)
    assert found == pytest.approx(stated, rel=0.35)


@pytest.mark.analytic
def test_white_influence_has_the_variance_of_independent_cells():
    rng = np.random.default_rng(1)
    psi = rng.standard_normal((8, 8, 1, 2000))
    psi -= psi.mean(axis=(0, 1, 2))
    variance = Spectrum.of(psi, (1.0, 1.0, 1.0)).variance.mean()
    # The slope is at least zero, so chance makes a flat spectrum steep, never rising: a safe error.
    assert 1 / 64 < variance < 1.35 / 64


@pytest.mark.property
def test_frequencies_follow_the_lengths_of_the_edges():
    q = Spectrum.of(np.zeros((8, 8, 1, 1)), (2.0, 1.0, 1.0)).q
    # Half waves (0, 1), (1, 0) and (4, 4): the longer axis counts by (1 / 2)^2.
    assert {0.25, 1.0, 20.0} <= set(q.tolist())
    assert len(q) == 24


@pytest.mark.analytic
@pytest.mark.parametrize(("edge_effect", "parts"), [(False, 8), (True, 4)])
def test_parts_of_a_volume_scatter_as_the_whole_does(edge_effect, parts):
    rng = np.random.default_rng(4)
    psi = rng.standard_normal((8, 8, 1, 4000))
    psi -= psi.mean(axis=(0, 1, 2))
    found = Spectrum.of(psi, (1.0, 1.0, 1.0), edge_effect=edge_effect).parts
    assert found.shape == (parts, 4000)
    assert (found**2).mean() == pytest.approx(1 / 64, rel=0.03)


@pytest.mark.analytic
def test_parts_are_alike_where_faces_change_the_influence():
    profile = np.abs(np.arange(8) - 3.5)[:, None, None, None] * np.ones((8, 8, 1, 1))
    profile = profile + profile.swapaxes(0, 1)
    psi = profile - profile.mean()
    assert np.abs(Spectrum.of(psi, (1.0, 1.0, 1.0)).parts).max() > 0.1
    assert Spectrum.of(psi, (1.0, 1.0, 1.0), edge_effect=True).parts == pytest.approx(np.zeros((4, 1)), abs=1e-12)
