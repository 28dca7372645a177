"""Clusters, walked run by run along the last axis: what each one is, and pairs of its voxels at a lag."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def survey(clusters, labels, phase, size, lower, upper):  # type: ignore[no-untyped-def]
    """Find phase, size and bounding box of every cluster.

    Parameters
    ----------
    clusters : uint32, (n0, n1, n2)
        Number of each voxel's cluster; 0 for none.
    labels : uint8, (n0, n1, n2)
    phase : uint8, (numbers,)
    size : int64, (numbers,), zeros
    lower, upper : int64, (numbers, 3)
        First and last index along each axis; to be handed in larger and smaller
        than any index.
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


@njit(nogil=True, cache=True)
def count_same(clusters, first, last, axis, periodic, phase, limit, counts):  # type: ignore[no-untyped-def]
    """Add to ``counts[p, k]`` the pairs of voxels `k` apart along `axis` in one cluster of phase p.

    Parameters
    ----------
    clusters : uint32, (n0, n1, n2)
        Number of each voxel's cluster.
    first, last : int
        The first voxel of a pair lies in the planes from `first` up to, not
        including, `last`; the second one anywhere.
    axis : int
    periodic : bool
        Whether the second voxel may lie beyond the end, at the beginning.
    phase : uint8, (numbers,)
    limit : int64, (numbers,)
        Largest lag to look at for each cluster; negative for clusters to skip.
    counts : int64, (phases, lags)
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
