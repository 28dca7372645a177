"""Properties of clusters and pairs of voxels within them, computed run by run along the last axis."""

from __future__ import annotations

import numpy as np

from microchar.kernels.jit import inner, kernel


@kernel
def survey(clusters, labels, phase, size, lower, upper):  # type: ignore[no-untyped-def]
    """Determine phase, size and bounding box of every cluster.

    Parameters
    ----------
    clusters : uint32, (n0, n1, n2)
        Cluster number of each voxel; 0 for voxels without a cluster.
    labels : uint8, (n0, n1, n2)
        Phase of each voxel.
    phase : uint8, (numbers,)
        Phase of each cluster; set.
    size : int64, (numbers,), zeros
        Number of voxels of each cluster; set.
    lower, upper : int64, (numbers, 3)
        First and last index of each cluster along each axis; set. The initial values
        must be larger (`lower`) and smaller (`upper`) than any index.
    """
    n0, n1, n2 = clusters.shape
    for i in range(n0):
        for j in range(n1):
            end = 0
            while end < n2:
                first, number = end, clusters[i, j, end]
                end += 1
                while end < n2 and clusters[i, j, end] == number:
                    end += 1
                if number == 0:
                    continue
                phase[number] = labels[i, j, first]
                size[number] += end - first
                lower[number, 0] = min(lower[number, 0], i)
                upper[number, 0] = max(upper[number, 0], i)
                lower[number, 1] = min(lower[number, 1], j)
                upper[number, 1] = max(upper[number, 1], j)
                lower[number, 2] = min(lower[number, 2], first)
                upper[number, 2] = max(upper[number, 2], end - 1)


@kernel
def set_apart(clusters, first, last, apart, value, labels):  # type: ignore[no-untyped-def]
    """Give the voxels of some clusters another label.

    Parameters
    ----------
    clusters : uint32, (n0, n1, n2)
        Cluster number of each voxel.
    first, last : int
        Range of planes to handle, without `last`.
    apart : bool, (numbers,)
        Whether the voxels of each cluster get the label.
    value : uint8
    labels : uint8, (n0, n1, n2)
        Phase of each voxel; modified.
    """
    _, n1, n2 = clusters.shape
    for i in range(first, last):
        for j in range(n1):
            for k in range(n2):
                if apart[clusters[i, j, k]]:
                    labels[i, j, k] = value


@kernel
def count_same(clusters, first, last, periodic, phase, limit, counts):  # type: ignore[no-untyped-def]
    """Add to ``counts[axis, p, k]`` the number of pairs at lag `k` along each axis in one cluster of phase p.

    Parameters
    ----------
    clusters : uint32, (n0, n1, n2)
        Cluster number of each voxel.
    first, last : int
        Range of planes, without `last`, that contain the first voxel of a pair. The
        second voxel may lie in any plane.
    periodic : bool, (3,)
        Whether pairs wrap around the end of each axis.
    phase : uint8, (numbers,)
        Phase of each cluster.
    limit : int64, (numbers, 3)
        Largest lag of each cluster along each axis; negative for clusters that are skipped.
    counts : int64, (3, phases, lags)
        Number of pairs; modified.
    """
    n0, n1, n2 = clusters.shape
    for i in range(first, last):
        for j in range(n1):
            row = clusters[i, j]
            end = 0
            while end < n2:
                start, number = end, row[end]
                end += 1
                while end < n2 and row[end] == number:
                    end += 1
                p = phase[number]
                for lag in range(limit[number, 0] + 1):
                    if i + lag >= n0 and not periodic[0]:
                        break
                    counts[0, p, lag] += _same(clusters[(i + lag) % n0, j], start, end, number)
                for lag in range(limit[number, 1] + 1):
                    if j + lag >= n1 and not periodic[1]:
                        break
                    counts[1, p, lag] += _same(clusters[i, (j + lag) % n1], start, end, number)
                for lag in range(limit[number, 2] + 1):
                    counts[2, p, lag] += _same(row, start + lag, min(end + lag, n2), number)
                    if periodic[2]:
                        counts[2, p, lag] += _same(row, max(start + lag - n2, 0), end + lag - n2, number)


@inner
def _same(row, start, end, number):  # type: ignore[no-untyped-def]
    same = np.int64(0)
    for k in range(start, end):
        same += row[k] == number
    return same
