"""Conserved fluxes from any field, and the energies that bound the conductance. All in float64.

What the flux of a field leaves at the nodes is led down the hierarchy: what an
aggregate has in excess flows between aggregates first (`flow`, from the coarser
level), spread over the edges in proportion to their conductances; the rest, which
sums to zero in each aggregate, is evened out inside it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from microchar.kernels.diffusion_setup import conductance, is_dead_end


@njit(nogil=True, error_model="numpy")
def _level_out(matrix, rhs, m):  # type: ignore[no-untyped-def]
    """Solve a small network for its potentials, the last node at zero; rhs becomes the potentials."""
    for k in range(m - 1):
        for i in range(k + 1, m - 1):
            factor = matrix[i, k] / matrix[k, k]
            if factor != 0:
                for j in range(k + 1, m - 1):
                    matrix[i, j] -= factor * matrix[k, j]
                rhs[i] -= factor * rhs[k]
    rhs[m - 1] = 0.0
    for i in range(m - 2, -1, -1):
        total = rhs[i]
        for j in range(i + 1, m - 1):
            total -= matrix[i, j] * rhs[j]
        rhs[i] = total / matrix[i, i]


@njit(nogil=True, cache=True, error_model="numpy")
def residual(nbr, kind, table, ends, x, start, first, last, r, excess):  # type: ignore[no-untyped-def]
    """Write what the flux of the field `x` leaves at the nodes (float32), and its sum over each aggregate."""
    none = np.uint32(len(ends))
    for a in range(first, last):
        total = 0.0
        for i in range(start[a], start[a + 1]):
            at_end = 2 * conductance(kind, table, 0, i, i)
            left = (ends[i] & 1) * at_end * (1 - x[i]) - (ends[i] >> 1) * at_end * x[i]
            for side in range(6):
                j = nbr[i, side]
                if j != none:
                    left += conductance(kind, table, min(side, 5 - side), i, j) * (x[j] - x[i])
            r[i] = left
            total += left
        excess[a] = total


@njit(nogil=True, cache=True, error_model="numpy")
def route(
    ptr, nbr, weight, end, excess, agg, member_ptr, members, local,
    coarse_ptr, coarse_nbr, coarse_weight, coarse_end, coarse_flow, coarse_end_flow, matrix, rhs, flow, end_flow,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Lead the excess of the nodes of a network away, given the flow between their aggregates.

    Parameters
    ----------
    excess : float64, (nodes,)
    local : int32, (nodes,)
        Workspace.
    matrix, rhs : float64, (m, m), (m,)
        Workspace for the largest aggregate.
    flow, end_flow : float64, as `nbr` and as `end`
        The flow out of each node along each edge and to the ends, written here.
    """
    for a in range(len(member_ptr) - 1):
        m = 0
        for member in range(member_ptr[a], member_ptr[a + 1]):
            i = members[member]
            if not is_dead_end(ptr, end, i):
                local[i] = m
                for p in range(m + 1):
                    matrix[m, p] = matrix[p, m] = 0.0
                m += 1
        for member in range(member_ptr[a], member_ptr[a + 1]):
            i = members[member]
            if is_dead_end(ptr, end, i):
                end_flow[i] = 0.0
                flow[ptr[i]] = excess[i]
                continue
            p = local[i]
            end_flow[i] = coarse_end_flow[a] * (end[i] / coarse_end[a]) if end[i] > 0 else 0.0
            rhs[p] = excess[i] - end_flow[i]
            for slot in range(ptr[i], ptr[i + 1]):
                j = nbr[slot]
                if agg[j] != a:
                    over = _find(coarse_ptr[a], coarse_nbr, agg[j])
                    flow[slot] = coarse_flow[over] * (weight[slot] / coarse_weight[over])
                    rhs[p] -= flow[slot]
                elif is_dead_end(ptr, end, j):
                    flow[slot] = -excess[j]
                    rhs[p] += excess[j]
                else:
                    matrix[p, p] += weight[slot]
                    matrix[p, local[j]] -= weight[slot]
        _level_out(matrix, rhs, m)
        for member in range(member_ptr[a], member_ptr[a + 1]):
            i = members[member]
            for slot in range(ptr[i], ptr[i + 1]):
                j = nbr[slot]
                if agg[j] == a and not (is_dead_end(ptr, end, i) or is_dead_end(ptr, end, j)):
                    flow[slot] = weight[slot] * (rhs[local[i]] - rhs[local[j]])


