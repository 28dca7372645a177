"""Squared differences and structural similarity of slices of two images."""

from __future__ import annotations

import numpy as np

from microchar.kernels.jit import inner, kernel

#: Edge of the SSIM window, in pixels.
WINDOW = 7


@kernel
def squared_difference(a, b, planes, rows, columns):  # type: ignore[no-untyped-def]
    """Add the sum of (a - b)² over each slice normal to each axis.

    Parameters
    ----------
    a, b : uint16, (n0, n1, n2)
    planes, rows, columns : int64, (n0,), (n1,), (n2,)
        Sums over the slices normal to axis 0, 1, 2; modified.
    """
    n0, n1, n2 = a.shape
    for i in range(n0):
        for j in range(n1):
            total = np.int64(0)
            for k in range(n2):
                gap = np.int64(a[i, j, k]) - np.int64(b[i, j, k])
                total += gap * gap
                columns[k] += gap * gap
            planes[i] += total
            rows[j] += total


@kernel
def mean_ssim(a, b, c1, c2, sums, out):  # type: ignore[no-untyped-def]
    """Set ``out[s]`` to the mean structural similarity of slice s.

    The window sums are running sums of integers. For each new row, the sums over the
    columns of the window gain the new row and lose the oldest row. The window sum then
    gains and loses columns in the same way. With N pixels in the window, S = Σa and
    V = N Σa² - S², the similarity is
    (2 S_a S_b + c1)(2 V_ab + c2) / ((S_a² + S_b² + c1)(V_a + V_b + c2)).

    Parameters
    ----------
    a, b : uint16, (slices, rows, columns)
        Slices to compare. They are at least as large as the window.
    c1, c2 : float
        Stabilising constants, multiplied by N² and N (N - 1).
    sums : int64, (4, columns)
        Workspace: column sums of a, b, a² + b², ab.
    out : float64, (slices,)
        Mean structural similarity of each slice; set.
    """
    slices, rows, columns = a.shape
    n = WINDOW * WINDOW
    for s in range(slices):
        sums[:] = 0
        total = 0.0
        for i in range(rows):
            for j in range(columns):
                x, y = np.int64(a[s, i, j]), np.int64(b[s, i, j])
                u = v = np.int64(0)
                if i >= WINDOW:
                    u, v = np.int64(a[s, i - WINDOW, j]), np.int64(b[s, i - WINDOW, j])
                sums[0, j] += x - u
                sums[1, j] += y - v
                sums[2, j] += x * x + y * y - u * u - v * v
                sums[3, j] += x * y - u * v
            if i < WINDOW - 1:
                continue
            sa = sb = squares = product = np.int64(0)
            for j in range(columns):
                sa += sums[0, j]
                sb += sums[1, j]
                squares += sums[2, j]
                product += sums[3, j]
                if j < WINDOW - 1:
                    continue
                cross, both = sa * sb, sa * sa + sb * sb
                above = (2 * cross + c1) * (2 * (n * product - cross) + c2)
                total += above / ((both + c1) * (n * squares - both + c2))
                k = j - WINDOW + 1
                sa -= sums[0, k]
                sb -= sums[1, k]
                squares -= sums[2, k]
                product -= sums[3, k]
        out[s] = total / ((rows - WINDOW + 1) * (columns - WINDOW + 1))


@kernel
def mean_ssim_of_two_levels(pairs, table, sums, out):  # type: ignore[no-untyped-def]
    """Set ``out[s]`` to what `mean_ssim` sets it to, for slices of two levels; faster.

    The similarity of two windows follows from three numbers below 64: how many pixels are
    set in the first, in the second and in both. They are added up as bits 0-5, 6-11 and
    12-17 of one number.

    Parameters
    ----------
    pairs : uint8, (slices, rows, columns)
        Bit 0 is that of the first image, bit 1 that of the second.
    table : float64, (2^18,)
        Similarity of two windows by that number.
    sums : uint32, (columns,)
        Workspace: column sums.
    out : float64, (slices,)
        Mean structural similarity of each slice; set.
    """
    slices, rows, columns = pairs.shape
    for s in range(slices):
        total = 0.0
        for j in range(columns):
            sums[j] = 0
        for i in range(rows):
            for j in range(columns):
                sums[j] += _numbers(pairs[s, i, j])
            if i >= WINDOW:
                for j in range(columns):
                    sums[j] -= _numbers(pairs[s, i - WINDOW, j])
            if i < WINDOW - 1:
                continue
            window = np.uint32(0)
            for j in range(columns):
                window += sums[j]
                if j >= WINDOW - 1:
                    total += table[window]
                    window -= sums[j - WINDOW + 1]
        out[s] = total / ((rows - WINDOW + 1) * (columns - WINDOW + 1))


@inner
def _numbers(pair):  # type: ignore[no-untyped-def]
    bits = np.uint32(pair)
    both = bits & bits >> np.uint32(1)
    return bits & np.uint32(1) | (bits & np.uint32(2)) << np.uint32(5) | both << np.uint32(12)
