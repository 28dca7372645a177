"""Properties of clusters and pairs of voxels within them, computed run by run along the last axis."""

from __future__ import annotations

import numpy as np

from microchar.kernels.jit import kernel


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
def count_same(clusters, first, last, axis, periodic, phase, limit, counts):  # type: ignore[no-untyped-def]
    """Add to ``counts[p, k]`` the number of pairs of voxels at lag `k` along `axis` in one cluster of phase p.

    Parameters
    ----------
    clusters : uint32, (n0, n1, n2)
        Cluster number of each voxel.
    first, last : int
        Range of planes, without `last`, that contain the first voxel of a pair. The
        second voxel may lie in any plane.
    axis : int
    periodic : bool
        Whether pairs wrap around the end of the axis.
    phase : uint8, (numbers,)
        Phase of each cluster.
    limit : int64, (numbers,)
        Largest lag of each cluster; negative for clusters that are skipped.
    counts : int64, (phases, lags)
        Number of pairs; modified.
    """
    n0, n1, n2 = clusters.shape
    for i in range(first, last):
        for j in range(n1):
            end = 0
            while end < n2:
                start, number = end, clusters[i, j, end]
                end += 1
                while end < n2 and clusters[i, j, end] == number:
                    end += 1
                for lag in range(limit[number] + 1):
                    i2, j2, shift = i, j, 0
                    if axis == 0:
                        i2 += lag
                    elif axis == 1:
                        j2 += lag
                    else:
                        shift = lag
                    if i2 >= n0 or j2 >= n1 or start + shift >= n2:
                        if not periodic:
                            break
                        i2, j2 = i2 % n0, j2 % n1
                    row = clusters[i2, j2]
                    same = np.int64(0)
                    for k in range(start, min(end, n2 - shift)):
                        same += row[k + shift] == number
                    if periodic:
                        for k in range(max(start, n2 - shift), end):
                            same += row[k + shift - n2] == number
                    counts[phase[number], lag] += same
