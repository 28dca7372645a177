"""The largest spheres inside a phase, used by the local thickness and the intrusion curve."""

from __future__ import annotations

import numpy as np

from microchar.core.grid import Grid
from microchar.core.result import Status
from microchar.core.volume import OUTSIDE

#: Steps from a voxel to its 26 neighbours.
STEPS = np.array([step for step in np.ndindex(3, 3, 3) if step != (1, 1, 1)]) - 1


def obstacle_to_spheres(labels: np.ndarray, phase: int) -> tuple[Status, str] | None:
    """Return why there are no spheres inside a phase, or None if there are."""
    inside = labels == phase
    if not inside.any():
        return Status.ABSENT_PHASE, "the phase has no voxels"
    if (inside | (labels == OUTSIDE)).all():
        return Status.UNDEFINED, "no voxel of another phase ends the spheres of this one"
    return None


def relative_sizes(grid: Grid) -> np.ndarray:
    """Return the voxel size in units of its smallest edge, with 1 along axes of one voxel."""
    unit = min(grid.voxel_size[axis] for axis in grid.axes)
    return np.array([size / unit if axis in grid.axes else 1.0 for axis, size in enumerate(grid.voxel_size)])


def margins(sizes: np.ndarray) -> tuple[float, float]:
    """Return the constants `shrink` and `gap` of `microchar.kernels.thickness`.

    For cubic voxels, squared distances are integers, so that "less than n" is "at most
    n - 1". Otherwise the radii shrink a little, so that rounding cannot add voxels.
    """
    return (1.0, 1.0) if (sizes == 1).all() else (1 - 1e-6, 0.0)


def squared_radii(labels: np.ndarray, phase: int, sizes: np.ndarray, threads: int) -> np.ndarray:
    """Return the squared radius of the largest sphere around each voxel of a phase, and 0 for other voxels.

    The radius is the distance to the nearest voxel of another phase. The faces of the
    volume and of the mask do not limit it.

    Parameters
    ----------
    labels : ndarray of uint8, (n0, n1, n2)
    phase : int
    sizes : ndarray of float, (3,)
        Voxel size from `relative_sizes`, which is the unit of the radius.
    threads : int

    Returns
    -------
    ndarray of float32, (n0, n1, n2)
    """
    import edt

    free = (labels == phase) | (labels == OUTSIDE)
    squared = edt.edtsq(free, anisotropy=tuple(sizes), black_border=False, parallel=threads)
    squared[labels == OUTSIDE] = 0
    return np.ascontiguousarray(squared, dtype=np.float32)
