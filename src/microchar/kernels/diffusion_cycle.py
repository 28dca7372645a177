"""The sweeps of the multigrid cycle, on the voxels (``nbr`` as in `diffusion_setup.link`) and on networks (``ptr``).

Every kernel handles a range of nodes, so that ranges without common neighbours can run
on threads. Vectors are float32. Indices are unsigned in the inner loops, because
compiled code tests signed ones for negative ones.
"""

from __future__ import annotations

import numpy as np

from microchar.kernels.diffusion_jit import inner, kernel
from microchar.kernels.diffusion_setup import conductance, end_conductance, inflow, neighbours


@inner
def _inverse(kind, inverse, ends, i):  # type: ignore[no-untyped-def]
    """Return the inverse of the diagonal; if all voxels have the same diffusivity, it depends on `ends` alone."""
    if kind is None:
        return inverse[ends[i]]
    return inverse[i]


@kernel
def relax(nbr, kind, table, ends, inverse, b, x, first, last, backward):  # type: ignore[no-untyped-def]
    """Apply one Gauss-Seidel sweep to the nodes from `first` up to `last`, forward or backward.

    `inverse` (float32) has one entry for each node, or, if `kind` is None, for each
    value of `ends`.
    """
    for step in range(last - first):
        i = np.uint32(last - 1 - step if backward else first + step)
        x[i] = 0  # missing neighbours are the node itself
        j0, j1, j2, j3, j4, j5 = around = neighbours(nbr, i)
        if kind is None:
            total = b[i] + (
                table[0, 0, 0] * (x[j0] + x[j5]) + table[1, 0, 0] * (x[j1] + x[j4]) + table[2, 0, 0] * (x[j2] + x[j3])
            )
        else:
            total = b[i]
            for side in range(6):
                j = around[side]
                total += conductance(kind, table, min(side, 5 - side), i, j) * x[j]
        x[i] = _inverse(kind, inverse, ends, i) * total


@kernel
def restrict(nbr, kind, table, ends, b, x, start, first, last, coarse):  # type: ignore[no-untyped-def]
    """Sum the residual ``b - A x`` over each aggregate from `first` up to `last`."""
    for a in range(first, last):
        total = np.float32(0)
        for i in range(start[a], start[a + 1]):
            left = b[i] + inflow(nbr, kind, table, x, np.uint32(i))
            if ends[i] & 3:
                left -= np.float32((ends[i] & 1) + ((ends[i] >> 1) & 1)) * end_conductance(kind, table, i) * x[i]
            total += left
        coarse[a] = total


@kernel
def prolong_to_voxels(start, coarse, factor, x, first, last):  # type: ignore[no-untyped-def]
    """Add `factor` times the value of the aggregate to the nodes of the aggregates from `first` up to `last`."""
    for a in range(first, last):
        change = factor * coarse[a]
        for i in range(start[a], start[a + 1]):
            x[i] += change


@kernel
def prolong(agg, coarse, factor, x, first, last):  # type: ignore[no-untyped-def]
    """Add `factor` times the value of the aggregate to each node of a network from `first` up to `last`."""
    for i in range(first, last):
        x[i] += factor * coarse[agg[i]]


@kernel
def energies(nbr, kind, table, ends, x, y, first, last):  # type: ignore[no-untyped-def]
    """Return ``x · A x`` and ``x · A y``, summed over the nodes from `first` up to `last` and the faces before them."""
    # Computed from differences: with a diagonal in single precision, each node would have a small error in its balance,
    # and these errors add up over millions of nodes.
    xx = xy = 0.0
    for i in range(first, last):
        here, there, around = x[i], y[i], neighbours(nbr, i)
        squares = products = here * 0
        if ends[i] & 3:
            g = np.float32((ends[i] & 1) + ((ends[i] >> 1) & 1)) * end_conductance(kind, table, i)
            squares, products = g * here * here, g * here * there
        for side in range(3):
            j = around[side]
            dx, dy = here - x[j], there - y[j]
            g = conductance(kind, table, side, i, j)
            squares += g * dx * dx
            products += g * dx * dy
        xx += squares
        xy += products
    return xx, xy


@kernel
def relax_graph(ptr, nbr, weight, inverse, b, x, first, last, backward):  # type: ignore[no-untyped-def]
    """Apply one Gauss-Seidel sweep to a network; see `relax`."""
    for step in range(last - first):
        i = np.uint32(last - 1 - step if backward else first + step)
        total = b[i]
        for slot in range(np.uint64(ptr[i]), np.uint64(ptr[i + 1])):
            total += weight[slot] * x[nbr[slot]]
        x[i] = inverse[i] * total


@kernel
def restrict_graph(ptr, nbr, weight, inverse, b, x, agg, first, last, coarse):  # type: ignore[no-untyped-def]
    """Add the residual ``b - A x`` of the nodes from `first` up to `last` to their aggregates."""
    for i in range(first, last):
        total = b[i] - x[i] / inverse[i]
        for slot in range(np.uint64(ptr[i]), np.uint64(ptr[i + 1])):
            total += weight[slot] * x[nbr[slot]]
        coarse[agg[i]] += total


@kernel
def apply_graph(ptr, nbr, weight, end, x, out, first, last):  # type: ignore[no-untyped-def]
    """Write ``A x`` to `out` and return ``x · A x``, for the nodes from `first` up to `last`."""
    product = 0.0
    for i in range(first, last):
        here = x[i]
        total = end[i] * here
        for slot in range(np.uint64(ptr[i]), np.uint64(ptr[i + 1])):
            total += weight[slot] * (here - x[nbr[slot]])
        out[i] = total
        product += here * total
    return product
