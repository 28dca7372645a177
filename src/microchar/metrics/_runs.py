"""Runs of one phase along an axis, used by the lineal path and the chord lengths."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from microchar.kernels.runs import count_runs


def runs_along(
    labels: np.ndarray, axis: int, edges: Sequence[int], n_phases: int, *, split: bool, periodic: bool = False
) -> np.ndarray:
    """Count the runs along an axis by part, kind, phase and length; see `microchar.kernels.runs.count_runs`.

    Parameters
    ----------
    labels : uint8, 3D
    axis : int
    edges : sequence of int
        Where the parts of the lines begin, from 0, and where the last part ends; halo
        lies behind it.
    n_phases : int
    split : bool
        Whether runs are split between the parts, or belong to the part of their middle voxel.
    periodic : bool
        Whether the volume repeats along the axis.

    Returns
    -------
    int64, (parts, 3, n_phases, n + 1)
        Number of runs by part, kind, phase and length.
    """
    shape = labels.shape
    inner = math.prod(shape[axis + 1 :])
    lines = np.ascontiguousarray(labels).reshape(math.prod(shape[:axis]), shape[axis], inner)
    runs = np.zeros((len(edges) - 1, 3, n_phases, shape[axis] + 1), np.int64)
    work = np.empty((2, inner), np.int64)
    count_runs(lines, np.asarray(edges, np.int64), split, periodic, work[0], work[1], runs)
    return runs


def segments(runs: np.ndarray, reach: int) -> np.ndarray:
    """Count the segments of 1 to `reach` + 1 voxels within runs.

    Parameters
    ----------
    runs : int64, (..., n + 1)
        Number of runs by length.
    reach : int

    Returns
    -------
    int64, (..., reach + 1)
        Number of segments of ``k + 1`` voxels, the sum over n of
        ``runs[..., n] * max(n - k, 0)``, for k = 0 to `reach`.
    """
    for _ in range(2):
        runs = np.cumsum(runs[..., ::-1], axis=-1)[..., ::-1]
    counted = runs[..., 1 : reach + 2]
    padded = np.zeros((*runs.shape[:-1], reach + 1), np.int64)
    padded[..., : counted.shape[-1]] = counted
    return padded
