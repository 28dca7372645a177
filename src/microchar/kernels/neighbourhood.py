"""Counts of the 2x2x2 windows of a label array, in one pass."""

from __future__ import annotations

import numpy as np

from microchar.kernels.jit import inner, kernel


@kernel
def count_neighbourhoods(
    labels, n_phases, ends, loops, window, two, voxels, windows, configurations, pairs, edges, triplets
):
    """Count the voxels, windows, pairs and edges of the 2x2x2 windows of a block.

    Corner ``4 * i + 2 * j + k`` of a window is its voxel at offset (i, j, k). The
    window belongs to its corner 0. Voxels with a label of `n_phases` or more belong to
    no phase. Nearly all windows contain one or two labels. These are first counted by
    configuration, and each configuration is evaluated once at the end.

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
        Labels of the block. There are (n0 - 1)(n1 - 1)(n2 - 1) windows.
    n_phases : int
    ends : int64, (directions, 2)
        The two corners of a window that form the pair along each direction.
    loops : int64, (3, 4)
        The four corners around the lattice edge along each axis.
    window : int64, (8,)
        Workspace.
    two : int64, (n_phases + 1, n_phases + 1, 256), zeros
        Workspace.
    voxels : int64, (n_phases + 1,)
        Number of voxels at corner 0, by label.
    windows : int64, (2,)
        Number of windows whose voxels all belong to phases, and number of the others.
    configurations : int64, (2, n_phases, 256)
        The same by phase and configuration. Bit c of a configuration is set if corner c
        belongs to the phase. Windows without the phase are not counted.
    pairs : int64, (directions, n_phases + 1, n_phases + 1)
        Number of pairs along each direction, by their two labels.
    edges : int64, (2, 3)
        Number of lattice edges along each axis whose four voxels belong to phases, and
        number of those at which three or four phases meet.
    triplets : int64, (3, n_phases, n_phases, n_phases)
        The latter by the phases a < b < c that meet. An edge with four phases counts
        for four triplets.
    """
    n0, n1, n2 = labels.shape
    outside = n_phases
    for i in range(n0 - 1):
        for j in range(n1 - 1):
            row0, row1, row2, row3 = labels[i, j], labels[i, j + 1], labels[i + 1, j], labels[i + 1, j + 1]
            # A window is uniform if both its faces have the same single label; -1 is a face with several labels.
            near = _common(row0[0], row1[0], row2[0], row3[0])
            for k in range(n2 - 1):
                far = _common(row0[k + 1], row1[k + 1], row2[k + 1], row3[k + 1])
                first = min(row0[k], outside)
                if near >= 0 and near == far:
                    two[first, first, 0] += 1
                    continue
                near = far
                for end in range(2):
                    window[end] = min(row0[k + end], outside)
                    window[2 + end] = min(row1[k + end], outside)
                    window[4 + end] = min(row2[k + end], outside)
                    window[6 + end] = min(row3[k + end], outside)
                second, look = first, 0
                for corner in range(1, 8):
                    label = window[corner]
                    if label != first:
                        if second == first:
                            second = label
                        elif label != second:
                            look = -1
                            break
                        look |= 1 << corner
                if look >= 0:
                    two[first, second, look] += 1
                else:
                    # Not a literal, for which Numba would compile the function again.
                    one = np.int64(1)
                    _tally(window, one, outside, ends, loops, voxels, windows, configurations, pairs, edges, triplets)
    for first in range(n_phases + 1):
        for second in range(n_phases + 1):
            for look in range(256):
                number = two[first, second, look]
                if number > 0:
                    for corner in range(8):
                        window[corner] = second if look >> corner & 1 else first
                    _tally(
                        window, number, outside, ends, loops, voxels, windows, configurations, pairs, edges, triplets
                    )


@inner
def _common(a, b, c, d):
    return int(a) if a == b and a == c and a == d else -1


@inner
def _tally(window, number, outside, ends, loops, voxels, windows, configurations, pairs, edges, triplets):
    present = 0
    for corner in range(8):
        present |= 1 << window[corner]
    cut = present >> outside
    voxels[window[0]] += number
    windows[cut] += number
    for phase in range(outside):
        if present >> phase & 1:
            configuration = 0
            for corner in range(8):
                if window[corner] == phase:
                    configuration |= 1 << corner
            configurations[cut, phase, configuration] += number
    for direction in range(len(ends)):
        pairs[direction, window[ends[direction, 0]], window[ends[direction, 1]]] += number
    for axis in range(3):
        meeting = np.int64(0)  # not a literal, for which Numba would compile `_tally_triplets` again
        for place in range(4):
            meeting |= 1 << window[loops[axis, place]]
        if meeting >> outside:
            continue
        edges[0, axis] += number
        others = meeting & (meeting - 1)
        if others & (others - 1):
            edges[1, axis] += number
            _tally_triplets(meeting, number, triplets[axis])


@inner
def _tally_triplets(present, number, triplets):
    n_phases = len(triplets)
    for a in range(n_phases - 2):
        for b in range(a + 1, n_phases - 1):
            for c in range(b + 1, n_phases):
                if present >> a & present >> b & present >> c & 1:
                    triplets[a, b, c] += number
