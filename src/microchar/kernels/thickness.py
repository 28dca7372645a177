"""Exact local thickness by painting the spheres inside a phase from the largest to the smallest.

Lengths have any unit. The kernels take squared radii. A sphere contains the voxels whose
squared distance from its centre is at most `inside`, which is
``shrink * squared_radius - gap``. This is slightly less than the squared distance to the
nearest voxel of another phase.
"""

from __future__ import annotations

import numpy as np

from microchar.kernels.bits import popcount
from microchar.kernels.jit import inner, kernel

#: Markers in place of a step: a sphere of which no neighbouring sphere covers a useful part, and a sphere that lies
#: inside a neighbouring sphere.
ALONE, REDUNDANT = 26, 27


@kernel
def find_neighbours(squared, first, last, steps, sizes, shrink, gap, neighbour):  # type: ignore[no-untyped-def]
    """Find, for the sphere around every voxel, the larger neighbouring sphere that covers most of it.

    The part of a sphere of radius r that lies outside a larger sphere, whose centre is a
    step s away, is contained in a cap of the sphere. The cap lies beyond the plane that is
    normal to s and has the distance -r cos(angle) from the centre. The smaller the angle,
    the smaller the cap. If the cosine is greater than 1, the cap is empty.

    Parameters
    ----------
    squared : float32, (n0, n1, n2)
        Squared radius of the sphere around each voxel; 0 if there is no sphere.
    first, last : int
        Range of planes to handle, without `last`.
    steps : int64, (26, 3)
        Steps to the 26 neighbours of a voxel.
    sizes : float64, (3,)
        Voxel size.
    shrink, gap : float
        Constants of `inside`; see above.
    neighbour : uint8, (n0, n1, n2)
        Index of the step to the best neighbour, or `ALONE` or `REDUNDANT`; set.
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
                    # Twice the distance of the plane from the centre, that is, 2 r times the cosine.
                    cosine = (shrink * other - lengths[s] ** 2 - inside) / lengths[s]
                    if cosine > best:
                        best = cosine
                        neighbour[i, j, k] = s
                # A cap of a single voxel must still be painted; the tolerance guards against rounding.
                if best > 2 * np.sqrt(inside) + 1e-9:
                    neighbour[i, j, k] = REDUNDANT


@kernel
def paint(bits, squared, neighbour, centres, first, last, steps, sizes, shrink, gap, cells, painted):  # type: ignore[no-untyped-def]
    """Clear the bits of every sphere, and add to ``painted[level, cell]`` the number of bits that were set.

    The spheres are in order from the largest to the smallest, so that each voxel is
    counted for the largest sphere that contains it. Only the cap outside the best
    neighbour is painted, because the neighbour is larger and has already been painted.

    Parameters
    ----------
    bits : uint64, (n0, n1, words)
        Voxels of the phase, from `kernels.bits.pack`; modified.
    squared, neighbour
        See `find_neighbours`.
    centres : int64, (spheres,)
        Flat indices into `squared` of the centres, in order of decreasing radius.
    first, last : int
        Range of planes to paint, without `last`.
    steps, sizes, shrink, gap
        See `find_neighbours`.
    cells : int64, (n0, n1)
        Cell that each row of voxels along axis 2 belongs to.
    painted : int64, (levels, cells)
        Number of voxels in each cell painted by the spheres of each level; modified. The
        level increases by 1 with every new radius.
    """
    _, n1, n2 = squared.shape
    low, high = np.empty(3), np.empty(3)
    level, before = -1, np.float32(-1.0)
    for centre in centres:
        i, j, k = centre // (n1 * n2), centre // n2 % n1, centre % n2
        own = squared[i, j, k]
        if own != before:
            level, before = level + 1, own
        inside = bound_sphere(squared, neighbour, steps, sizes, shrink, gap, (i, j, k), low, high)
        for i2 in range(max(first, i + up(low[0] / sizes[0])), min(last - 1, i + down(high[0] / sizes[0])) + 1):
            left = inside - ((i2 - i) * sizes[0]) ** 2
            reach = np.sqrt(max(left, 0.0))
            j_low = max(0, j + up(max(low[1], -reach) / sizes[1]))
            j_high = min(n1 - 1, j + down(min(high[1], reach) / sizes[1]))
            for j2 in range(j_low, j_high + 1):
                rest = left - ((j2 - j) * sizes[1]) ** 2
                if rest < 0:
                    continue
                half = down(np.sqrt(rest) / sizes[2])
                while (half * sizes[2]) ** 2 > rest:
                    half -= 1
                k_low = max(0, k - half, k + up(low[2] / sizes[2]))
                k_high = min(n2 - 1, k + half, k + down(high[2] / sizes[2]))
                if k_low <= k_high:
                    painted[level, cells[i2, j2]] += _clear(bits[i2, j2], k_low, k_high)


@inner
def bound_sphere(squared, neighbour, steps, sizes, shrink, gap, centre, low, high):  # type: ignore[no-untyped-def]
    """Set the bounding box of the cap of a sphere that is outside its best neighbour; return the squared radius."""
    i, j, k = centre
    inside = shrink * squared[i, j, k] - gap
    radius = np.sqrt(inside)
    low[:], high[:] = -radius, radius
    s = neighbour[i, j, k]
    if s != ALONE and inside > 0:
        step = steps[s] * sizes
        square = np.sum(step**2)
        other = squared[i + steps[s, 0], j + steps[s, 1], k + steps[s, 2]]
        _bound_cap(step, np.sqrt(square), shrink * other - square - inside, radius, low, high)
    return inside


@kernel
def _bound_cap(step, length, twice_plane, radius, low, high):  # type: ignore[no-untyped-def]
    """Set the bounding box of the cap of a sphere on the side opposite to a step."""
    cosine = min(twice_plane / (2 * length * radius), 1.0)
    sine = np.sqrt(1 - cosine**2)
    for axis in range(3):
        # `along` is the cosine of the angle between the axis of the cap and the coordinate axis. The cap extends to
        # both sides of its axis by the angle of the cap.
        along = -step[axis] / length
        across = np.sqrt(max(1 - along**2, 0.0))
        low[axis] = -radius if cosine <= -along else radius * (along * cosine - across * sine)
        high[axis] = radius if cosine <= along else radius * (along * cosine + across * sine)


@inner(inline="always")
def up(x):  # type: ignore[no-untyped-def]
    """Round a lower bound up to a voxel."""
    # A slightly too large box does no harm, because the sphere itself is tested exactly.
    return np.int64(np.ceil(x - 1e-6))


@inner(inline="always")
def down(x):  # type: ignore[no-untyped-def]
    """Round an upper bound down to a voxel."""
    return np.int64(np.floor(x + 1e-6))


@inner(inline="always")
def _clear(row, first, last):  # type: ignore[no-untyped-def]
    """Clear the bits of a row from `first` to `last`, and return the number of bits that were set."""
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
