"""Pairs of voxels in one cluster, counted from the runs of the clusters along the last axis."""

from __future__ import annotations

from microchar.kernels.jit import inner, kernel


@kernel
def count_kept(piece, keep):  # type: ignore[no-untyped-def]
    """Count the runs whose pieces are kept.

    Parameters
    ----------
    piece : uint32, (runs,)
    keep : bool, (1 + pieces,)
    """
    kept = 0
    for number in piece:
        kept += keep[number]
    return kept


@kernel
def keep_runs(rows, end, piece, n2, numbers, keep, kept_rows, kept_begin, kept_end, cluster):  # type: ignore[no-untyped-def]
    """List the runs whose pieces are kept.

    Parameters
    ----------
    rows, end, piece, n2
        The runs of a volume, see `microchar.kernels.clusters.paint`.
    numbers : uint32, (1 + pieces,)
        Number of the cluster of each piece.
    keep : bool, (1 + pieces,)
    kept_rows : int64, (n0 n1 + 1,)
        Where the runs of each row begin in the list, and where the last row ends; set.
    kept_begin, kept_end : int32, (runs kept,)
        Where each run begins and ends; set.
    cluster : uint32, (runs kept,)
        Number of the cluster of each run; set.
    """
    n0, n1 = rows.shape
    kept = 0
    for i in range(n0):
        for j in range(n1):
            kept_rows[i * n1 + j] = kept
            run, k = rows[i, j], 0
            while k < n2:
                if keep[piece[run]]:
                    kept_begin[kept], kept_end[kept], cluster[kept] = k, end[run], numbers[piece[run]]
                    kept += 1
                run, k = run + 1, end[run]
    kept_rows[n0 * n1] = kept


@kernel
def count_same(rows, begin, end, cluster, shape, first, last, periodic, phase, limit, counts):  # type: ignore[no-untyped-def]
    """Add to ``counts[axis, p, k]`` the number of pairs at lag `k` along each axis in one cluster of phase p.

    Parameters
    ----------
    rows, begin, end, cluster
        The runs of the clusters, from `keep_runs`.
    shape : tuple of int
        Shape of the volume.
    first, last : int
        Range of planes, without `last`, that contain the first voxel of a pair. The
        second voxel may lie in any plane.
    periodic : bool, (3,)
        Whether pairs wrap around the end of each axis.
    phase : uint8, (1 + clusters,)
        Phase of each cluster.
    limit : int64, (1 + clusters, 3)
        Largest lag of each cluster along each axis.
    counts : int64, (3, phases, lags)
        Number of pairs; modified.
    """
    n0, n1, n2 = shape
    for i in range(first, last):
        for j in range(n1):
            start, stop = rows[i * n1 + j], rows[i * n1 + j + 1]
            for axis in range(2):
                n, place = (n0, i) if axis == 0 else (n1, j)
                for lag in range(_longest(cluster, start, stop, limit, axis) + 1):
                    if place + lag >= n and not periodic[axis]:
                        break
                    other = (place + lag) % n
                    row = other * n1 + j if axis == 0 else i * n1 + other
                    _count_common(start, stop, rows[row], rows[row + 1], begin, end, cluster, phase, axis, lag, counts)
            for a in range(start, stop):
                number = cluster[a]
                # The runs from this one on, then, behind the end of a periodic row, those up to this one.
                for wraps in range(1 + periodic[2]):
                    ahead = wraps * n2
                    for b in range(start if wraps else a, a + 1 if wraps else stop):
                        if begin[b] + ahead - end[a] >= limit[number, 2]:
                            break
                        if cluster[b] == number:
                            _count_lags(a, b, ahead, begin, end, limit[number, 2], phase[number], counts)


@inner
def _longest(cluster, start, stop, limit, axis):  # type: ignore[no-untyped-def]
    """Return the largest limit of the clusters of some runs along an axis; -1 if there are none."""
    longest = -1
    for run in range(start, stop):
        longest = max(longest, limit[cluster[run], axis])
    return longest


@inner
def _count_common(a, a_stop, b, b_stop, begin, end, cluster, phase, axis, lag, counts):  # type: ignore[no-untyped-def]
    """Count the places where the runs of two rows lie in one cluster."""
    while a < a_stop and b < b_stop:
        common = min(end[a], end[b]) - max(begin[a], begin[b])
        if common > 0 and cluster[a] == cluster[b]:
            counts[axis, phase[cluster[a]], lag] += common
        if end[a] < end[b]:
            a += 1
        else:
            b += 1


@inner
def _count_lags(a, b, ahead, begin, end, limit, phase, counts):  # type: ignore[no-untyped-def]
    """Count the pairs at each lag from the voxels of run a to those of run b, which lies `ahead` voxels further on."""
    begin_b, end_b = begin[b] + ahead, end[b] + ahead
    for lag in range(max(begin_b - end[a] + 1, 0), min(end_b - begin[a] - 1, limit) + 1):
        counts[2, phase, lag] += min(end[a] + lag, end_b) - max(begin[a] + lag, begin_b)
