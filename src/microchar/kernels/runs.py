"""Runs of equal labels along the middle axis, counted in one pass in memory order."""

from __future__ import annotations

from microchar.kernels.jit import inner, kernel

#: Kinds of runs, the first index of the histogram: runs with both ends inside; runs cut by the end of the array or a
#: masked voxel; and periodic lines that consist of a single run without ends.
INSIDE, CUT, ENDLESS = 0, 1, 2
#: Label of voxels that belong to no run.
_OUTSIDE = 255


@kernel
def count_runs(labels, core, periodic, first, end, runs):  # type: ignore[no-untyped-def]
    """Count the maximal runs of each label along the middle axis by their length.

    A run that begins in the core and ends behind it adds 1 at its length and -1 at the
    length of its part behind the core. A run that begins behind the core is not
    counted. Therefore the sum over the lengths n of ``runs[..., n] * max(n - k, 0)`` is
    the number of segments of k + 1 equal labels that begin in the core.

    Parameters
    ----------
    labels : uint8, (outer, n, inner)
        Label of each voxel. Voxels with label 255 belong to no run.
    core : int
        Number of voxels of each line that are not halo.
    periodic : bool
        Whether the lines are periodic. The core must then be the complete line.
    first, end : int64, (inner,)
        Workspace: the beginning of the current run of each line, and the end of its
        first run.
    runs : int64, (3, labels, n + 1)
        Number of runs by kind (`INSIDE`, `CUT`, `ENDLESS`), label and length; modified.
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
                    _add(runs, int(cut), block[j - 1, k], first[k], j, core)
                else:
                    end[k] = j
                first[k] = j
        for k in range(inner):
            _close_line(runs, block, k, first[k], end[k], core, periodic)


@inner
def _close_line(runs, block, k, first, end, core, periodic):  # type: ignore[no-untyped-def]
    """Count the first run of a line, [0, end), and the last run, [first, n)."""
    n = len(block)
    head, tail = block[0, k], block[n - 1, k]
    if first == 0:
        _add(runs, ENDLESS if periodic else CUT, head, 0, n, core)
        return
    head_cut, tail_cut = block[end, k] == _OUTSIDE, block[first - 1, k] == _OUTSIDE
    if periodic and head == tail:
        _add(runs, int(head_cut or tail_cut), head, 0, end + n - first, n)
        return
    _add(runs, int(head_cut or not periodic or tail == _OUTSIDE), head, 0, end, core)
    _add(runs, int(tail_cut or not periodic or head == _OUTSIDE), tail, first, n, core)


@inner
def _add(runs, kind, label, first, end, core):  # type: ignore[no-untyped-def]
    if label != _OUTSIDE and first < core:
        runs[kind, label, end - first] += 1
        if end > core:
            runs[kind, label, end - core] -= 1
