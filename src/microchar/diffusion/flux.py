"""Magnitude of the flux in a slice of a concentration field."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def flux_in_plane(
    concentration: np.ndarray, diffusivity: np.ndarray, spacing: Sequence[float], transport: int
) -> np.ndarray:
    r"""Return the magnitude of the flux in the plane of a slice.

    For each voxel and axis, the flux density is the mean of :math:`J = g\,\Delta c / h`
    over the two faces of the voxel, where :math:`g` is the conductance of two half
    voxels in series. The result is the magnitude of the vector of the two axes.

    Parameters
    ----------
    concentration : ndarray of float, 2D
        Concentration of each voxel, nan where there is no flux. The concentration is 1
        on the first end face and 0 on the last one.
    diffusivity : ndarray of float, 2D
        Diffusivity of each voxel.
    spacing : sequence of two float
        Voxel size along the two axes.
    transport : int
        Which of the two axes is the axis of transport. Its two ends are the end faces.

    Returns
    -------
    ndarray of float, 2D
        Magnitude of the flux; 0 where there is no flux.

    Examples
    --------
    >>> import numpy as np
    >>> channel = np.array([[0.75, np.nan], [0.25, np.nan]])
    >>> flux_in_plane(channel, np.ones((2, 2)), (1.0, 1.0), 0)
    array([[0.5, 0. ],
           [0.5, 0. ]])
    """
    flows = np.isfinite(concentration)
    c = np.where(flows, concentration, 0.0)
    d = np.where(flows, diffusivity, 0.0)
    squares = np.zeros(c.shape)
    for axis, h in enumerate(spacing):
        c_, d_ = np.moveaxis(c, axis, 0), np.moveaxis(d, axis, 0)
        total = d_[:-1] + d_[1:]
        g = np.divide(2 * d_[:-1] * d_[1:], total, out=np.zeros_like(total), where=total > 0)
        through = np.zeros((len(c_) + 1, c_.shape[1]))
        through[1:-1] = g * (c_[:-1] - c_[1:]) / h
        if axis == transport:
            through[0] = 2 * d_[0] * (1 - c_[0]) / h
            through[-1] = 2 * d_[-1] * c_[-1] / h
        squares += np.moveaxis(((through[:-1] + through[1:]) / 2) ** 2, 0, axis)
    return np.where(flows, np.sqrt(squares), 0.0)
