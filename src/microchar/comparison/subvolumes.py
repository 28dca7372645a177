"""Disjoint pieces of equal shape, by which quantities are compared that are no sums over places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microchar.comparison.cutting import box_of, disjoint_starts
from microchar.core.grid import Triple, triple
from microchar.core.volume import Volume

#: Number of pieces that every volume must hold.
LEAST_PIECES = 8
#: Smallest edge of a piece in voxels.
_LEAST_EDGE = 12


def piece_shape(volumes: Sequence[Volume], *, longest: int | None = None) -> Triple | None:
    """Return the shape of the largest cubes of which every volume holds `LEAST_PIECES`; None if there is none.

    Cubes have equal edges as lengths: with unequal voxel sizes their numbers of voxels
    differ between the axes.

    Parameters
    ----------
    volumes : sequence of Volume
        Volumes with the same voxel size. A piece lies entirely inside the mask.
    longest : int, optional
        Largest number of voxels along an axis.
    """
    sizes = np.asarray(volumes[0].voxel_size)
    axes = volumes[0].grid.axes
    smallest = sizes[list(axes)].min()
    edge = min(volume.shape[axis] * sizes[axis] for volume in volumes for axis in axes) / smallest
    edge = min(edge, longest or edge)
    while edge >= _LEAST_EDGE:
        shape = triple(int(edge * smallest / size + 1e-9) if a in axes else 1 for a, size in enumerate(sizes))
        if min(shape) > 0 and all(len(disjoint_starts(volume, shape)) >= LEAST_PIECES for volume in volumes):
            return shape
        edge -= 1
    return None


def pieces(volume: Volume, shape: Triple) -> list[Volume]:
    """Cut a volume into disjoint pieces, without its mask."""
    return [box_of(volume, start, shape) for start in disjoint_starts(volume, shape)]
