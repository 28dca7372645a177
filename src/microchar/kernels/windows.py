"""Histograms of the sums over windows at every position, computed by running sums."""

from __future__ import annotations

import numpy as np

from microchar.kernels.jit import inner, kernel


@kernel
def count_windows(
    labels, core, window, weights, cell0, cell1, plane, columns, rows, running, volume, normal0, normal1, normal2
):
    """Count the windows that begin in the cells of the core of a block by their sums.

    Each plane is visited once. The sums along axis 0 are updated for the complete plane.
    From these, the sums along axis 2 are computed for each plane, and the sums along
    axis 1 row by row.

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
        Labels of the core and the halo behind it. Windows that do not fit into the array
        are not counted.
    core, window : tuple of int
        Shapes of the core and of the window.
    weights : int64, (256,)
        Contribution of a voxel of each label to the sum; not negative. Sums beyond the
        last bin of a histogram are not counted, so that a large weight excludes a window.
    cell0, cell1 : int64, (n0,), (n1,)
        Index of the cell along axes 0 and 1 in which each voxel of the core lies.
    plane, columns, rows : int64, (n1, n2)
        Workspaces; `columns` is filled with zeros.
    running : int64, (n2,)
        Workspace.
    volume : int64, (cells0, cells1, bins)
        Number of windows of the given shape that begin in each cell, by sum; modified.
    normal0, normal1, normal2 : int64, (cells0, cells1, bins)
        The same for flat windows, one voxel thick along axis 0, 1, 2.
    """
    n0, n1, n2 = labels.shape
    w0, w1, w2 = window
    width = min(core[2], n2 - w2 + 1)
    one = np.int64(1)  # not a literal, for which Numba would compile `_slide` again
    for i in range(min(n0, core[0] + w0 - 1)):
        for j in range(n1):
            for k in range(n2):
                plane[j, k] = weights[labels[i, j, k]]
                columns[j, k] += plane[j, k]
            if i >= w0:
                for k in range(n2):
                    columns[j, k] -= weights[labels[i - w0, j, k]]
        if i < core[0]:
            _sum_rows(plane, w2, rows)
            _slide(rows, w1, core[1], width, running, cell1, normal0[cell0[i]])
        if i >= w0 - 1:
            cell = cell0[i - w0 + 1]
            _slide(columns, w1, core[1], core[2], running, cell1, normal2[cell])
            _sum_rows(columns, w2, rows)
            _slide(rows, one, core[1], width, running, cell1, normal1[cell])
            _slide(rows, w1, core[1], width, running, cell1, volume[cell])


@inner
def _sum_rows(values, window, out):
    """Set ``out[j, k] = sum(values[j, k : k + window])`` for every k at which the window fits."""
    n1, n2 = values.shape
    for j in range(n1):
        total = 0
        for k in range(n2):
            total += values[j, k]
            if k >= window:
                total -= values[j, k - window]
            if k >= window - 1:
                out[j, k - window + 1] = total


@inner
def _slide(values, window, core, width, running, cell, histograms):
    """Count the sums of `window` successive rows that begin in the first `core` rows, for the first `width` columns."""
    for k in range(width):
        running[k] = 0
    for j in range(min(len(values), core + window - 1)):
        for k in range(width):
            running[k] += values[j, k]
        if j >= window:
            for k in range(width):
                running[k] -= values[j - window, k]
        if j >= window - 1:
            histogram = histograms[cell[j - window + 1]]
            for k in range(width):
                if running[k] < len(histogram):
                    histogram[running[k]] += 1
