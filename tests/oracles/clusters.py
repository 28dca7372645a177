"""Clusters by flood fill, and pairs of their voxels, one at a time."""

from __future__ import annotations

from itertools import product

import numpy as np

OUTSIDE = 255


def flood_fill(labels: np.ndarray, connectivity: int, periodic: tuple[int, ...] = ()) -> np.ndarray:
    """Number the clusters of equal labels from 1; 0 where the label is `OUTSIDE`."""
    steps = [step for step in product((-1, 0, 1), repeat=3) if any(step)]
    if connectivity == 6:
        steps = [step for step in steps if sum(map(abs, step)) == 1]
    clusters = np.zeros(labels.shape, int)
    number = 0
    for seed in np.ndindex(labels.shape):
        if labels[seed] == OUTSIDE or clusters[seed]:
            continue
        number += 1
        clusters[seed] = number
        front = [seed]
        while front:
            voxel = front.pop()
            for step in steps:
                place = [a + b for a, b in zip(voxel, step, strict=True)]
                place = [
                    p % n if a in periodic else p for a, (p, n) in enumerate(zip(place, labels.shape, strict=True))
                ]
                inside = all(0 <= p < n for p, n in zip(place, labels.shape, strict=True))
                place = tuple(place)
                if inside and labels[place] == labels[seed] and not clusters[place]:
                    clusters[place] = number
                    front.append(place)
    return clusters


def sizes(clusters: np.ndarray, where: np.ndarray) -> list[int]:
    """Voxels of each cluster found there."""
    return [int((clusters == number).sum()) for number in np.unique(clusters[where])]


def pairs(clusters: np.ndarray, where: np.ndarray, axis: int, lag: int, periodic: bool) -> int:
    """Pairs of voxels at a lag that are in one cluster, the first one where asked for."""
    n = clusters.shape[axis]
    found = 0
    for voxel in np.argwhere(where):
        other = voxel.copy()
        other[axis] += lag
        if other[axis] >= n and not periodic:
            continue
        other[axis] %= n
        found += bool(clusters[tuple(voxel)] == clusters[tuple(other)] > 0)
    return found
