"""Disjoint pieces of equal shape, by which quantities are compared that are not sums over voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microchar.comparison.cutting import box_of, disjoint_starts
from microchar.core.grid import Triple, triple
from microchar.core.volume import Volume

#: Numbers of pieces that every volume must hold, and the smallest edge of a piece, in voxels, for each. Many small
#: pieces have more degrees of freedom than 8 large ones, and so detect a fitted Gaussian field far more often.
_PIECES = ((27, 16), (8, 12))


def piece_shape(volumes: Sequence[Volume], *, longest: int | None = None) -> Triple | None:
    """Return the shape of the largest cubes of which every volume holds 27 (or 8, if those are too small).

    Cubes have equal edges as lengths: with unequal voxel sizes their numbers of voxels
    differ between the axes. The result is None if a volume does not hold 8 cubes.

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
    longest_edge = min(edge, longest or edge)
    for number, least_edge in _PIECES:
        edge = longest_edge
        while edge >= least_edge:
            shape = triple(int(edge * smallest / size + 1e-9) if a in axes else 1 for a, size in enumerate(sizes))
            if min(shape) > 0 and all(len(disjoint_starts(volume, shape)) >= number for volume in volumes):
                return shape
            edge -= 1
    return None


def pieces(volume: Volume, shape: Triple) -> list[Volume]:
    """Cut a volume into disjoint pieces, without its mask."""
    return [box_of(volume, start, shape) for start in disjoint_starts(volume, shape)]
