"""The result of a solve: the value, its bounds, and how they were obtained."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from microchar.core.result import Status

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """Effective diffusivity along one axis, in units of the reference diffusivity.

    Parameters
    ----------
    value : float
        Best estimate of D_eff/D0: the harmonic mean of the bounds.
    lower, upper : float or None
        Bounds of the exact solution of the discrete problem; None if the backend gives
        no bounds.
    status : Status
        `OK`, `NOT_CONVERGED`, `NOT_PERCOLATING` or `ABSENT_PHASE`.
    message : str
        Explanation if the status is not `OK`.
    iterations : int
        Number of iterations of the solver; 0 for a direct solve.
    method : str
        Name of the solver: "sparse factorisation", "conjugate gradients", …
    parallel : float
        Effective diffusivity of the same voxels as straight parallel layers: the sum of
        volume fraction times diffusivity over the conducting phases.
    percolating_fraction : float or None
        Number of voxels that conduct from one end face to the other, divided by the
        number of all voxels; None if the backend does not provide it.
    concentration : ndarray of float32, 3D, optional
        Concentration field, nan where there is no flux; only if it was requested.
    """

    value: float
    lower: float | None
    upper: float | None
    status: Status = Status.OK
    message: str = ""
    iterations: int = 0
    method: str = "none"
    parallel: float
    percolating_fraction: float | None
    concentration: np.ndarray | None = None

    @property
    def gap(self) -> float:
        """Width of the interval divided by the value; 0 if the value is zero or there are no bounds."""
        if self.lower is None or self.upper is None or self.value == 0:
            return 0.0
        return (self.upper - self.lower) / self.value


def midpoint(lower: float, upper: float) -> float:
    """Return the harmonic mean of two bounds of a conductance, the midpoint of the interval of resistances."""
    return 2 * lower * upper / (lower + upper) if lower > 0 else 0.5 * upper


def nothing(status: Status, parallel: float) -> Solution:
    """Return the solution of a problem without flux; its status is "absent_phase" or "not_percolating"."""
    return Solution(
        value=0.0,
        lower=0.0,
        upper=0.0,
        status=status,
        message=status.meaning,
        parallel=parallel,
        percolating_fraction=0.0,
    )


def bounded(lower: float, upper: float, tolerance: float, **about: Any) -> Solution:
    """Return the solution with the given bounds; its status is "ok" if their gap is within the tolerance."""
    solution = Solution(value=midpoint(lower, upper), lower=lower, upper=upper, **about)
    if solution.gap <= tolerance:
        return solution
    return replace(solution, status=Status.NOT_CONVERGED, message=too_wide(solution.gap, tolerance))


def too_wide(gap: float, tolerance: float) -> str:
    """Return the message of a solution that is not within the tolerance."""
    return f"the gap between the bounds is {gap:.1e} of the value, the tolerance was {tolerance:g}"


def narrowed(
    steps: Iterable[tuple[float, float, _T]],
    scale: float,
    tolerance: float,
    progress: Callable[[float, float], None],
) -> tuple[float, float, _T]:
    """Take steps until the intersection of their intervals is within the tolerance.

    Parameters
    ----------
    steps : iterable of (lower, upper, about)
        The bounds of each step, and what else is known of it.
    scale : float
        Factor of all bounds that are reported and returned.
    tolerance : float
    progress : callable
        ``progress(lower, upper)``, called after each step.

    Returns
    -------
    lower, upper : float
    about
        Of the last step.
    """
    lower, upper = 0.0, np.inf
    for low, high, about in steps:  # noqa: B007
        lower, upper = max(lower, low), min(upper, high)
        progress(lower * scale, upper * scale)
        if upper - lower <= tolerance * midpoint(lower, upper):
            break
    return lower * scale, upper * scale, about
