"""Sums over windows at every position, by running sums, counted in histograms."""

from __future__ import annotations

from numba import njit


@njit(nogil=True, cache=True)
def count_windows(labels, core, window, weights, plane, columns, rows, running, volume, normal0, normal1, normal2):
    """Count the windows that begin in the core of a block by their sums.

    The planes are visited once; sums along axis 0 are kept for the whole plane,
    those along axis 2 are made from them for each plane, those along axis 1 as
    the rows of a plane are visited.

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
        Core and the halo behind it; windows that do not fit are none.
    core, window : tuple of int
        Shapes of both.
    weights : int64, (256,)
        What a voxel of each label adds to the sum, not negative. A sum beyond the
        last bin of a histogram is not counted: that is how a window is left out.
    plane, columns, rows : int64, (n1, n2)
        Workspaces; `columns` of zeros.
    running : int64, (n2,)
        Workspace.
    volume : int64, (bins,)
        Windows of the given shape, by sum.
    normal0, normal1, normal2 : int64, (bins,)
        The same for flat windows, one voxel thick along axis 0, 1, 2.
    """
    n0, n1, n2 = labels.shape
    w0, w1, w2 = window
    width = min(core[2], n2 - w2 + 1)
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
            _slide(rows, w1, core[1], width, running, normal0)
        if i >= w0 - 1:
            _slide(columns, w1, core[1], core[2], running, normal2)
            _sum_rows(columns, w2, rows)
            _slide(rows, 1, core[1], width, running, normal1)
            _slide(rows, w1, core[1], width, running, volume)


@njit(nogil=True, cache=True)
def _sum_rows(values, window, out):
    """Set ``out[j, k] = sum(values[j, k : k + window])`` for the k at which that many are there."""
    n1, n2 = values.shape
    for j in range(n1):
        total = 0
        for k in range(n2):
            total += values[j, k]
            if k >= window:
                total -= values[j, k - window]
            if k >= window - 1:
                out[j, k - window + 1] = total


@njit(nogil=True, cache=True)
def _slide(values, window, core, width, running, histogram):
    """Count the sums of `window` successive rows, of the first `width` columns, that begin at the first `core` rows."""
    running[:] = 0
    for j in range(min(len(values), core + window - 1)):
        for k in range(width):
            running[k] += values[j, k]
        if j >= window:
            for k in range(width):
                running[k] -= values[j - window, k]
        if j >= window - 1:
            for k in range(width):
                if running[k] < len(histogram):
                    histogram[running[k]] += 1
