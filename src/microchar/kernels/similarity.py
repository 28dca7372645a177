"""Squared differences and structural similarity of slices of two images."""

from __future__ import annotations

import numpy as np

from microchar.kernels.jit import kernel

#: Edge of the SSIM window, in pixels.
WINDOW = 7


@kernel
def squared_difference(a, b, out):  # type: ignore[no-untyped-def]
    """Add to ``out[s]`` the sum of (a - b)² over slice s.

    Parameters
    ----------
    a, b : uint16, (slices, rows, columns)
    out : int64, (slices,)
        Sum of squared differences of each slice; modified.
    """
    slices, rows, columns = a.shape
    for s in range(slices):
        for i in range(rows):
            for j in range(columns):
                gap = np.int64(a[s, i, j]) - np.int64(b[s, i, j])
                out[s] += gap * gap


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