@njit(nogil=True, error_model="numpy")
def _find(slot, nbr, wanted):  # type: ignore[no-untyped-def]
    while nbr[slot] != wanted:
        slot += 1
    return slot


@njit(nogil=True, cache=True, error_model="numpy")
def dissipation(
    nbr, kind, table, ends, x, agg, start, coarse_ptr, coarse_nbr, coarse_weight, coarse_end,
    coarse_flow, coarse_end_flow, matrix, rhs, rest, first, last, sums,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Add up what bounds the conductance, over the aggregates from `first` up to `last`.

    `sums` (float64) gets: the energy of the field; the dissipation of the
    conserved flux; its current at the inlet; what it still leaves at the nodes;
    the sum of its magnitudes; the sum of the resistances, without those of the inlet.
    `matrix`, `rhs` and `rest` (float64, 8 to a side) are workspace.
    """
    none = np.uint32(len(ends))
    energy = lost = current = left = magnitude = resistance = 0.0
    for a in range(first, last):
        begin, m = start[a], start[a + 1] - start[a]
        for p in range(m):
            i = begin + p
            rest[p] = 0.0
            for other in range(m):
                matrix[p, other] = 0.0
            for sign in range(2 if ends[i] else 0):
                if not (ends[i] >> sign) & 1:
                    continue
                # Out of the node: to the inlet at 1 (sign 0) or the outlet at 0 (sign 1).
                g = 2 * conductance(kind, table, 0, i, i)
                f = g * (x[i] - (1 - sign))
                extra = coarse_end_flow[a] * (g / coarse_end[a])
                q = f + extra
                rest[p] -= q
                energy += f * f / g
                lost += q * q / g
                magnitude += abs(f) + abs(extra)
                resistance += sign / g
                current -= (1 - sign) * q
            for side in range(6):
                j = nbr[i, side]
                if j == none:
                    continue
                g = conductance(kind, table, min(side, 5 - side), i, j)
                f = g * (x[i] - x[j])
                energy += 0.5 * f * f / g
                resistance += 0.5 / g
                rest[p] -= f
                if agg[j] == a:
                    matrix[p, p] += g
                    matrix[p, j - begin] -= g
                else:
                    over = _find(coarse_ptr[a], coarse_nbr, agg[j])
                    extra = coarse_flow[over] * (g / coarse_weight[over])
                    rest[p] -= extra
                    lost += 0.5 * (f + extra) ** 2 / g
                    magnitude += abs(f) + abs(extra)
        for p in range(m):
            rhs[p] = rest[p]
        _level_out(matrix, rhs, m)
        inside = _flow_inside(nbr, kind, table, x, agg, begin, m, rhs, rest)
        lost += inside[0]
        magnitude += inside[1]
        left += inside[2]
    sums[0] += energy
    sums[1] += lost
    sums[2] += current
    sums[3] += left
    sums[4] += magnitude
    sums[5] += resistance


@njit(nogil=True, error_model="numpy")
def _flow_inside(nbr, kind, table, x, agg, begin, m, potential, rest):  # type: ignore[no-untyped-def]
    """Return dissipation and magnitude of the flux inside an aggregate, and what is left at its nodes."""
    lost = magnitude = left = 0.0
    for p in range(m):
        i = begin + p
        for side in range(6):
            j = nbr[i, side]
            if j != len(agg) and agg[j] == agg[i]:
                g = conductance(kind, table, min(side, 5 - side), i, j)
                f, extra = g * (x[i] - x[j]), g * (potential[p] - potential[j - begin])
                rest[p] -= extra
                lost += 0.5 * (f + extra) ** 2 / g
                magnitude += abs(f) + abs(extra)
        left += abs(rest[p])
    return lost, magnitude, left
