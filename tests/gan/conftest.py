"""The GAN's tests need PyTorch; they run on one of its threads."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="session")
def _few_samples():
    """Score four samples instead of sixteen, and calibrate flows by one small volume: they take most of a short fit."""
    from microchar_gan import flow
    from microchar_gan.training import gan_fitting

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gan_fitting, "_SAMPLES", 4)
        patch.setattr(flow, "_CALIBRATING", 1)
        patch.setattr(flow, "_CROPS", 1)
        yield


def smooth_field(shape, *, seed, sigma=2.0, fractions=(0.7, 0.3)):
    """Labels of a cut Gaussian random field, periodic: structure of a few voxels, the fractions exact."""
    from scipy.ndimage import gaussian_filter

    values = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), sigma, mode="wrap")
    cuts = np.quantile(values, np.cumsum(fractions)[:-1])
    return np.searchsorted(cuts, values).astype(np.uint8)


@pytest.fixture(scope="session")
def field():
    """Give the function `smooth_field`."""
    return smooth_field


@pytest.fixture(scope="session")
def real(field):
    """Return the field that small trainings learn from."""
    return field((40, 36, 36), seed=5)


@pytest.fixture(scope="session")
def materials(field):
    """Return what every generator must learn from: two phases, three phases, and a masked volume."""
    from microchar import as_volume

    two, three = field((40, 36, 36), seed=5), field((36, 36, 36), seed=6, fractions=(0.4, 0.35, 0.25))
    inside = np.ones(two.shape, bool)
    inside[37:] = False
    return {
        "two phases": as_volume(two, voxel_size="2um", phases=("pore", "grain")),
        "three phases": as_volume(three * 100, voxel_size="1,1,2um", phases=("pore", "binder", "grain")),
        "masked": as_volume(two, mask=inside),
    }
