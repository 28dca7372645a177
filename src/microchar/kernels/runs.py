"""Runs of equal labels along the middle axis, counted in one pass in memory order."""

from __future__ import annotations

from microchar.kernels.jit import inner, kernel

#: Kinds of runs, the first index of the histogram: runs with both ends inside; runs cut by the end of the array or a
#: masked voxel; and periodic lines that consist of a single run without ends.
INSIDE, CUT, ENDLESS = 0, 1, 2
#: Label of voxels that belong to no run.
_OUTSIDE = 255


@kernel
def count_runs(labels, edges, split, periodic, first, end, runs):  # type: ignore[no-untyped-def]
    """Count the maximal runs of each label along the middle axis by their length.

    The lines are cut into parts. If runs are not split, each adds 1 at its length in the
    part of its middle voxel. If they are split, a run that reaches a part adds 1 at the length
    from its beginning, or that of the part, to its end; if it continues behind the part,
    it adds -1 at the length that lies behind. Therefore the sum over the lengths n of
    ``runs[part, ..., n] * max(n - k, 0)`` is the number of segments of k + 1 equal
    labels that begin in the part. In both cases, the sum over all parts of a complete
    line is the histogram of its runs.

    Parameters
    ----------
    labels : uint8, (outer, n, inner)
        Label of each voxel. Voxels with label 255 belong to no run.
    edges : int64, (parts + 1,)
        Where the parts begin, from 0, and where the last part ends; halo lies behind it.
    split : bool
        Whether runs are split between the parts.
    periodic : bool
        Whether the lines are periodic. They must then have no halo, and runs are not split.
    first, end : int64, (inner,)
        Workspace: the beginning of the current run of each line, and the end of its
        first run.
    runs : int64, (parts, 3, labels, n + 1)
        Number of runs by part, kind (`INSIDE`, `CUT`, `ENDLESS`), label and length; modified.
    """
    outer, n, inner = labels.shape
    for i in range(outer):
        block = labels[i]
        for k in range(inner):
            first[k], end[k] = 0, 0
        for j in range(1, n):
            for k in range(inner):
                if block[j, k] == block[j - 1, k]:
                    continue
                if first[k] > 0:
                    cut = block[first[k] - 1, k] == _OUTSIDE or block[j, k] == _OUTSIDE
                    _add(runs, int(cut), block[j - 1, k], first[k], j, edges, split)
                else:
                    end[k] = j
                first[k] = j
        for k in range(inner):
            _close_line(runs, block, k, first[k], end[k], edges, split, periodic)


@inner
def _close_line(runs, block, k, first, end, edges, split, periodic):  # type: ignore[no-untyped-def]
    """Count the first run of a line, [0, end), and the last run, [first, n)."""
    n = len(block)
    head, tail = block[0, k], block[n - 1, k]
    head_cut, tail_cut = block[end, k] == _OUTSIDE, block[first - 1, k] == _OUTSIDE
    whole = first == 0
    around = periodic and head == tail
    # One call of `_add`: Numba compiles what is called twice into both places.
    for run in range(1 if whole or around else 2):
        if whole:
            kind, label, begin, stop = ENDLESS if periodic else CUT, head, run, n
        elif around:
            kind, label, begin, stop = int(head_cut or tail_cut), head, first - n, end
        elif run == 0:
            kind, label, begin, stop = int(head_cut or not periodic or tail == _OUTSIDE), head, run, end
        else:
            kind, label, begin, stop = int(tail_cut or not periodic or head == _OUTSIDE), tail, first, n
        _add(runs, kind, label, begin, stop, edges, split)


@inner
def _add(runs, kind, label, first, end, edges, split):  # type: ignore[no-untyped-def]
    if label == _OUTSIDE:
        return
    if not split:
        # The middle of a run that wraps around the end of the line may lie before its beginning.
        runs[_part_of((first + end - 1) // 2 % edges[-1], edges), kind, label, end - first] += 1
        return
    for part in range(len(edges) - 1):
        if first < edges[part + 1]:
            runs[part, kind, label, end - max(first, edges[part])] += 1
            if end <= edges[part + 1]:
                return
            runs[part, kind, label, end - edges[part + 1]] -= 1


@inner
def _part_of(position, edges):  # type: ignore[no-untyped-def]
    part = 0
    while position >= edges[part + 1]:
        part += 1
    return part
