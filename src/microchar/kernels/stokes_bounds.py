"""What the bounds of the permeability need: flows that lead a residual to the ends. All values are float64."""

from __future__ import annotations

import numpy as np

from microchar.kernels.diffusion_bounds import _factorise, _solve, drop_between, drop_to_end
from microchar.kernels.diffusion_jit import inner, kernel
from microchar.kernels.diffusion_setup import conductance, end_conductance
from microchar.kernels.stokes_faces import _around, _pull, _pull_ghost


@kernel
def residual(nbr, kind, table, ends, source, x, start, first, last, r, excess):  # type: ignore[no-untyped-def]
    """Compute ``source - L x`` at the nodes (float32), and its sum over each aggregate; L is the diffusion operator."""
    none = len(ends)
    for a in range(first, last):
        total = 0.0
        for i in range(start[a], start[a + 1]):
            left = source[i] - ((ends[i] & 1) + ((ends[i] >> 1) & 1)) * end_conductance(kind, table, i) * x[i]
            for side in range(6):
                j = nbr[i, side]
                if j != none:
                    left += conductance(kind, table, min(side, 5 - side), i, j) * (x[j] - x[i])
            r[i] = left
            total += left
        excess[a] = total


@kernel
def add_flow(
    nbr, kind, table, ends, ghost, source, x, agg, start, flow, first, last, u
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Add the flow that leads the source at the nodes of the aggregates from `first` up to `last` to the ends.

    The flow is that of the potential `x` and, for the rest, the `flow` between the
    aggregates (`diffusion_bounds`) and that of potentials inside each aggregate.
    """
    none = len(ends)
    matrix, rhs = np.zeros((8, 8)), np.zeros(8)
    for a in range(first, last):
        begin, end = start[a], start[a + 1]
        matrix[:] = 0.0
        for i in range(begin, end):
            p, balance = i - begin, source[i]
            for sign in range(2):
                if (ends[i] >> sign) & 1:
                    q = end_conductance(kind, table, i) * (x[i] + drop_to_end(flow, a))
                    balance -= q
                    if sign:
                        u[i, 0] += q
                    else:
                        u[ghost[i], 0] -= q
            for side in range(6):
                j = nbr[i, side]
                if j == none:
                    continue
                g, drop = conductance(kind, table, min(side, 5 - side), i, j), x[i] - x[j]
                if begin <= j < end:
                    matrix[p, p] += g
                    matrix[p, j - begin] -= g
                else:
                    drop += drop_between(flow, a, agg[j])
                balance -= g * drop
                if side > 2:
                    u[i, 5 - side] += g * drop
            rhs[p] = balance
        _factorise(matrix, end - begin)
        _solve(matrix, rhs, end - begin)
        for i in range(begin, end):
            for side in range(3, 6):
                j = nbr[i, side]
                if begin <= j < end:
                    u[i, 5 - side] += conductance(kind, table, 5 - side, i, j) * (rhs[i - begin] - rhs[j - begin])


@kernel
def dissipation(nbr, ends, ghost, inlet, weight, diagonal, code, u, first, last):  # type: ignore[no-untyped-def]
    """Return the sums that the lower bound needs, over the nodes from `first` up to `last`.

    They are the dissipation ``u · A u``, the magnitudes of its terms, the flow through
    the inlet, and the magnitudes of all flows.
    """
    one, half = weight[0, 3] + weight[0, 3], weight[0, 3]
    energy = magnitude = current = flows = 0.0
    if first == 0:
        for i in inlet:
            here, d = u[ghost[i], 0], diagonal[0, code[ghost[i], 0]]
            energy += here * (d * here - _pull_ghost(nbr, ghost, weight, u, i))
            magnitude += d * here * here
            current += here
            flows += abs(here)
    for i in range(first, last):
        rows = _around(nbr, ends, ghost, i)
        for a in range(3):
            here, d = u[i, a], diagonal[a, code[i, a]]
            energy += here * (d * here - _pull(u, a, rows, weight, half if a == 0 and ends[i] & 2 else one))
            magnitude += d * here * here
            flows += abs(here)
    return energy, magnitude, current, flows


@inner
def _dual(force, d, here, around, mass, mass_around, slack, mass_slack):  # type: ignore[no-untyped-def]
    """Return the terms of a face in the upper bound: the linear one, its magnitude, and the quadratic one."""
    drag = d * here - around
    rest, support = abs(force - drag) + slack, d * mass - mass_around - mass_slack
    square = rest * rest * mass / support if support > 0 and mass > 0 else np.inf
    return here * (2 * force - drag) + abs(here) * slack, abs(here) * (2 * abs(force) + abs(drag)), square


@kernel
def dual(
    nbr, ends, ghost, inlet, weight, diagonal, code, u, p, w, slack, mass_slack, first, last
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Return the sums that the upper bound needs, over the nodes from `first` up to `last`.

    With ``r = f - G p`` and ``e = r - A u`` they are ``r · u + u · e``, the magnitudes of
    its terms, and ``Σ e² w / (A w)``, which is infinite unless w and A w are positive.
    `slack` and `mass_slack` bound the rounding errors of e and of A w.
    """
    one, half = weight[0, 3] + weight[0, 3], weight[0, 3]
    linear = magnitude = square = 0.0
    if first == 0:
        for i in inlet:
            g = ghost[i]
            around, mass_around = _pull_ghost(nbr, ghost, weight, u, i), _pull_ghost(nbr, ghost, weight, w, i)
            d = diagonal[0, code[g, 0]]
            terms = _dual(1 - p[i], d, u[g, 0], around, w[g, 0], mass_around, slack, mass_slack)
            linear += terms[0]
            magnitude += terms[1]
            square += terms[2]
    for i in range(first, last):
        rows = _around(nbr, ends, ghost, i)
        for a in range(3):
            if code[i, a] == 0:
                continue
            across = half if a == 0 and ends[i] & 2 else one
            around, mass_around = _pull(u, a, rows, weight, across), _pull(w, a, rows, weight, across)
            d = diagonal[a, code[i, a]]
            terms = _dual(p[i] - p[rows[5 - a]], d, u[i, a], around, w[i, a], mass_around, slack, mass_slack)
            linear += terms[0]
            magnitude += terms[1]
            square += terms[2]
    return linear, magnitude, square
