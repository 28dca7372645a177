"""Squared distance of each voxel of a phase from the nearest voxel of another phase, one axis after the other."""

from __future__ import annotations

import numpy as np

from microchar.kernels.jit import inner, kernel

#: Number of voxels of a row that are handled together.
_PIECE = 64


@kernel
def measure_rows(labels, phase, outside, first, last, size, squared):  # type: ignore[no-untyped-def]
    """Set the squared distances along axis 2.

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
    phase, outside : int
        The phase, and the label of voxels that are no obstacle.
    first, last : int
        Range of planes to handle, without `last`.
    size : float
        Voxel size along axis 2.
    squared : float32, (n0, n1, n2)
        Squared distance from the nearest obstacle of the row, infinite where there is
        none and 0 in obstacles; set.
    """
    for i in range(first, last):
        for j in range(labels.shape[1]):
            away = np.inf
            for k in range(labels.shape[2]):
                free = labels[i, j, k] == phase or labels[i, j, k] == outside
                away = away + size if free else 0.0
                squared[i, j, k] = away
            away = np.inf
            for k in range(labels.shape[2] - 1, -1, -1):
                away = away + size if squared[i, j, k] > 0 else 0.0
                squared[i, j, k] = min(away, np.float64(squared[i, j, k])) ** 2


# Minima of many numbers at once need the freedom to ignore nan and the sign of zero.
@kernel(fastmath={"nnan", "nsz"})
def measure_columns(squared, axis, first, last, size):  # type: ignore[no-untyped-def]
    """Lower the squared distances to those along axis 0 or 1 too.

    The voxels of a piece of a row look one more voxel ahead and back at a time, until none
    of them can find anything nearer.

    Parameters
    ----------
    squared : float32, (n0, n1, n2)
        Squared distances along the axes behind `axis`; modified.
    axis : {0, 1}
    first, last : int
        Range of planes (axis 1) or of rows of each plane (axis 0) to handle, without `last`.
    size : float
        Voxel size along the axis.
    """
    n, n2 = squared.shape[axis], squared.shape[2]
    before = np.empty((n, n2), np.float32)
    for at in range(first, last):
        for m in range(n):
            before[m] = squared[at, m] if axis == 1 else squared[m, at]
        for m in range(n):
            row = squared[at, m] if axis == 1 else squared[m, at]
            for k in range(0, n2, _PIECE):
                _lower(row[k : k + _PIECE], before[:, k : k + _PIECE], m, size)


@inner(fastmath={"nnan", "nsz"})
def _lower(piece, before, m, size):  # type: ignore[no-untyped-def]
    """Lower a piece of row `m` to the smallest sum of a row and its squared distance."""
    n = len(before)
    for step in range(1, max(m, n - 1 - m) + 1):
        square = np.float32((step * size) ** 2)
        largest = np.float32(0.0)
        # A row that does not exist is replaced by one that changes nothing.
        behind = before[m - step] if m >= step else piece
        ahead = before[m + step] if m + step < n else piece
        for k in range(len(piece)):
            value = min(min(behind[k], ahead[k]) + square, piece[k])
            piece[k] = value
            largest = max(largest, value)
        if largest <= np.float32(((step + 1) * size) ** 2):
            break
