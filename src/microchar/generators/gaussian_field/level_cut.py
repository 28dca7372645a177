"""Cuts of a standard normal field: levels, and the probability that two points lie above one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Points of the table that relates the covariance of a field to the probability that two points lie above the cut.
_TABLE = 4097


@dataclass(frozen=True, eq=False)
class PairTable:
    """P(both above the cut) at equidistant angles θ = arcsin ρ, of which it is a smooth function, ends included."""

    angle: np.ndarray
    both: np.ndarray

    @classmethod
    def of(cls, fraction: float) -> PairTable:
        """Make the table of the cut above which a given volume fraction lies."""
        cut = level(fraction)
        angle = np.linspace(-np.pi / 2, np.pi / 2, _TABLE)
        # Three Gauss points per interval are exact to rounding error for a function this smooth.
        points, weights = np.polynomial.legendre.leggauss(3)
        half = (angle[1] - angle[0]) / 2
        theta = angle[:-1, np.newaxis] + half * (1 + points)
        integral = np.exp(-(cut**2) / (1 + np.sin(theta))) @ weights * half / (2 * np.pi)
        both = max(0.0, 2 * fraction - 1) + np.concatenate([[0.0], np.cumsum(integral)])
        return cls(angle, both)

    def probability(self, rho: np.ndarray) -> np.ndarray:
        """Return P(both above) for given covariances."""
        return np.interp(np.arcsin(np.clip(rho, -1, 1)), self.angle, self.both)

    def covariance(self, both: np.ndarray) -> np.ndarray:
        """Return the covariances that give P(both above), or come nearest to it."""
        return np.sin(np.interp(both, self.both, self.angle))


def level(fraction: float) -> float:
    """Return the level above which a standard normal variable lies with probability `fraction`."""
    from scipy.special import ndtri

    return -float(ndtri(fraction))


def pair_probability(covariance: np.ndarray | float, volume_fraction: float) -> np.ndarray:
    r"""Probability that two points of a Gaussian field both lie above the cut.

    .. math:: P(\rho) = \phi^2 + \frac{1}{2\pi} \int_0^{\arcsin\rho}
              \exp\!\left(-\frac{\lambda^2}{1 + \sin\theta}\right) d\theta,
              \qquad \phi = P(X > \lambda)

    Parameters
    ----------
    covariance : array_like
        :math:`\rho`, between -1 and 1.
    volume_fraction : float
        :math:`\phi`, between 0 and 1.

    Returns
    -------
    ndarray of float
        :math:`P`, which is :math:`\phi` at 1, :math:`\phi^2` at 0 and
        :math:`\max(0, 2\phi - 1)` at -1; interpolated from a table, exact to about 1e-8.

    References
    ----------
    Teubner, M. (1991), Europhys. Lett. 14, 403. Berk, N. F. (1991), Phys. Rev. A
    44, 5069.

    Examples
    --------
    >>> from microchar.generators.gaussian_field import pair_probability
    >>> round(float(pair_probability(0.5, 0.5)), 6)  # 1/4 + asin(1/2) / 2π = 1/3
    0.333333
    """
    return PairTable.of(volume_fraction).probability(np.asarray(covariance, float))


def field_covariance(s2: np.ndarray | float, volume_fraction: float) -> np.ndarray:
    r"""Covariance of a Gaussian field whose cut has a given :math:`S_2`.

    The inverse of `pair_probability`. Values of :math:`S_2` that no covariance
    gives are replaced by the nearest possible ones.

    Parameters
    ----------
    s2 : array_like
        Probability that both points lie in the phase.
    volume_fraction : float
        :math:`\phi`, between 0 and 1.

    Returns
    -------
    ndarray of float
        :math:`\rho`, between -1 and 1.

    References
    ----------
    Quiblier, J. A. (1984), J. Colloid Interface Sci. 98, 84.

    Examples
    --------
    >>> from microchar.generators.gaussian_field import field_covariance
    >>> round(float(field_covariance(1 / 3, 0.5)), 6)
    0.5
    """
    return PairTable.of(volume_fraction).covariance(np.asarray(s2, float))


def cut_level(values: np.ndarray, fraction: float, exact: bool) -> float:
    """Return the level at or above which a fraction of the values lies: of these values if `exact`, else on average."""
    if not exact:
        return level(fraction)
    kept = round(fraction * values.size)
    if kept < 1:
        return np.inf
    return float(np.partition(values.ravel(), values.size - kept)[values.size - kept])
