"""Spheres inside a phase, painted from the largest to the smallest: exact local thickness.

Lengths are in units of any kind; squared radii are handed in, and a sphere holds
the voxels whose squared distance from its centre is at most `inside`:
``shrink * squared_radius - gap``, a little less than the squared distance to the
nearest voxel of another phase.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from microchar.kernels.bits import popcount

#: Stands for a sphere that no neighbouring one helps with, and for one that lies inside a neighbouring one.
ALONE, REDUNDANT = 26, 27


@njit(nogil=True, cache=True)
def find_neighbours(squared, first, last, steps, sizes, shrink, gap, neighbour):  # type: ignore[no-untyped-def]
    """Find, for the sphere around every voxel, the neighbouring larger sphere that covers most of it.

    What sphere x (radius r) has outside the larger sphere a step s away lies in
    a cap of x: beyond the plane normal to s at a distance of -r cos(angle) from
    the centre. The smaller the angle, the less is left; where its cosine is more
    than 1, nothing is.

    Parameters
    ----------
    squared : float32, (n0, n1, n2)
        Squared radius of the sphere around each voxel; 0 where there is none.
    first, last : int
        The planes to do.
    steps : int64, (26, 3)
    sizes : float64, (3,)
        Voxel size.
    shrink, gap : float
    neighbour : uint8, (n0, n1, n2)
        Set to the step to the best neighbour, `ALONE` or `REDUNDANT`.
    """
    n0, n1, n2 = squared.shape
    lengths = np.empty(26)
    for s in range(26):
        lengths[s] = np.sqrt(np.sum((steps[s] * sizes) ** 2))
    for i in range(first, last):
        for j in range(n1):
            for k in range(n2):
                own = squared[i, j, k]
                if own == 0:
                    continue
                inside = shrink * own - gap
                neighbour[i, j, k] = ALONE
                best = 0.0
                for s in range(26):
                    i2, j2, k2 = i + steps[s, 0], j + steps[s, 1], k + steps[s, 2]
                    if i2 < 0 or i2 >= n0 or j2 < 0 or j2 >= n1 or k2 < 0 or k2 >= n2:
                        continue
                    other = squared[i2, j2, k2]
                    if other <= own:
                        continue
                    # Twice the distance of the plane, times the radius of this sphere: cosine to be divided by it.
                    cosine = (shrink * other - lengths[s] ** 2 - inside) / lengths[s]
                    if cosine > best:
                        best = cosine
                        neighbour[i, j, k] = s
                # A cap of a single voxel is one too: ties must not be lost to rounding.
                if best > 2 * np.sqrt(inside) + 1e-9:
                    neighbour[i, j, k] = REDUNDANT


@njit(nogil=True, cache=True)
def paint(bits, squared, neighbour, centres, first, last, steps, sizes, shrink, gap, painted):  # type: ignore[no-untyped-def]
    """Clear the bits of every sphere, and add to ``painted[level]`` how many were set.

    Spheres come from the largest to the smallest, so that each voxel is counted at
    the largest sphere that holds it. Only the cap that the best neighbour leaves
    is looked at: that neighbour is larger and has been painted.

    Parameters
    ----------
    bits : uint64, (n0, n1, words)
        Voxels of the phase, from `kernels.bits.pack`.
    squared, neighbour
        See `find_neighbours`.
    centres : int64, (spheres,)
        Flat indices into `squared`, of spheres with ever smaller radius.
    first, last : int
        The planes to paint.
    steps, sizes, shrink, gap
        See `find_neighbours`.
    painted : int64, (levels,)
        The level goes up with every new radius.
    """
    _, n1, n2 = squared.shape
    low, high = np.empty(3), np.empty(3)
    level, before = -1, np.float32(-1.0)
    for centre in centres:
        i, j, k = centre // (n1 * n2), centre // n2 % n1, centre % n2
        own = squared[i, j, k]
        if own != before:
            level, before = level + 1, own
        inside = shrink * own - gap
        radius = np.sqrt(inside)
        low[:], high[:] = -radius, radius
        s = neighbour[i, j, k]
        if s != ALONE and inside > 0:
            step = steps[s] * sizes
            square = np.sum(step**2)
            other = squared[i + steps[s, 0], j + steps[s, 1], k + steps[s, 2]]
            _bound_cap(step, np.sqrt(square), shrink * other - square - inside, radius, low, high)
        for i2 in range(max(first, i + _up(low[0] / sizes[0])), min(last - 1, i + _down(high[0] / sizes[0])) + 1):
            left = inside - ((i2 - i) * sizes[0]) ** 2
            reach = np.sqrt(max(left, 0.0))
            j_low = max(0, j + _up(max(low[1], -reach) / sizes[1]))
            j_high = min(n1 - 1, j + _down(min(high[1], reach) / sizes[1]))
            for j2 in range(j_low, j_high + 1):
                rest = left - ((j2 - j) * sizes[1]) ** 2
                if rest < 0:
                    continue
                half = _down(np.sqrt(rest) / sizes[2])
                while (half * sizes[2]) ** 2 > rest:
                    half -= 1
                k_low = max(0, k - half, k + _up(low[2] / sizes[2]))
                k_high = min(n2 - 1, k + half, k + _down(high[2] / sizes[2]))
                if k_low <= k_high:
                    painted[level] += _clear(bits[i2, j2], k_low, k_high)


@njit(nogil=True, cache=True)
def _bound_cap(step, length, twice_plane, radius, low, high):  # type: ignore[no-untyped-def]
    """Set the box around the cap of a sphere that lies opposite to a step."""
    cosine = min(twice_plane / (2 * length * radius), 1.0)
    sine = np.sqrt(1 - cosine**2)
    for axis in range(3):
        # The cap's axis makes this angle with the coordinate axis; the cap spreads by its own angle to both sides.
        along = -step[axis] / length
        across = np.sqrt(max(1 - along**2, 0.0))
        low[axis] = -radius if cosine <= -along else radius * (along * cosine - across * sine)
        high[axis] = radius if cosine <= along else radius * (along * cosine + across * sine)


@njit(nogil=True, inline="always")
def _up(x):  # type: ignore[no-untyped-def]
    # A hair too far out does no harm: the sphere itself is tested exactly.
    return np.int64(np.ceil(x - 1e-6))


@njit(nogil=True, inline="always")
def _down(x):  # type: ignore[no-untyped-def]
    return np.int64(np.floor(x + 1e-6))


@njit(nogil=True, inline="always")
def _clear(row, first, last):  # type: ignore[no-untyped-def]
    """Clear the bits from `first` to `last` of a row and return how many were set."""
    cleared = np.int64(0)
    for word in range(first // 64, last // 64 + 1):
        mask = ~np.uint64(0)
        if word == first // 64:
            mask <<= np.uint64(first % 64)
        if word == last // 64:
            mask &= ~np.uint64(0) >> np.uint64(63 - last % 64)
        found = row[word] & mask
        if found:
            row[word] ^= found
            cleared += np.int64(popcount(found))
    return cleared
