"""Intrusion of spheres from an inlet: the largest that reaches each centre, and the voxels that they fill.

Levels are ranks of radii: 0 where there is no sphere, larger for larger spheres.
"""

from __future__ import annotations

import numpy as np

from microchar.kernels.jit import kernel
from microchar.kernels.thickness import ALONE


@kernel
def flood(level, steps, inlet, highest, lowest, waiting, following, reached):  # type: ignore[no-untyped-def]
    """Find for each voxel the best way from the inlet: that whose lowest level is highest.

    Voxels wait in one list per level, and the highest list is always served first. A
    voxel is therefore found by its best way first. The arrays of voxels are flat, and
    of a volume with a margin of level 0, which no way leads through.

    Parameters
    ----------
    level : int32, (voxels,)
        Level of each voxel; ways do not lead through voxels of level 0.
    steps : int64, (neighbours,)
        Differences of the flat indices of neighbours.
    inlet : int64, (beginnings,)
        Voxels of level 1 or more in which ways begin, each once.
    highest, lowest : int
        Range of the lists that are served, with `lowest`.
    waiting : int64, (levels,)
        First voxel of the list of each level, or -1; modified.
    following : int64, (voxels,)
        The voxel behind each voxel in its list; modified.
    reached : int32, (voxels,)
        Lowest level on the best way to each voxel, 0 where there is none yet; modified.
    """
    for voxel in inlet:
        found = np.int64(level[voxel])
        reached[voxel] = found
        following[voxel] = waiting[found]
        waiting[found] = voxel
    for at in range(highest, lowest - 1, -1):
        while waiting[at] >= 0:
            voxel = waiting[at]
            waiting[at] = following[voxel]
            for step in steps:
                other = voxel + step
                if level[other] > 0 and reached[other] == 0:
                    found = min(np.int64(at), np.int64(level[other]))
                    reached[other] = found
                    following[other] = waiting[found]
                    waiting[found] = other


@kernel
def part(level, reached, first, last, steps, pairs):  # type: ignore[no-untyped-def]
    """Forget the neighbours of each sphere that has a larger neighbour which the best way does not reach before it.

    Neighbours without a common face can be such.

    Parameters
    ----------
    level, reached : int32, (n0, n1, n2)
        Level of each sphere, and the level at which it is reached.
    first, last : int
        Range of planes to handle, without `last`.
    steps : int64, (26, 3)
        Steps to the 26 neighbours of a voxel.
    pairs : uint16, (n0, n1, n2)
        From `microchar.kernels.thickness.find_neighbours`; modified.
    """
    n0, n1, n2 = level.shape
    for i in range(first, last):
        for j in range(n1):
            for k in range(n2):
                if reached[i, j, k] == 0 or pairs[i, j, k] == ALONE:
                    continue
                for s in range(26):
                    i2, j2, k2 = i + steps[s, 0], j + steps[s, 1], k + steps[s, 2]
                    if i2 < 0 or i2 >= n0 or j2 < 0 or j2 >= n1 or k2 < 0 or k2 >= n2:
                        continue
                    if level[i2, j2, k2] > level[i, j, k] and reached[i2, j2, k2] < reached[i, j, k]:
                        pairs[i, j, k] = ALONE


@kernel
def fill(squared, reached, centres, boxes, first, last, lattice, filled):  # type: ignore[no-untyped-def]
    """Give every voxel the level of the first sphere that contains it.

    The spheres are in order of decreasing level, and of decreasing radius at one level.
    The neighbours of a sphere then come before it, and only the box of what they leave is
    filled.

    Parameters
    ----------
    squared : float32, (n0, n1, n2)
        Squared radius of the sphere around each voxel.
    reached : int32, (n0, n1, n2)
        Level at which the sphere around each voxel is filled.
    centres, boxes
        See `microchar.kernels.thickness.bound_spheres`.
    first, last : int
        Range of planes to fill, without `last`.
    lattice : microchar.kernels.thickness.Lattice
    filled : int32, (n0, n1, n2), zeros
        Level of each voxel, 0 where no sphere comes; set.
    """
    _, n1, n2 = squared.shape
    sizes = lattice.sizes
    for number in range(len(centres)):
        row, k = divmod(centres[number], n2)
        i, j = divmod(row, n1)
        inside = lattice.shrink * squared[i, j, k] - lattice.gap
        box = boxes[number]
        k_low, k_high = max(0, k + box[4]), min(n2 - 1, k + box[5])
        for i2 in range(max(first, i + box[0]), min(last - 1, i + box[1]) + 1):
            left = inside - ((i2 - i) * sizes[0]) ** 2
            for j2 in range(max(0, j + box[2]), min(n1 - 1, j + box[3]) + 1):
                rest = left - ((j2 - j) * sizes[1]) ** 2
                for k2 in range(k_low, k_high + 1):
                    # The sphere may hold voxels outside the mask, whose radius is 0.
                    if filled[i2, j2, k2] == 0 and ((k2 - k) * sizes[2]) ** 2 <= rest and squared[i2, j2, k2] > 0:
                        filled[i2, j2, k2] = reached[i, j, k]
