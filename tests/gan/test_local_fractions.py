"""Local volume fractions: measured as they are, drawn as they were measured."""

from __future__ import annotations

import numpy as np
import pytest

from microchar_gan.networks.fraction_scales import SCALES, gaussian_covariance
from microchar_gan.tiling.fraction_field import drawn_fractions
from microchar_gan.training.local_fractions import LocalFractions


@pytest.mark.analytic
def test_uncorrelated_voxels_vary_at_the_scale_of_the_window_only():
    labels = (np.random.default_rng(0).random((192, 192, 192)) < 0.3).astype(np.uint8)
    assert LocalFractions.of(labels, 2).shares[0] > 0.85


@pytest.mark.property
def test_local_fractions_are_standardised_and_those_of_the_phase():
    labels = np.ones((96, 96, 96), np.uint8)
    labels[:48] = 0
    local = LocalFractions.of(labels, 2)
    assert local.values.mean() == pytest.approx(0, abs=1e-5)
    assert local.values.std() == pytest.approx(1, abs=1e-5)
    assert (np.diff(local.values[0, :, 12, 12]) <= 1e-6).all()


@pytest.mark.property
def test_voxels_outside_the_mask_do_not_count():
    labels = np.random.default_rng(1).integers(0, 2, (64, 64, 64)).astype(np.uint8)
    labels[32:] = 255
    masked, whole = LocalFractions.of(labels, 2), LocalFractions.of(labels[:32], 2)
    assert not masked.inside[8:].any()
    np.testing.assert_allclose(masked.values[:, :8], whole.values, atol=1e-4)


@pytest.mark.analytic
def test_what_is_drawn_has_the_covariance_that_is_asked_for():
    shares = np.array([0.7, 0.3, 0.0])
    drawn = np.concatenate([drawn_fractions(seed, (64, 64, 64), shares, np.eye(1)) for seed in range(6)])
    assert drawn.var() == pytest.approx(1, abs=0.15)
    for lag in (4, 8, 12):
        expected = sum(
            s * gaussian_covariance(np.array(4 * lag), scale) for s, scale in zip(shares, SCALES, strict=True)
        )
        assert np.mean(drawn * np.roll(drawn, lag, 2)) == pytest.approx(expected, abs=0.15)


@pytest.mark.analytic
def test_a_torus_shorter_than_the_window_varies_as_much():
    drawn = [drawn_fractions(seed, (8, 8, 8), np.array([0.0, 0.0, 1.0]), np.eye(1)) for seed in range(200)]
    assert np.var(drawn) == pytest.approx(1, abs=0.25)
    assert np.mean([one.std() for one in drawn]) < 0.1


@pytest.mark.property
def test_phases_covary_as_in_the_material():
    rng = np.random.default_rng(3)
    blocks = rng.choice(3, size=(4, 4, 4), p=(0.6, 0.3, 0.1)).astype(np.uint8)
    local = LocalFractions.of(np.kron(blocks, np.ones((24, 24, 24), np.uint8)), 3)
    measured = np.corrcoef(local.values.reshape(3, -1))
    drawn = np.stack([drawn_fractions(seed, (32, 32, 32), local.shares, local.mixing) for seed in range(12)], axis=1)
    np.testing.assert_allclose(np.corrcoef(drawn.reshape(3, -1)), measured, atol=0.2)
    np.testing.assert_allclose(local.mixing @ local.mixing.T, measured, atol=1e-3)
