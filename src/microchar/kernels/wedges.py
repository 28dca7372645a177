"""Counts of phases one voxel thin that end nearby, where two other phases meet."""

from __future__ import annotations

from microchar.kernels.jit import inner, kernel


@kernel
def count_wedges(labels, bits, n_phases, directions, seen, wedges):
    """Count the changes of phase at the tips of wedges, in the 3x3x3 cubes of a block.

    A tip is three voxels in a row, through the centre of a cube, of three different
    phases a, b, c, where a voxel of a and one of c share a face inside the cube.

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
        Labels of the block. There are (n0 - 2)(n1 - 2)(n2 - 2) cubes.
    bits : uint16, (n0, n1, n2)
        ``1 << label``, 0 for voxels that belong to no phase.
    n_phases : int
    directions : int64, (directions, 3)
        Step from the centre of a cube to the last of three voxels in a row.
    seen : uint16, (n2,)
        Workspace.
    wedges : int64, (directions, n_phases, n_phases)
        For each tip along a direction, 1 is added for the changes a to b and b to c, and
        subtracted for the change a to c.
    """
    n0, n1, n2 = labels.shape
    steps = directions[:, 0] * (n1 * n2) + directions[:, 1] * n2 + directions[:, 2]
    flat, flat_bits = labels.reshape(-1), bits.reshape(-1)
    for i in range(n0 - 2):
        for j in range(n1 - 2):
            seen[:] = 0
            for x in range(i, i + 3):
                for y in range(j, j + 3):
                    line = bits[x, y]
                    for k in range(n2):
                        seen[k] |= line[k]
            centre = ((i + 1) * n1 + j + 1) * n2 + 1
            for k in range(n2 - 2):
                present = seen[k] | seen[k + 1] | seen[k + 2]
                others = present & (present - 1)
                if others & (others - 1) and flat[centre + k] < n_phases:
                    cube = bits[i : i + 3, j : j + 3, k : k + 3]
                    _count_tips(flat, flat_bits, centre + k, steps, n_phases, cube, wedges)


@inner
def _count_tips(flat, bits, centre, steps, n_phases, cube, wedges):
    b = flat[centre]
    searched, found = 0, False  # the pair of phases that was looked for last, as bits
    for direction in range(len(steps)):
        before, after = centre - steps[direction], centre + steps[direction]
        a, c = flat[before], flat[after]
        if a == c or not a != b != c or max(a, c) >= n_phases:
            continue
        pair = bits[before] | bits[after]
        if pair != searched:
            searched, found = pair, _touch(cube, pair)
        if found:
            wedges[direction, a, b] += 1
            wedges[direction, b, c] += 1
            wedges[direction, a, c] -= 1


@inner
def _touch(cube, pair):
    """Return whether voxels of the two phases of a pair share a face inside a cube."""
    for x in range(3):
        for y in range(3):
            for z in range(3):
                here = cube[x, y, z]
                if x < 2 and (here | cube[x + 1, y, z]) == pair:
                    return True
                if y < 2 and (here | cube[x, y + 1, z]) == pair:
                    return True
                if z < 2 and (here | cube[x, y, z + 1]) == pair:
                    return True
    return False
