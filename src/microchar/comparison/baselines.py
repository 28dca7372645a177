"""Baselines of pair metrics: pairs of volumes that are known not to be registered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microchar.comparison.matching import leading
from microchar.core.grid import Triple
from microchar.core.volume import Volume


def baseline_pairs(reference: Volume, common: Triple) -> dict[str, tuple[Volume, Volume]]:
    """Return the pairs by name: two pieces of the reference, and a piece of the reference with a uniform block."""
    pairs = {}
    axis = max(range(3), key=lambda a: reference.shape[a] / common[a])
    length = min(common[axis], reference.shape[axis] // 2)
    if length >= 1:
        shape = list(common)
        shape[axis] = length
        start = [0, 0, 0]
        start[axis] = reference.shape[axis] - length
        stop = [first + n for first, n in zip(start, shape, strict=True)]
        pairs[f"another piece of {reference.name}"] = (reference.crop((0, 0, 0), shape), reference.crop(start, stop))
    piece = leading(reference, common)
    pairs["all-majority block"] = (piece, _uniform(piece))
    return pairs


def _uniform(volume: Volume) -> Volume:
    labels = volume.read()
    majority = int(np.argmax([np.count_nonzero(labels == phase) for phase in range(volume.n_phases)]))
    if volume.grey is None:
        grey = None
    else:
        grey = np.broadcast_to(np.median(volume.grey[labels == majority]).astype(volume.grey.dtype), volume.shape)
    values = np.broadcast_to(np.array(volume.grey_values[majority], volume.values.dtype), volume.shape)
    return replace(volume, values=values, grey=grey, mask=None)
