"""Clusters of neighbouring voxels with equal labels, found run by run along the last axis.

The rows of a volume are runs of equal labels, of which each ends where the next one begins. The runs of a row follow
each other in one list; the last one ends at the end of the row.
"""

from __future__ import annotations

import numpy as np

from microchar.kernels.jit import inner, kernel
from microchar.kernels.union_find import join

#: Label of voxels that belong to no cluster.
_OUTSIDE = 255


@kernel
def count_row_runs(labels):  # type: ignore[no-untyped-def]
    """Count the runs of equal labels along the last axis.

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
    """
    n0, n1, n2 = labels.shape
    runs = np.int64(n0 * n1)
    for i in range(n0):
        for j in range(n1):
            row = labels[i, j]
            for k in range(1, n2):
                runs += row[k] != row[k - 1]
    return runs


@kernel
def find_pieces(labels, reach, rows, end, label, piece):  # type: ignore[no-untyped-def]
    """Number the clusters of a block 1, 2, … in the order of their first voxels, and return how many there are.

    The runs are joined with those that they touch in the rows before.

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
        Label of each voxel. Voxels with label 255 belong to no cluster.
    reach : int
        0 if voxels with a common face are neighbours, 1 if those with a common edge or corner
        are, too.
    rows : int64, (n0, n1)
        Number of the first run of each row; set. The runs are numbered from 1.
    end : int32, (1 + runs,)
        Where each run ends; set.
    label : uint8, (1 + runs,)
        Label of each run; set.
    piece : uint32, (1 + runs,)
        Number of the cluster of each run, 0 for none; set.
    """
    n0, n1, n2 = labels.shape
    piece[0] = 0
    run = 1
    for i in range(n0):
        for j in range(n1):
            row = labels[i, j]
            rows[i, j] = run
            stop = 0
            while stop < n2:
                of_run = row[stop]
                stop += 1
                while stop < n2 and row[stop] == of_run:
                    stop += 1
                end[run], label[run], piece[run] = stop, of_run, 0 if of_run == _OUTSIDE else run
                run += 1
            # The row before, then those of the plane before. One call: Numba compiles what is called twice into both.
            for neighbour in range(2 + 2 * reach):
                plane, other = (i, j - 1) if neighbour == 0 else (i - 1, j - reach + neighbour - 1)
                if plane >= 0 and 0 <= other < n1:
                    _join_rows(rows[plane, other], rows[i, j], n2, reach, end, label, piece)
    return flatten(piece)


@inner
def _join_rows(a, b, n2, reach, end, label, parent):  # type: ignore[no-untyped-def]
    """Join the runs of two rows, which begin with the runs a and b, where they touch and have one label."""
    while True:
        _join_equal(a, b, label, parent)
        end_a, end_b = end[a], end[b]
        if end_a == end_b:
            if end_a == n2:
                return
            if reach > 0:  # the corners of the voxels at both ends touch
                _join_equal(a + 1, b, label, parent)
                _join_equal(a, b + 1, label, parent)
        a += end_a <= end_b
        b += end_b <= end_a


@inner
def _join_equal(a, b, label, parent):  # type: ignore[no-untyped-def]
    if label[a] == label[b] and label[a] != _OUTSIDE:
        join(parent, a, b)


@kernel
def flatten(parent):  # type: ignore[no-untyped-def]
    """Replace the parent of each number, which is not larger, by the rank 1, 2, … of its root; return the highest rank.

    Parameters
    ----------
    parent : uint32, (1 + numbers,)
        The parent of number 0, which stands for no cluster, is 0, and so is that of other
        numbers that stand for none. Modified.
    """
    rank = np.uint32(0)
    for number in range(1, len(parent)):
        if parent[number] == number:
            rank += np.uint32(1)
            parent[number] = rank
        else:  # the parent has been replaced already
            parent[number] = parent[parent[number]]
    return rank


@kernel
def survey(rows, end, label, piece, start, n2, phase, size, lower, upper):  # type: ignore[no-untyped-def]
    """Determine phase, size and bounding box of every piece of a block.

    Parameters
    ----------
    rows, end, label, piece
        The runs and their pieces, from `find_pieces`.
    start : tuple of int
        Position of the block in the volume.
    n2 : int
        Length of a row.
    phase : uint8, (1 + pieces,)
        Phase of each piece; set.
    size : int64, (1 + pieces,), zeros
        Number of voxels of each piece; set.
    lower, upper : int32, (1 + pieces, 3)
        First and last index of each piece along each axis; set. The initial values
        must be larger (`lower`) and smaller (`upper`) than any index.
    """
    n0, n1 = rows.shape
    for i in range(n0):
        for j in range(n1):
            run, k = rows[i, j], 0
            while k < n2:
                number, stop = piece[run], end[run]
                if number > 0:
                    phase[number] = label[run]
                    size[number] += stop - k
                    lower[number, 0] = min(lower[number, 0], i + start[0])
                    lower[number, 1] = min(lower[number, 1], j + start[1])
                    lower[number, 2] = min(lower[number, 2], k + start[2])
                    upper[number, 0] = max(upper[number, 0], i + start[0])
                    upper[number, 1] = max(upper[number, 1], j + start[1])
                    upper[number, 2] = max(upper[number, 2], stop - 1 + start[2])
                run, k = run + 1, stop


@kernel
def paint(rows, end, piece, n2, start, value, out):  # type: ignore[no-untyped-def]
    """Set the voxels of a box to the value of their piece. Coordinates beyond the volume wrap around.

    Parameters
    ----------
    rows : int64, (n0, n1)
        Number of the first run of each row of the volume.
    end : int32, (runs,)
        Where each run ends.
    piece : uint32, (runs,)
        Number of the piece of each run, 0 for none.
    n2 : int
        Length of a row.
    start : tuple of int
        Where the box begins.
    value : uint8 or uint32, (1 + pieces,)
    out : 3D, of the type of `value`
        Set.
    """
    n0, n1 = rows.shape
    width = out.shape[2]
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            first = rows[(start[0] + i) % n0, (start[1] + j) % n1]
            run, place, k = first, start[2] % n2, 0
            while end[run] <= place:
                run += 1
            while k < width:
                stop = min(k + end[run] - place, width)
                here = value[piece[run]]
                while k < stop:
                    out[i, j, k] = here
                    k += 1
                place, run = end[run], run + 1
                if place == n2:
                    run, place = first, 0


@kernel
def join_across(before, behind, phase, reach, parent):  # type: ignore[no-untyped-def]
    """Join the pieces of two neighbouring planes that touch and have one phase.

    Parameters
    ----------
    before : uint32, (rows, columns)
        Number of the piece of each voxel of one plane, 0 for none.
    behind : uint32, (rows + 2 reach, columns + 2 reach)
        The same of the plane behind it, which begins `reach` voxels earlier.
    phase : uint8, (1 + pieces,)
        Phase of each piece.
    reach : int
        0 if voxels with a common face are neighbours, 1 if those with a common edge or corner
        are, too.
    parent : uint32, (1 + pieces,)
        Parent of each piece; modified.
    """
    rows, columns = before.shape
    for di in range(2 * reach + 1):
        for dj in range(2 * reach + 1):
            for i in range(rows):
                here, there = np.uint32(0), np.uint32(0)
                for j in range(columns):
                    a, b = before[i, j], behind[i + di, j + dj]
                    if a == here and b == there:  # joined with the last voxel
                        continue
                    here, there = a, b
                    if a > 0 and b > 0 and phase[a] == phase[b]:
                        join(parent, a, b)
