"""Runs of one phase along an axis, used by the lineal path and the chord lengths."""

from __future__ import annotations

import math

import numpy as np

from microchar.kernels.runs import count_runs


def runs_along(labels: np.ndarray, axis: int, core: int, n_phases: int, *, periodic: bool = False) -> np.ndarray:
    """Count the runs along an axis by kind, phase and length; see `microchar.kernels.runs.count_runs`.

    Parameters
    ----------
    labels : uint8, 3D
    axis : int
    core : int
        Number of voxels along the axis that are not halo.
    n_phases : int
    periodic : bool
        Whether the volume repeats along the axis.

    Returns
    -------
    int64, (3, n_phases, n + 1)
        Number of runs by kind, phase and length.
    """
    shape = labels.shape
    inner = math.prod(shape[axis + 1 :])
    lines = np.ascontiguousarray(labels).reshape(math.prod(shape[:axis]), shape[axis], inner)
    runs = np.zeros((3, n_phases, shape[axis] + 1), np.int64)
    count_runs(lines, core, periodic, np.empty(inner, np.int64), np.empty(inner, np.int64), runs)
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
