"""`Influence`: how much each cell of a volume contributes to the values of a metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Influence:
    r"""Influence of the cells of a volume on the numbers of a `Result`.

    The influence of cell :math:`b` on a ratio of counts :math:`\theta = C / D` is
    :math:`\psi_b = n\,(C_b - \theta D_b) / D`, where :math:`n` is the number of cells. Its
    mean over the cells is zero, and its spectrum at low frequencies gives the variance
    of :math:`\theta`.

    Parameters
    ----------
    values : ndarray, (n0, n1, n2, values)
        Influence on each value, in the order of `Result.values`; nan for values without error.
    profiles : tuple of ndarray, (n0, n1, n2, points)
        Influence on each point of each profile.
    lengths : tuple of float
        Lengths of the edges of the volume.
    """

    values: np.ndarray
    profiles: tuple[np.ndarray, ...]
    lengths: tuple[float, float, float]
