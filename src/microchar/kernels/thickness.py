"""Exact local thickness by painting the spheres inside a phase from the largest to the smallest.

Lengths have any unit. The kernels take squared radii. A sphere contains the voxels whose
squared distance from its centre is at most ``shrink * squared_radius - gap``. This is
slightly less than the squared distance to the nearest voxel of another phase.

The part of a sphere of radius r that lies outside a larger sphere, whose centre is a step s
away, lies beyond a plane that is normal to s. The plane has the distance
``depth = (shrink * (squared_radius_of_the_larger - r**2) + gap - |s|**2) / (2 * |s|)`` from
the centre, on the side opposite to the step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from microchar.kernels.bits import popcount
from microchar.kernels.jit import inner, kernel

#: Number in place of a step where there is no larger neighbour.
NONE = 26
#: Pairs of neighbours are ``first + 27 * second``. Pair of a sphere without larger neighbours, and mark of a sphere
#: that neighbours cover.
ALONE, REDUNDANT = NONE + 27 * NONE, 27 * 27


class Lattice(NamedTuple):
    """Geometry of the neighbours of a voxel, from `microchar.metrics._spheres.lattice`.

    Parameters
    ----------
    sizes : float64, (3,)
        Voxel size.
    shrink, gap : float
        Constants of the module.
    steps : int64, (26, 3)
        Steps to the neighbours.
    offsets : int64, (26,)
        Steps as differences of flat indices.
    lengths : float64, (26,)
        Lengths of the steps.
    cosines : float64, (26, 26)
        Cosines of the angles between steps.
    caps : float64, (26, 3, 2)
        Cosine and sine of the angle between the opposite of each step and each axis.
    bins : float
        Number of rows of `needed` for each unit of the squared radius.
    needed : float32, (rows, 26)
        Smallest squared radius of a sphere, one of the steps away, that is larger than
        every sphere whose squared radius times `bins` is at most the row, and contains it.
    """

    sizes: np.ndarray
    shrink: float
    gap: float
    steps: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    cosines: np.ndarray
    caps: np.ndarray
    bins: float
    needed: np.ndarray


@kernel
def find_containing(steps, sizes, reach, bins, containing):  # type: ignore[no-untyped-def]
    """Find for each step and radius the farthest voxel of a sphere from the end of the step.

    Parameters
    ----------
    steps : int64, (steps, 3)
        Steps with components of at least 0.
    sizes : float64, (3,)
        Voxel size.
    reach : int64, (3,)
        Largest distance of two voxels along each axis, in voxels.
    bins : float
        Number of rows of `containing` for each unit of the squared radius.
    containing : float64, (rows, steps), zeros
        Largest squared distance between the end of each step backwards and a voxel whose
        squared distance from the centre, times `bins`, is less than the row; set.
    """
    for i in range(reach[0] + 1):
        for j in range(reach[1] + 1):
            for k in range(reach[2] + 1):
                square = (i * sizes[0]) ** 2 + (j * sizes[1]) ** 2 + (k * sizes[2]) ** 2
                if square * bins >= len(containing) - 1:
                    break
                row = containing[np.int64(square * bins) + 1]
                for s in range(len(steps)):
                    far = 0.0
                    for axis, x in enumerate((i, j, k)):
                        far += ((x + steps[s, axis]) * sizes[axis]) ** 2
                    row[s] = max(row[s], far)
    for n in range(1, len(containing)):
        containing[n] = np.maximum(containing[n], containing[n - 1])


@kernel(error_model="numpy")
def find_neighbours(squared, first, last, lattice, pairs):  # type: ignore[no-untyped-def]
    """Find, for the sphere around every voxel, the two larger neighbouring spheres that leave little of it.

    Parameters
    ----------
    squared : float32, (n0, n1, n2)
        Squared radius of the sphere around each voxel; 0 if there is no sphere.
    first, last : int
        Range of planes to handle, without `last`.
    lattice : Lattice
    pairs : uint16, (last - first, n1, n2)
        Steps to the two neighbours, or `ALONE` or `REDUNDANT`; set.
    """
    n0, n1, n2 = squared.shape
    flat = squared.reshape(-1)
    larger, depths = np.empty(26, np.int64), np.empty(26)
    for i in range(first, last):
        for j in range(n1):
            for k in range(n2):
                pairs[i - first, j, k] = REDUNDANT
                own = squared[i, j, k]
                if own == 0:
                    continue
                at = (i * n1 + j) * n2 + k
                row = np.int64(np.ceil(own * lattice.bins))
                within = 0 < i < n0 - 1 and 0 < j < n1 - 1 and 0 < k < n2 - 1
                for s in range(26):
                    stays = within or _stays(squared.shape, i, j, k, s, lattice)
                    if stays and flat[at + lattice.offsets[s]] >= lattice.needed[row, s]:
                        break
                else:
                    number = 0
                    for s in range(26):
                        stays = within or _stays(squared.shape, i, j, k, s, lattice)
                        if stays and flat[at + lattice.offsets[s]] > own:
                            larger[number] = s
                            depths[number] = _depth(own, flat[at + lattice.offsets[s]], lattice.lengths[s], lattice)
                            number += 1
                    inside = lattice.shrink * own - lattice.gap
                    pairs[i - first, j, k] = _pair(larger, depths, number, lattice.cosines, inside)


@inner
def _stays(shape, i, j, k, s, lattice):  # type: ignore[no-untyped-def]
    """Return whether a step from a voxel stays in the volume."""
    i2, j2, k2 = i + lattice.steps[s, 0], j + lattice.steps[s, 1], k + lattice.steps[s, 2]
    return 0 <= i2 < shape[0] and 0 <= j2 < shape[1] and 0 <= k2 < shape[2]


@inner(inline="always")
def _depth(own, other, length, lattice):  # type: ignore[no-untyped-def]
    return (lattice.shrink * (np.float64(other) - own) + lattice.gap - length**2) / (2 * length)


@inner(error_model="numpy")
def _pair(larger, depths, number, cosines, inside):  # type: ignore[no-untyped-def]
    """Return the pair of the best of some neighbours and of that which cuts off most of what it leaves, or `REDUNDANT`.

    Numbers of steps to larger neighbours, and their depths, are the first `number` of the arrays.
    """
    best = 0
    for at in range(1, number):
        if depths[at] > depths[best]:
            best = at
    if number == 0:
        return ALONE
    depth = depths[best]
    second, most = NONE, 0.0
    for at in range(number):
        cosine = cosines[larger[best], larger[at]]
        # How far the nearest point of the first plane is on the wrong side of the second.
        cut = depths[at] - depth * cosine
        if at != best and cut > most:
            second, most = larger[at], cut
            # The nearest point of the line where the planes meet; the tolerance guards against rounding.
            if depth > 0 and depth**2 + cut**2 / max(1 - cosine**2, 1e-12) > inside * (1 + 1e-9) + 1e-9:
                return REDUNDANT
    return larger[best] + 27 * second


@kernel(error_model="numpy")
def bound_spheres(squared, pairs, first, last, lattice, centres, boxes):  # type: ignore[no-untyped-def]
    """List the spheres of which the neighbours leave something, and bound what they leave.

    Parameters
    ----------
    squared, pairs, first, last, lattice
        See `find_neighbours`.
    centres : int64, (spheres,)
        Flat indices into `squared` of the centres; set.
    boxes : int16 or int32, (spheres, 6)
        First and last voxel, along each axis and relative to the centre, of a box around
        all voxels of the sphere that are in none of both neighbours; set.

    Returns
    -------
    int
        Number of spheres.
    """
    _, n1, n2 = squared.shape
    flat = squared.reshape(-1)
    low, high = np.empty(3), np.empty(3)
    number = 0
    for i in range(first, last):
        for j in range(n1):
            for k in range(n2):
                pair = np.int64(pairs[i - first, j, k])
                if pair == REDUNDANT:
                    continue
                at = (i * n1 + j) * n2 + k
                radius = np.sqrt(lattice.shrink * flat[at] - lattice.gap)
                low[:], high[:] = -radius, radius
                for s in (pair % 27, pair // 27):
                    if s != NONE and radius > 0:
                        depth = _depth(flat[at], flat[at + lattice.offsets[s]], lattice.lengths[s], lattice)
                        _cut(lattice.caps[s], min(depth / radius, 1.0), radius, low, high)
                empty = False
                for axis in range(3):
                    # A slightly too large box does no harm, because the sphere itself is tested exactly.
                    lowest = np.ceil(low[axis] / lattice.sizes[axis] - 1e-6)
                    highest = np.floor(high[axis] / lattice.sizes[axis] + 1e-6)
                    # A sphere may be wider than the volume, and than the numbers of a box.
                    boxes[number, 2 * axis] = max(lowest, -squared.shape[axis])
                    boxes[number, 2 * axis + 1] = min(highest, squared.shape[axis])
                    empty |= lowest > highest
                if not empty:
                    centres[number] = at
                    number += 1
    return number


@inner
def _cut(cap, cosine, radius, low, high):  # type: ignore[no-untyped-def]
    """Cut a box down to the cap of a sphere.

    The angle between the axis of the cap and its edge has the given cosine. `cap` has the
    cosine and the sine of the angle between the axis of the cap and each coordinate axis.
    """
    sine = np.sqrt(1 - cosine**2)
    for axis in range(3):
        along, across = cap[axis, 0], cap[axis, 1]
        if cosine > -along:
            low[axis] = max(low[axis], radius * (along * cosine - across * sine))
        if cosine > along:
            high[axis] = min(high[axis], radius * (along * cosine + across * sine))


@kernel
def paint(bits, squared, centres, boxes, first, last, n2, lattice, cells, painted):  # type: ignore[no-untyped-def]
    """Clear the bits of every sphere, and add to ``painted[level, cell]`` the number of bits that were set.

    The spheres are in order from the largest to the smallest, so that each voxel is
    counted for the largest sphere that contains it. Only the box of each sphere is painted,
    because the rest lies in larger spheres and has already been painted.

    Parameters
    ----------
    bits : uint64, (n0, words, n1)
        Voxels of the phase, from `kernels.bits.pack`, with the words of the rows of a
        plane side by side; modified.
    squared : float32, (spheres,)
        Squared radius of each sphere, in decreasing order.
    centres : int64, (spheres,)
        Flat indices of the centres in the volume.
    boxes : int16 or int32, (spheres, 6)
        See `bound_spheres`.
    first, last : int
        Range of planes to paint, without `last`.
    n2 : int
        Number of voxels of a row.
    lattice : Lattice
    cells : int64, (n0, n1)
        Cell that each row of voxels along axis 2 belongs to.
    painted : int64, (levels, cells)
        Number of voxels in each cell painted by the spheres of each level; modified. The
        level increases by 1 with every new radius.
    """
    n1 = bits.shape[2]
    level, before = -1, np.float32(-1.0)
    for number in range(len(centres)):
        row, k = divmod(centres[number], n2)
        i, j = divmod(row, n1)
        if squared[number] != before:
            level, before = level + 1, squared[number]
        inside = lattice.shrink * squared[number] - lattice.gap
        i_first, i_last = max(i + boxes[number, 0], first), min(i + boxes[number, 1], last - 1)
        j_first, j_last = max(j + boxes[number, 2], 0), min(j + boxes[number, 3], n1 - 1)
        k_first, k_last = max(k + boxes[number, 4], 0), min(k + boxes[number, 5], n2 - 1)
        for word in range(k_first // 64, k_last // 64 + 1):
            allowed = _bits(k_first - 64 * word, k_last - 64 * word)
            for i2 in range(i_first, i_last + 1):
                for j2 in range(j_first, j_last + 1):
                    left = bits[i2, word, j2] & allowed
                    if left:
                        x, y = (i2 - i) * lattice.sizes[0], (j2 - j) * lattice.sizes[1]
                        rest = inside - x**2 - y**2
                        if rest >= 0:
                            half = np.int64(np.sqrt(rest) / lattice.sizes[2])
                            left &= _bits(k - half - 64 * word, k + half - 64 * word)
                            if left:
                                bits[i2, word, j2] ^= left
                                painted[level, cells[i2, j2]] += np.int64(popcount(left))


@inner
def _bits(first, last):  # type: ignore[no-untyped-def]
    """Return a word with the bits set from `first` to `last`, which may be outside the word."""
    if first > 63 or last < 0:
        return np.uint64(0)
    return ~np.uint64(0) << np.uint64(max(first, 0)) & ~np.uint64(0) >> np.uint64(63 - min(last, 63))
