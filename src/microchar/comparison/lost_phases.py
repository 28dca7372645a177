"""Samples that lost a phase: in all that the phase is measured by, they are no nearer to the material than noise is.

What does not exist cannot be far off: by most metrics, a block of one phase lies
between the material and voxels in random order. As nothing of it can be compared
with the material, it gets the lower end of the scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from microchar.comparison.resampling import Distances
from microchar.core.volume import Volume

#: A phase is lost if samples hold less than this part of the share that the reference blocks have of it.
LOST = 0.02
#: Number of volumes of noise. They differ little from each other.
_NOISE = 4


def shares_of(volumes: Sequence[Volume]) -> np.ndarray:
    """Return the share of each phase in all volumes together."""
    n = volumes[0].n_phases
    # Voxels outside the mask have a label beyond those of the phases.
    counts = sum(np.bincount(volume.read().ravel(), minlength=n)[:n] for volume in volumes)
    return np.asarray(counts / np.sum(counts))


def phases_lost(shares: np.ndarray, samples: Sequence[Volume]) -> tuple[str, ...]:
    """Return the names of the phases that samples lost, of which the reference has these shares."""
    few = shares_of(samples) < LOST * shares
    return tuple(name for name, lost in zip(samples[0].phases, few, strict=True) if lost)


def noise(block: Volume, shares: np.ndarray) -> list[Volume]:
    """Return volumes like a block whose voxels are independent and have phases with these probabilities."""
    rng = np.random.default_rng(0)
    grey_values = np.asarray(block.grey_values, np.int32)
    return [
        replace(block, values=grey_values[rng.choice(len(shares), block.shape, p=shares)], mask=None, grey=None)
        for _ in range(_NOISE)
    ]


def no_nearer_than(noise: np.ndarray, distances: Distances) -> Distances:
    """Return distances of samples that are at least the mean of those of the noise from the same blocks."""
    return replace(distances, across=np.maximum(distances.across, noise.mean(axis=0)))
