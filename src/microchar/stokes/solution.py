"""The result of a solve: the permeability, its bounds, and how they were obtained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microchar.core.result import Status


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """Permeability along one axis, in units of the squared voxel size along that axis.

    Parameters
    ----------
    value : float or None
        Best estimate: the harmonic mean of the bounds. None if nothing resists the flow.
    lower, upper : float or None
        Bounds of the exact solution of the discrete problem.
    status : Status
        `OK`, `NOT_CONVERGED`, `NOT_PERCOLATING`, `ABSENT_PHASE` or `UNDEFINED`.
    message : str
        Explanation if the status is not `OK`.
    iterations : int
        Number of iterations of the pressure.
    speed : ndarray of float32, 3D, optional
        Speed at unit viscosity and unit mean pressure gradient, nan where nothing
        flows; only if it was requested.
    """

    value: float | None
    lower: float | None
    upper: float | None
    status: Status = Status.OK
    message: str = ""
    iterations: int = 0
    speed: np.ndarray | None = None

    @property
    def gap(self) -> float:
        """Width of the interval divided by the value; 0 if there is no positive value."""
        if not self.value or self.lower is None or self.upper is None:
            return 0.0
        return (self.upper - self.lower) / self.value
