"""Conserved fluxes from any field, and the energies that bound the conductance. All values are float64.

The flux of a field leaves a residual at the nodes, the *excess*. It is removed level by
level. The total excess of an aggregate first flows between aggregates (this flow comes
from the coarser level) and is distributed over the edges between two aggregates in
proportion to their conductances. The remaining excess of the nodes, which sums to zero
in each aggregate, is then balanced inside the aggregate. The flow along an edge is
given by its *drop*, the flow divided by the conductance: all edges between two
aggregates have the same drop as the coarse edge, and the drop of an edge inside an
aggregate is the difference of two potentials. A `flow` on a network is therefore the
tuple of the aggregate and the potential of each node, and of the edges of the coarser
network (``ptr`` and ``nbr``), their drops, and the drops of its nodes to the ends.
"""

from __future__ import annotations

import numpy as np

from microchar.kernels.diffusion_jit import inner, kernel
from microchar.kernels.diffusion_setup import conductance, end_conductance, inflow, is_dead_end, neighbour


@inner
def _factorise(matrix, m):  # type: ignore[no-untyped-def]
    """Factorise the matrix of a small network with the last node at zero into L D Lᵀ; the diagonal becomes 1/D."""
    for k in range(m - 1):
        inverse = 1 / matrix[k, k]
        for i in range(k + 1, m - 1):
            factor = matrix[i, k] * inverse
            if factor != 0:
                for j in range(k + 1, i + 1):
                    matrix[i, j] -= factor * matrix[j, k]
        for i in range(k + 1, m - 1):
            matrix[i, k] *= inverse
        matrix[k, k] = inverse


@inner
def _solve(matrix, rhs, m):  # type: ignore[no-untyped-def]
    """Replace the excess of m nodes by their potentials; the potential of the last node is zero."""
    for i in range(m - 1):
        for j in range(i):
            rhs[i] -= matrix[i, j] * rhs[j]
    rhs[m - 1] = 0.0
    for i in range(m - 2, -1, -1):
        rhs[i] *= matrix[i, i]
        for j in range(i + 1, m - 1):
            rhs[i] -= matrix[j, i] * rhs[j]


@inner
def _find(slot, nbr, wanted):  # type: ignore[no-untyped-def]
    while nbr[slot] != wanted:
        slot += 1
    return slot


@inner
def drop_between(flow, i, j):  # type: ignore[no-untyped-def]
    """Return the drop of a flow from a node of the network to a neighbour."""
    group, potential, coarse_ptr, coarse_nbr, coarse_drop, _ = flow
    if group[i] == group[j]:
        return potential[i] - potential[j]
    return coarse_drop[_find(coarse_ptr[group[i]], coarse_nbr, group[j])]


@inner
def drop_to_end(flow, i):  # type: ignore[no-untyped-def]
    """Return the drop of a flow from a node of the network to an end."""
    return flow[5][flow[0][i]]


@kernel
def residual(nbr, kind, table, ends, x, start, first, last, r, excess):  # type: ignore[no-untyped-def]
    """Compute the residual of the field `x` at the nodes (float32), and its sum over each aggregate."""
    for a in range(first, last):
        total = 0.0
        for i in range(start[a], start[a + 1]):
            left = inflow(nbr, kind, table, x, np.uint32(i))
            if ends[i] & 3:
                at_end = end_conductance(kind, table, i)
                left += (ends[i] & 1) * at_end * (1 - x[i]) - ((ends[i] >> 1) & 1) * at_end * x[i]
            r[i] = left
            total += left
        excess[a] = total


