"""The sweeps of the multigrid cycle, on the voxels (``nbr`` with six columns) and on networks (``ptr``).

Every kernel handles a range of nodes, so that ranges without common neighbours can run
on threads. Vectors are float32. Vectors on the voxels have one more entry than there
are nodes; this last entry is 0 and stands for missing neighbours.
"""

from __future__ import annotations

import numpy as np

from microchar.kernels.diffusion_jit import inner, kernel
from microchar.kernels.diffusion_setup import conductance, end_conductance


@inner
def _inflow(nbr, kind, table, x, i):  # type: ignore[no-untyped-def]
    if kind is None:
        return (
            table[0, 0, 0] * (x[nbr[i, 0]] + x[nbr[i, 5]])
            + table[1, 0, 0] * (x[nbr[i, 1]] + x[nbr[i, 4]])
            + table[2, 0, 0] * (x[nbr[i, 2]] + x[nbr[i, 3]])
        )
    total = x[i] * 0
    for side in range(6):
        j = nbr[i, side]
        total += conductance(kind, table, min(side, 5 - side), i, j) * x[j]
    return total


@kernel
def relax(nbr, kind, table, inverse, b, x, first, last, backward):  # type: ignore[no-untyped-def]
    """Apply one Gauss-Seidel sweep to the nodes from `first` up to `last`, forward or backward."""
    for step in range(last - first):
        i = last - 1 - step if backward else first + step
        x[i] = inverse[i] * (b[i] + _inflow(nbr, kind, table, x, i))


@kernel
def restrict(nbr, kind, table, inverse, b, x, start, first, last, coarse):  # type: ignore[no-untyped-def]
    """Sum the residual ``b - A x`` over each aggregate from `first` up to `last`."""
    for a in range(first, last):
        total = np.float32(0)
        for i in range(start[a], start[a + 1]):
            total += b[i] - x[i] / inverse[i] + _inflow(nbr, kind, table, x, i)
        coarse[a] = total


@kernel
def prolong(agg, coarse, factor, x, first, last):  # type: ignore[no-untyped-def]
    """Add `factor` times the value of the aggregate to each node from `first` up to `last`, on voxels or networks."""
    for i in range(first, last):
        x[i] += factor * coarse[agg[i]]


@kernel
def energies(nbr, kind, table, ends, x, y, first, last):  # type: ignore[no-untyped-def]
    """Return ``x · A x`` and ``x · A y``, summed over the nodes from `first` up to `last` and the faces before them."""
    # Computed from differences: with a diagonal in single precision, each node would have a small error in its balance,
    # and these errors add up over millions of nodes.
    none = len(ends)
    xx = xy = 0.0
    for i in range(first, last):
        g = ((ends[i] & 1) + (ends[i] >> 1)) * end_conductance(kind, table, i)
        squares, products = g * x[i] * x[i], g * x[i] * y[i]
        for side in range(3):
            j = nbr[i, side]
            # Both are always read, which is faster than a branch.
            dx, dy = x[i] - x[j], y[i] - y[j]
            g = conductance(kind, table, side, i, j) if j != none else table[0, 0, 0] * 0
            squares += g * dx * dx
            products += g * dx * dy
        xx += squares
        xy += products
    return xx, xy


@kernel
def relax_graph(ptr, nbr, weight, inverse, b, x, first, last, backward):  # type: ignore[no-untyped-def]
    """Apply one Gauss-Seidel sweep to a network; see `relax`."""
    for step in range(last - first):
        i = last - 1 - step if backward else first + step
        total = 0.0
        for slot in range(ptr[i], ptr[i + 1]):
            total += weight[slot] * x[nbr[slot]]
        x[i] = inverse[i] * (b[i] + total)


@kernel
def restrict_graph(ptr, nbr, weight, inverse, b, x, agg, first, last, coarse):  # type: ignore[no-untyped-def]
    """Add the residual ``b - A x`` of the nodes from `first` up to `last` to their aggregates."""
    for i in range(first, last):
        total = b[i] - x[i] / inverse[i]
        for slot in range(ptr[i], ptr[i + 1]):
            total += weight[slot] * x[nbr[slot]]
        coarse[agg[i]] += total


@kernel
def apply_graph(ptr, nbr, weight, end, x, out, first, last):  # type: ignore[no-untyped-def]
    """Write ``A x`` to `out` and return ``x · A x``, for the nodes from `first` up to `last`."""
    product = 0.0
    for i in range(first, last):
        here = x[i]
        total = end[i] * here
        for slot in range(ptr[i], ptr[i + 1]):
            total += weight[slot] * (here - x[nbr[slot]])
        out[i] = total
        product += here * total
    return product
