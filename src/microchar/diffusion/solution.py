"""What a solve returns: the value, the bounds that hold it, and how they were reached."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from microchar.core.result import Status


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """Effective diffusivity along one axis, in units of the reference diffusivity.

    Parameters
    ----------
    value : float
        Best estimate of D_eff/D0: the harmonic mean of the bounds.
    lower, upper : float or None
        Bounds that hold the exact answer of the discrete problem; None from a
        backend that gives none.
    status : Status
        `OK`, `NOT_CONVERGED`, `NOT_PERCOLATING` or `ABSENT_PHASE`.
    message : str
        Why, where the status is not `OK`.
    iterations : int
        Of the solver; 0 for a direct solve.
    method : str
        Which solver: "direct", "conjugate gradients", …
    conducting_fraction : float
        Conducting voxels over all voxels.
    percolating_fraction : float or None
        Voxels that conduct from one end face to the other over all voxels; None
        where the backend does not say.
    concentration : ndarray of float32, 3D, optional
        The field, nan where nothing flows; only if it was asked for.
    """

    value: float
    lower: float | None
    upper: float | None
    status: Status = Status.OK
    message: str = ""
    iterations: int = 0
    method: str = "none"
    conducting_fraction: float
    percolating_fraction: float | None
    concentration: np.ndarray | None = None

    @property
    def gap(self) -> float:
        """Width of the interval over the value; 0 where both are zero."""
        if self.lower is None or self.upper is None or self.value == 0:
            return 0.0
        return (self.upper - self.lower) / self.value


def midpoint(lower: float, upper: float) -> float:
    """Return the harmonic mean of two bounds of a conductance: the middle of the resistances."""
    return 2 * lower * upper / (lower + upper) if lower > 0 else 0.5 * upper


def nothing(status: Status, conducting_fraction: float) -> Solution:
    """Return the solution of a problem in which nothing flows: "absent_phase" or "not_percolating"."""
    return Solution(
        value=0.0,
        lower=0.0,
        upper=0.0,
        status=status,
        message=status.meaning,
        conducting_fraction=conducting_fraction,
        percolating_fraction=0.0,
    )


def bounded(lower: float, upper: float, tolerance: float, **about: Any) -> Solution:
    """Return the solution that has these bounds, "ok" if their gap is within the tolerance."""
    solution = Solution(value=midpoint(lower, upper), lower=lower, upper=upper, **about)
    if solution.gap <= tolerance:
        return solution
    message = f"the gap between the bounds is {solution.gap:.1e} of the value, the tolerance was {tolerance:g}"
    return replace(solution, status=Status.NOT_CONVERGED, message=message)