@kernel
def route(
    ptr, nbr, weight, end, excess, member_ptr, members, local, flow, matrix, rhs, first, last
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Set the potentials of a flow that removes the excess, for the aggregates from `first` up to `last`.

    Parameters
    ----------
    excess : float64, (nodes,)
        Excess of each node.
    local : int32, (nodes,)
        Workspace.
    flow : tuple
        Flow whose drops of the coarser network are given; its potentials are set.
    matrix, rhs : float64, (m, m) and (m,)
        Workspace for the largest aggregate.
    """
    group, potential = flow[0], flow[1]
    for a in range(first, last):
        m = np.int64(0)
        for member in range(member_ptr[a], member_ptr[a + 1]):
            i = members[member]
            local[i] = -1
            if not is_dead_end(ptr, end, np.int64(i)):
                local[i] = m
                for q in range(m + 1):
                    matrix[m, q] = 0.0
                m += 1
        for member in range(member_ptr[a], member_ptr[a + 1]):
            i = members[member]
            p = local[i]
            if p < 0:
                continue
            rhs[p] = excess[i] - end[i] * drop_to_end(flow, i)
            for slot in range(ptr[i], ptr[i + 1]):
                j = nbr[slot]
                if group[j] != a:
                    rhs[p] -= weight[slot] * drop_between(flow, i, j)
                elif local[j] < 0:
                    rhs[p] += excess[j]
                else:
                    q = local[j]
                    matrix[p, p] += weight[slot]
                    if q < p:
                        matrix[p, q] -= weight[slot]
        _factorise(matrix, m)
        _solve(matrix, rhs, m)
        for member in range(member_ptr[a], member_ptr[a + 1]):
            i = members[member]
            if local[i] >= 0:
                potential[i] = rhs[local[i]]
            else:
                slot = ptr[i]
                potential[i] = rhs[local[nbr[slot]]] + excess[i] / weight[slot]


@kernel
def edge_drops(ptr, nbr, flow, first, last, drop, end_drop):  # type: ignore[no-untyped-def]
    """Write the drops of a flow along the edges and to the ends, for the nodes from `first` up to `last`."""
    for i in range(first, last):
        end_drop[i] = drop_to_end(flow, i)
        for slot in range(ptr[i], ptr[i + 1]):
            drop[slot] = drop_between(flow, i, nbr[slot])


@kernel
def dissipation(
    nbr, kind, table, ends, x, agg, start, shape, flow, factors, potential, rest, first, last, sums
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Sum the quantities that bound the conductance over the aggregates from `first` up to `last`.

    `sums` (float64, 6) is set to: the energy of the field; the dissipation of the
    conserved flux, which is the flux of the field and, between the aggregates, the
    `flow`; its current at the inlet; the residual that remains at the nodes; the sum of
    its magnitudes; the sum of the resistances without those at the inlet.
    Each face inside the volume is counted once, by the node behind it. `factors`
    (float64, 256 × 8 × 8, filled with 0), `potential` and `rest` (float64, 8) are
    workspace. If all voxels have the same diffusivity, aggregates of the same shape are
    factorised only once.
    """
    energy = lost = current = left = magnitude = resistance = 0.0
    for a in range(first, last):
        begin, end = start[a], start[a + 1]
        matrix = factors[shape[a] if kind is None else 0]
        new = kind is not None or matrix[0, 0] == 0
        if new:
            for p in range(end - begin):
                for q in range(end - begin):
                    matrix[p, q] = 0.0
        for i in range(begin, end):
            balance = 0.0
            for sign in range(2 if ends[i] & 3 else 0):
                if (ends[i] >> sign) & 1:
                    # Flow out of the node, to the inlet, where x is 1 (sign 0), or the outlet, where x is 0 (sign 1).
                    g, d, e = end_conductance(kind, table, i), x[i] - (1 - sign), drop_to_end(flow, a)
                    balance -= g * (d + e)
                    current -= (1 - sign) * g * (d + e)
                    energy += g * d * d
                    lost += g * (d + e) ** 2
                    magnitude += g * (abs(d) + abs(e))
                    resistance += sign / g
            rest[i - begin] = balance
        for side in range(6):
            # Most neighbours on one side of an aggregate belong to one other aggregate.
            e, recent = 0.0, np.int64(-1)
            for i in range(begin, end):
                j = neighbour(nbr, i, side)
                if j == i:
                    continue
                g, d = conductance(kind, table, min(side, 5 - side), i, j), x[i] - x[j]
                if side < 3:
                    energy += g * d * d
                    resistance += 1 / g
                if begin <= j < end:
                    rest[i - begin] -= g * d
                    if new:
                        matrix[i - begin, i - begin] += g
                        matrix[i - begin, j - begin] -= g
                    continue
                if agg[j] != recent:
                    recent = np.int64(agg[j])
                    e = drop_between(flow, a, recent)
                rest[i - begin] -= g * (d + e)
                if side < 3:
                    lost += g * (d + e) ** 2
                    magnitude += 2 * g * (abs(d) + abs(e))
        for p in range(end - begin):
            potential[p] = rest[p]
        if new:
            _factorise(matrix, end - begin)
        _solve(matrix, potential, end - begin)
        inside_lost, inside_magnitude, inside_left = _even_out(nbr, kind, table, x, begin, end, potential, rest)
        lost += inside_lost
        magnitude += inside_magnitude
        left += inside_left
    sums[0], sums[1], sums[2], sums[3], sums[4], sums[5] = energy, lost, current, left, magnitude, resistance


@inner
def _even_out(nbr, kind, table, x, begin, end, potential, rest):  # type: ignore[no-untyped-def]
    """Return dissipation and magnitude of the flux inside an aggregate, and the residual that remains at its nodes."""
    lost = magnitude = left = 0.0
    for i in range(begin, end):
        for side in range(3):
            j = neighbour(nbr, i, side)
            if begin <= j < end and j != i:
                g, d, e = conductance(kind, table, side, i, j), x[i] - x[j], potential[i - begin] - potential[j - begin]
                rest[i - begin] -= g * e
                rest[j - begin] += g * e
                lost += g * (d + e) ** 2
                magnitude += 2 * g * (abs(d) + abs(e))
    for p in range(end - begin):
        left += abs(rest[p])
    return lost, magnitude, left
