"""Volumes of one random process of blobs, for the tests of scores and rankings."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from microchar.core.volume import OUTSIDE, Volume, as_volume

CUBE = (24, 24, 24)
FEW = ("volume_fraction", "two_point_correlation", "euler_characteristic")


def blobs(shape: tuple[int, ...], seed: int) -> Volume:
    """Make a smooth two-phase volume: noise, averaged over 5 × 5 × 5 voxels, cut so that a third is phase 1."""
    noise = np.random.default_rng(seed).standard_normal([n + 4 if n > 1 else 1 for n in shape])
    for axis in range(noise.ndim):
        if noise.shape[axis] > 1:
            noise = np.lib.stride_tricks.sliding_window_view(noise, 5, axis).mean(-1)
    # Noise of unit variance has one of 1/125 then, whatever the sample: the cut is the process's, not the sample's.
    cut = 0.4307 / 5 ** (sum(n > 1 for n in shape) / 2)
    return as_volume((noise > cut).astype(np.uint8) * 255, phases={"pore": 0, "solid": 255}, name=f"field {seed}")


def smooth_labels(shape, n_phases, seed):
    """Phases with bodies some voxels thick."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=shape), rng.uniform(0.3, 2.5), mode="nearest")
    cuts = np.quantile(field, np.sort(rng.uniform(0.05, 0.95, n_phases - 1)))
    return np.searchsorted(cuts, field.ravel()).reshape(shape).astype(np.uint8)


@st.composite
def volumes_for_spheres(draw):
    """Labels, some of them masked, their voxel size, and the phases whose spheres something limits."""
    shape = draw(st.sampled_from([(9, 10, 12), (1, 17, 23), (14, 1, 9), (20, 3, 1), (1, 1, 30), (4, 5, 70)]))
    n_phases, seed = draw(st.integers(2, 3)), draw(st.integers(0, 2**20))
    voxel_size = draw(st.sampled_from([(1, 1, 1), (0.3, 0.3, 0.3), (1, 2, 1.5), (2.1, 0.7, 1)]))
    labels = smooth_labels(shape, n_phases, seed)
    if draw(st.booleans()):
        labels[np.random.default_rng(seed).random(shape) < 0.1] = OUTSIDE
    present = set(np.unique(labels).tolist()) - {OUTSIDE}
    return labels, voxel_size, sorted(present) if len(present) > 1 else []


def large_bodies(shape, seed):
    """Return two phases with bodies up to twenty voxels thick."""
    field = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 5, mode="nearest")
    return (field > 0).astype(np.uint8)
