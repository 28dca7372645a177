"""Clusters of neighbouring voxels with equal labels, and pairs within them, run by run along the last axis."""

from __future__ import annotations

import numpy as np

from microchar.kernels.jit import inner, kernel
from microchar.kernels.union_find import join

#: Label of voxels that belong to no cluster.
_OUTSIDE = 255


@kernel
def count_row_runs(labels):  # type: ignore[no-untyped-def]
    """Count the runs of equal labels along the last axis, without those of label 255.

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
    """
    runs = np.int64(0)
    n0, n1, n2 = labels.shape
    for i in range(n0):
        for j in range(n1):
            row = labels[i, j]
            runs += row[0] != _OUTSIDE
            for k in range(1, n2):
                runs += (row[k] != row[k - 1]) & (row[k] != _OUTSIDE)
    return runs


@kernel
def find_pieces(labels, reach, pieces, parent, end):  # type: ignore[no-untyped-def]
    """Number the clusters of a block 1, 2, … in the order of their first voxels, and return how many there are.

    Runs are numbered and joined with those that they touch in the rows before.

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
        Label of each voxel. Voxels with label 255 belong to no cluster.
    reach : int
        0 if voxels with a common face are neighbours, 1 if those with a common edge or corner
        are, too.
    pieces : uint32, (n0, n1, n2)
        Number of the *run* of each voxel, 0 for none; set.
    parent : uint32, (1 + runs,)
        Number of the cluster of each run; set.
    end : int32, (1 + runs,)
        Where each run ends; set.
    """
    n0, n1, n2 = labels.shape
    run = 0
    for i in range(n0):
        for j in range(n1):
            row = labels[i, j]
            stop = 0
            while stop < n2:
                start, label = stop, row[stop]
                stop += 1
                while stop < n2 and row[stop] == label:
                    stop += 1
                if label == _OUTSIDE:
                    for k in range(start, stop):
                        pieces[i, j, k] = 0
                    continue
                run += 1
                for k in range(start, stop):
                    pieces[i, j, k] = run
                parent[run], end[run] = run, stop
                low, high = max(start - reach, 0), min(stop + reach, n2)
                if j > 0:
                    _touch(labels[i, j - 1], pieces[i, j - 1], low, high, label, run, parent, end)
                if i > 0:
                    for other in range(max(j - reach, 0), min(j + reach + 1, n1)):
                        _touch(labels[i - 1, other], pieces[i - 1, other], low, high, label, run, parent, end)
    return flatten(parent[: run + 1])


@inner
def _touch(labels, runs, low, high, label, run, parent, end):  # type: ignore[no-untyped-def]
    """Join a run with the runs of its label in a part of another row."""
    k = low
    while k < high:
        other = runs[k]
        if other == 0:
            k += 1
            continue
        if labels[k] == label:
            join(parent, other, run)
        k = end[other]


@kernel
def flatten(parent):  # type: ignore[no-untyped-def]
    """Replace the parent of each number, which is not larger, by the rank 1, 2, … of its root; return the highest rank.

    Parameters
    ----------
    parent : uint32, (1 + numbers,)
        The parent of number 0, which stands for no cluster, is 0. Modified.
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
def survey(labels, start, runs, piece, end, first, out, phase, size, lower, upper):  # type: ignore[no-untyped-def]
    """Write the number of the piece of each voxel; determine phase, size and bounding box of every piece of a block.

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
        Phase of each voxel.
    start : tuple of int
        Position of the block in the volume.
    runs : uint32, (n0, n1, n2)
        Number of the run of each voxel, from `find_pieces`.
    piece, end : (1 + runs,)
        Number of the piece of each run, and where it ends.
    first : int
        Added to the number of a piece.
    out : uint32, (n0, n1, n2)
        Number of the piece of each voxel, 0 for none; set.
    phase : uint8, (1 + pieces,)
        Phase of each piece; set.
    size : int64, (1 + pieces,), zeros
        Number of voxels of each piece; set.
    lower, upper : int32, (1 + pieces, 3)
        First and last index of each piece along each axis; set. The initial values
        must be larger (`lower`) and smaller (`upper`) than any index.
    """
    n0, n1, n2 = runs.shape
    for i in range(n0):
        for j in range(n1):
            k = 0
            while k < n2:
                run = runs[i, j, k]
                if run == 0:
                    out[i, j, k] = 0
                    k += 1
                    continue
                number, stop = piece[run], end[run]
                phase[number] = labels[i, j, k]
                size[number] += stop - k
                for axis, low, high in ((0, i, i), (1, j, j), (2, k, stop - 1)):
                    lower[number, axis] = min(lower[number, axis], low + start[axis])
                    upper[number, axis] = max(upper[number, axis], high + start[axis])
                while k < stop:
                    out[i, j, k] = number + first
                    k += 1


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


@kernel
def count_same(pieces, cluster, first, last, periodic, phase, limit, counts):  # type: ignore[no-untyped-def]
    """Add to ``counts[axis, p, k]`` the number of pairs at lag `k` along each axis in one cluster of phase p.

    Parameters
    ----------
    pieces : uint32, (n0, n1, n2)
        Number of the piece of each voxel; 0 for voxels without a cluster.
    cluster : uint32, (1 + pieces,)
        Number of the cluster of each piece.
    first, last : int
        Range of planes, without `last`, that contain the first voxel of a pair. The
        second voxel may lie in any plane.
    periodic : bool, (3,)
        Whether pairs wrap around the end of each axis.
    phase : uint8, (1 + clusters,)
        Phase of each cluster.
    limit : int64, (1 + clusters, 3)
        Largest lag of each cluster along each axis; negative for clusters that are skipped.
    counts : int64, (3, phases, lags)
        Number of pairs; modified.
    """
    n0, n1, n2 = pieces.shape
    for i in range(first, last):
        for j in range(n1):
            row = pieces[i, j]
            end = 0
            while end < n2:
                start, number = end, cluster[row[end]]
                end += 1
                while end < n2 and row[end] == row[start]:
                    end += 1
                p = phase[number]
                for lag in range(limit[number, 0] + 1):
                    if i + lag >= n0 and not periodic[0]:
                        break
                    counts[0, p, lag] += _same(pieces[(i + lag) % n0, j], cluster, start, end, number)
                for lag in range(limit[number, 1] + 1):
                    if j + lag >= n1 and not periodic[1]:
                        break
                    counts[1, p, lag] += _same(pieces[i, (j + lag) % n1], cluster, start, end, number)
                for lag in range(limit[number, 2] + 1):
                    counts[2, p, lag] += _same(row, cluster, start + lag, min(end + lag, n2), number)
                    if periodic[2]:
                        counts[2, p, lag] += _same(row, cluster, max(start + lag - n2, 0), end + lag - n2, number)


@inner
def _same(row, cluster, start, end, number):  # type: ignore[no-untyped-def]
    same = np.int64(0)
    for k in range(start, end):
        same += cluster[row[k]] == number
    return same
