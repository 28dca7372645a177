"""Oriented materials are told from isotropic ones, whatever they are given as."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from microchar.core.volume import OUTSIDE
from microchar_gan.gan import UnetGan
from microchar_gan.training.orientation import direction_difference


def layers(period, shape=(60, 60, 60)):
    """Sheets half a period thick, normal to axis 0, with a little noise so that windows scatter."""
    stack = (np.arange(shape[0]) // (period // 2) % 2).astype(np.uint8)
    labels = np.broadcast_to(stack[:, None, None], shape).copy()
    labels[np.random.default_rng(0).random(shape) < 0.001] ^= 1
    return labels


def gaussian(sigma, seed=0):
    noise = np.random.default_rng(seed).standard_normal((72, 72, 72))
    return (ndimage.gaussian_filter(noise, sigma, mode="wrap") > 0).astype(np.uint8)


def test_sheets_have_all_their_interfaces_across_one_axis():
    # f is 1/5 across the sheets and about 0 along them: their difference over their mean is 2.
    assert direction_difference(layers(10), 20) == pytest.approx(2, rel=0.05)


def test_a_stretched_field_differs_by_what_its_covariance_says():
    # The covariance of a smoothed field is exp(-h²/4σ²), the share of unlike neighbours at h = 1 arccos(that)/π.
    near, far = (np.arccos(np.exp(-1 / (4 * sigma**2))) / np.pi for sigma in (2.0, 3.0))
    expected = (near - far) / ((near + far) / 2)
    assert direction_difference(gaussian((2, 2, 3)), 24) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("labels", [gaussian((2, 2, 2), seed=1), np.zeros((60, 60, 60), np.uint8)])
def test_an_isotropic_field_and_an_empty_one_do_not_differ(labels):
    assert direction_difference(labels, 20) is None


def test_images_are_as_good_as_a_volume():
    labels = gaussian((2, 2, 3))
    images = {0: [labels[k] for k in range(0, 72, 24)], 1: [labels[:, k] for k in range(0, 72, 24)]}
    assert direction_difference(images, 24) > 0.15
    assert direction_difference({2: [labels[:, :, k] for k in range(0, 72, 24)]}, 24) is None


def test_a_few_windows_say_nothing():
    assert direction_difference({0: [layers(10)[:, 0]]}, 30) is None


def test_what_is_outside_a_mask_does_not_count():
    labels = gaussian((2, 2, 2), seed=1)
    labels[:, :, 40:][layers(6, (72, 72, 32)) == 1] = OUTSIDE
    assert direction_difference(labels, 20) is None


@pytest.mark.parametrize(("anisotropic", "said"), [(False, True), (True, False)])
def test_a_fit_says_that_one_critic_is_too_few(anisotropic, said):
    model = UnetGan(preset="tiny", steps=1, slices_per_axis=2, anisotropic=anisotropic).fit(layers(10))
    assert ("directions differ" in model.history.get("warnings", {})) is said
