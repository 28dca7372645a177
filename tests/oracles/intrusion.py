"""Intrusion and drainage by brute force: every radius in turn, clusters labelled anew, every sphere painted whole."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

OUTSIDE = 255


def radii(labels: np.ndarray, phase: int, voxel_size: tuple[float, ...] = (1, 1, 1)) -> np.ndarray:
    """Distance of each voxel of a phase to the nearest voxel of another phase; 0 elsewhere."""
    obstacles = np.argwhere((labels != phase) & (labels != OUTSIDE))
    found = np.zeros(labels.shape)
    for centre in np.argwhere(labels == phase):
        found[tuple(centre)] = np.sqrt((((obstacles - centre) * voxel_size) ** 2).sum(axis=1).min())
    return found.round(9)


def entry_radii(radius: np.ndarray, inlet: np.ndarray, voxel_size: tuple[float, ...] = (1, 1, 1)) -> np.ndarray:
    """Radius at which each voxel is filled from the voxels of `inlet`; 0 where it never is."""
    reached = np.zeros(radius.shape)
    for r in np.unique(radius[radius > 0])[::-1]:
        numbers, _ = ndimage.label(radius >= r)
        connected = np.isin(numbers, np.unique(numbers[inlet & (numbers > 0)])) & (numbers > 0)
        reached[connected & (reached == 0)] = r
    voxels = np.argwhere(radius > 0)
    filled = np.zeros(radius.shape)
    for centre in np.argwhere(reached > 0):
        distance = (((voxels - centre) * voxel_size) ** 2).sum(axis=1)
        held = tuple(voxels[distance < radius[tuple(centre)] ** 2 * (1 - 1e-6)].T)
        filled[held] = np.maximum(filled[held], reached[tuple(centre)])
    return filled


def trapped(radius: np.ndarray, filled: np.ndarray, outlet: np.ndarray) -> np.ndarray:
    """Voxels that are cut off from `outlet` by what is filled before them."""
    found = np.zeros(radius.shape, bool)
    for r in np.unique(filled[filled > 0]):
        numbers, _ = ndimage.label((radius > 0) & (filled <= r))
        open_ = np.isin(numbers, np.unique(numbers[outlet & (numbers > 0)])) & (numbers > 0)
        found |= (filled == r) & ~open_
    return found


def surface(labels: np.ndarray) -> np.ndarray:
    """Voxels with a face on the outside of the volume or of its mask, along axes longer than one voxel."""
    found = np.zeros(labels.shape, bool)
    for index in np.ndindex(labels.shape):
        for axis in (axis for axis in range(3) if labels.shape[axis] > 1):
            for shift in (-1, 1):
                other = list(index)
                other[axis] += shift
                within = 0 <= other[axis] < labels.shape[axis]
                found[index] |= not within or labels[tuple(other)] == OUTSIDE
    return found
