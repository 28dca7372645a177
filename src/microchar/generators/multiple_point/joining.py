"""Joins a patch to the volume along the minimum cut through their overlap."""

from __future__ import annotations

import numpy as np

from microchar.generators.multiple_point.cover import UNKNOWN, HardData

#: Capacity that no cut crosses: more than all pairs of one voxel and its six neighbours together.
_NEVER = 100


def join(around: np.ndarray, new: np.ndarray, data: HardData) -> np.ndarray:
    """Join a patch to the existing voxels along the cut that touches the fewest mismatches.

    Each known voxel in the box of the patch keeps its old label or takes the new
    one; unknown voxels take the new one. A pair of neighbours, one with its old and
    one with its new label, costs as many mismatches (old label ≠ new label) as it
    contains (Kwatra et al. 2003, with the discrete metric). The smallest total cost
    is a minimum cut, computed as a maximum flow.

    Parameters
    ----------
    around : uint8
        The box of the patch in the generated volume, with a margin of one voxel.
    new : uint8
        The patch.
    data : list
        Voxels that should have given labels: the old or the new label is used if it is the given one.

    Returns
    -------
    ndarray of uint8
        The joined labels of the box.
    """
    old = around[1:-1, 1:-1, 1:-1]
    differs = (old != UNKNOWN) & (old != new)
    if not differs.any():
        return new
    keep, take = _ends(around, differs)
    for voxel, label in data:
        if differs[voxel]:
            keep[voxel] += _NEVER * (old[voxel] == label)
            take[voxel] += _NEVER * (new[voxel] == label)
    return np.where(_minimum_cut(old, differs, keep, take), old, new)


def _ends(around: np.ndarray, differs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the costs of a new label beside old voxels outside the box, and of an old label beside unknown voxels."""
    outside = np.zeros(around.shape, bool)
    outside[...] = around < UNKNOWN
    outside[1:-1, 1:-1, 1:-1] = False
    unreached = np.zeros(around.shape, bool)
    unreached[1:-1, 1:-1, 1:-1] = around[1:-1, 1:-1, 1:-1] == UNKNOWN
    keep, take = np.zeros(differs.shape, np.int32), np.zeros(differs.shape, np.int32)
    for axis in range(3):
        for shift in (-1, 1):
            at = [slice(1, -1)] * 3
            at[axis] = slice(1 + shift, around.shape[axis] - 1 + shift)
            keep += outside[tuple(at)]
            take += unreached[tuple(at)]
    return keep * differs, take * differs


def _minimum_cut(old: np.ndarray, differs: np.ndarray, keep: np.ndarray, take: np.ndarray) -> np.ndarray:
    """Return the voxels that keep their old label."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    known = old != UNKNOWN
    number = np.full(old.shape, -1, np.int32)
    pairs, costs = [], []
    indices = np.arange(old.size, dtype=np.int32).reshape(old.shape)
    for axis in range(3):
        first, second = _lower(axis), _upper(axis)
        cost = differs[first].astype(np.int32) + differs[second]
        counts = known[first] & known[second] & (cost > 0)
        pairs.append(np.stack([indices[first][counts], indices[second][counts]]))
        costs.append(cost[counts])
    a, b = np.concatenate(pairs, axis=1)
    cost = np.concatenate(costs)
    # Voxels far from mismatches have equal old and new labels, and are not nodes of the graph.
    nodes = np.union1d(np.flatnonzero(differs), np.concatenate([a, b])).astype(np.int32)
    number.ravel()[nodes] = np.arange(len(nodes))
    a, b = number.ravel()[a], number.ravel()[b]
    source, sink = len(nodes), len(nodes) + 1
    kept, taken = np.flatnonzero(keep), np.flatnonzero(take)
    tails = np.concatenate([a, b, np.full(len(kept), source), number.ravel()[taken]])
    heads = np.concatenate([b, a, number.ravel()[kept], np.full(len(taken), sink)])
    capacity = np.concatenate([cost, cost, keep.ravel()[kept], take.ravel()[taken]]).astype(np.int32)
    size = len(nodes) + 2
    graph = coo_array((capacity, (tails.astype(np.int32), heads.astype(np.int32))), shape=(size, size)).tocsr()
    residual = (graph - maximum_flow(graph, source, sink).flow).tocsr()
    residual.eliminate_zeros()
    reached = breadth_first_order(residual, source, return_predecessors=False)
    result = np.zeros(old.shape, bool)
    result.ravel()[nodes[reached[reached < len(nodes)]]] = True
    return result


def _lower(axis: int) -> tuple[slice, ...]:
    return tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))


def _upper(axis: int) -> tuple[slice, ...]:
    return tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
