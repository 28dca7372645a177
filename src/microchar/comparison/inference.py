"""How significant differences are: tests of numbers and of profiles, and Holm's correction for several of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microchar.comparison.estimate import Estimate

#: Draws of which the distribution of the largest deviation of a profile is made.
_DRAWS = 4000
#: Confidence of the interval that decides whether volumes agree.
AGREEMENT = 0.90
#: Difference, relative to the larger of two numbers, that rounding alone may make.
_ROUNDING = 1e-12
#: Probability of a false alarm, and of seeing the smallest difference that is stated.
LEVEL, POWER = 0.05, 0.80


@dataclass(frozen=True, eq=False)
class Difference:
    """Difference of one number or one profile, candidate minus reference.

    Parameters
    ----------
    value, standard_error : ndarray, (points,)
        One point for a number.
    df : float
        Degrees of freedom.
    p : float
        Probability of a difference at least as significant between volumes of the same
        material.
    critical : float
        Half width, in standard errors, of the simultaneous interval of confidence
        `AGREEMENT` of all points.
    sees : float
        Difference, in standard errors, that the test sees with probability `POWER`.
    """

    value: np.ndarray
    standard_error: np.ndarray
    df: float
    p: float
    critical: float
    sees: float

    @property
    def lower(self) -> np.ndarray:
        """Lower end of the interval."""
        return self.value - self.critical * self.standard_error

    @property
    def upper(self) -> np.ndarray:
        """Upper end of the interval."""
        return self.value + self.critical * self.standard_error


def difference(reference: Estimate, candidate: Estimate, *, seed: int = 0) -> Difference:
    """Test whether two estimates differ: one number by Student's t, several by the largest studentised deviation.

    Degrees of freedom are combined after Welch and Satterthwaite. The distribution of
    the largest deviation is drawn from the evidence of both estimates, with a fixed seed.
    """
    from scipy.special import stdtr, stdtrit  # Student's t: `scipy.stats` takes a second to import

    value = candidate.value - reference.value
    # Numbers without scatter, as the shares of a phase that never percolates, would differ by their rounding.
    value[np.abs(value) <= _ROUNDING * np.maximum(np.abs(candidate.value), np.abs(reference.value))] = 0.0
    variances = np.array([reference.variance, candidate.variance])
    error = np.sqrt(variances.sum(axis=0))
    dfs = np.array([reference.df, candidate.df])
    with np.errstate(invalid="ignore", divide="ignore"):
        combined = variances.sum(axis=0) ** 2 / (variances**2 / dfs).sum(axis=0)
    df = float(np.nanmean(combined)) if np.isfinite(combined).any() else float(dfs.min())
    sees = float(stdtrit(df, 1 - LEVEL / 2) + stdtrit(df, POWER))
    deviation = float(studentised(value, error).max(initial=0.0))
    if len(value) == 1:
        return Difference(
            value, error, df, float(2 * stdtr(df, -deviation)), float(stdtrit(df, (1 + AGREEMENT) / 2)), sees
        )
    largest = _largest_deviations(reference, candidate, error, df, seed)
    p = (1 + np.count_nonzero(largest >= deviation)) / (1 + len(largest))
    sees = float(np.quantile(largest, 1 - LEVEL) + stdtrit(df, POWER))
    return Difference(value, error, df, float(p), float(np.quantile(largest, AGREEMENT)), sees)


def studentised(value: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return absolute values in units of their standard errors; 0 where both are 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(np.abs(value) / error, nan=0.0, posinf=np.inf)


def _largest_deviations(
    reference: Estimate, candidate: Estimate, error: np.ndarray, df: float, seed: int
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = reference.noise(rng, _DRAWS) + candidate.noise(rng, _DRAWS)
    return studentised(noise, error).max(axis=1) * np.sqrt(df / rng.chisquare(df, _DRAWS))


def holm(probabilities: Sequence[float]) -> list[float]:
    """Adjust the p-values of several tests so that a false alarm in any of them has the stated probability.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(probabilities, kind="stable")
    n = len(order)
    adjusted = [0.0] * n
    largest = 0.0
    for position, index in enumerate(order):
        largest = max(largest, min(1.0, (n - position) * probabilities[index]))
        adjusted[index] = round(largest, 12)
    return adjusted
