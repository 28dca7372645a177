"""Samples of Gaussian fields, and what tests look at."""

from __future__ import annotations

import numpy as np

from microchar.generators.gaussian_field import GaussianField


def s2_along(values, axis, lags):
    """Share of pairs with both voxels set, periodic."""
    set_ = np.asarray(values, bool)
    return np.array([np.mean(set_ & np.roll(set_, -lag, axis)) for lag in lags])


def spread(samples):
    """Mean over realisations and its standard error."""
    samples = np.asarray(samples)
    return samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(len(samples))


def three_phases(shape, seed, **parameters):
    return GaussianField(volume_fraction=(0.3, 0.25), **parameters).generate(shape, seed=seed)
