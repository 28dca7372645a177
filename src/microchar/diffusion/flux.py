"""Where the flux goes: its magnitude in a slice of a solved field."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def flux_in_plane(
    concentration: np.ndarray, diffusivity: np.ndarray, spacing: Sequence[float], transport: int
) -> np.ndarray:
    r"""Return the magnitude of the flux in the plane of a slice.

    At each voxel and along each axis the mean of the flux densities
    :math:`J = g\,\Delta c / h` through its two faces, with the conductance
    :math:`g` of half voxels in series; then the magnitude over the two axes.

    Parameters
    ----------
    concentration : ndarray of float, 2D
        Nan where nothing flows; 1 on the first end face, 0 on the last one.
    diffusivity : ndarray of float, 2D
        Of each voxel.
    spacing : sequence of two float
        Of the two axes.
    transport : int
        Which of the two is the axis of transport: its ends are open.

    Returns
    -------
    ndarray of float, 2D
        0 where nothing flows.

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
