"""Numerics of level-cut Gaussian fields: two points above a cut, valid spectra, fields by FFT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microchar.core.grid import Triple
from microchar.core.progress import Progress
from microchar.measurement.blocks import available_cores

#: Points of the table that relates a field's covariance to the probability that two points lie above the cut.
_TABLE = 4097
#: Steps of the accelerated projected gradient that fits a spectrum; more of them change a covariance by less than 0.01.
_STEPS = 32
#: Standard deviation of the taper that ends a fitted covariance, as a share of half its lattice: e^-6 at the end.
_TAPER = 1 / 3.5

#: Told the number of steps done, of all steps, and the error so far.


# --- one point and two points above the cut ----------------------------------


@dataclass(frozen=True, eq=False)
class PairTable:
    """P(both above the cut) at equidistant angles θ = arcsin ρ, in which it is smooth, -1 and 1 included."""

    angle: np.ndarray
    both: np.ndarray

    @classmethod
    def of(cls, fraction: float) -> PairTable:
        """Make the table of a cut that leaves a share `fraction` above it."""
        cut = level(fraction)
        angle = np.linspace(-np.pi / 2, np.pi / 2, _TABLE)
        # Three Gauss points per interval: exact to rounding for a function as smooth as this one.
        points, weights = np.polynomial.legendre.leggauss(3)
        half = (angle[1] - angle[0]) / 2
        theta = angle[:-1, np.newaxis] + half * (1 + points)
        integral = np.exp(-(cut**2) / (1 + np.sin(theta))) @ weights * half / (2 * np.pi)
        both = max(0.0, 2 * fraction - 1) + np.concatenate([[0.0], np.cumsum(integral)])
        return cls(angle, both)

    def probability(self, rho: np.ndarray) -> np.ndarray:
        """Return P(both above) for covariances."""
        return np.interp(np.arcsin(np.clip(rho, -1, 1)), self.angle, self.both)

    def covariance(self, both: np.ndarray) -> np.ndarray:
        """Return the covariances that give P(both above), or the nearest that any gives."""
        return np.sin(np.interp(both, self.both, self.angle))


def level(fraction: float) -> float:
    """Return the level above which a standard normal variable lies with that probability."""
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
        :math:`\max(0, 2\phi - 1)` at -1; interpolated in a table, to about 1e-8.

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
    r"""Covariance that a Gaussian field must have for its cut to show a value of :math:`S_2`.

    The inverse of `pair_probability`; values of :math:`S_2` beyond what any
    covariance can give are taken as the nearest that one can.

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


# --- lattices of lags --------------------------------------------------------


def steps(r: int) -> np.ndarray:
    """Lags 0..r, -r..-1, which are also their places on a periodic lattice."""
    return np.r_[0 : r + 1, -r:0]


def along(axis: int, values: np.ndarray) -> np.ndarray:
    """Shape a 1D array so that it runs along one of three axes."""
    return values.astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])


def scaled_square(lattice: Triple, lengths: Sequence[float]) -> np.ndarray:
    """Return the sum over axes of (lag / length)², the short way round the lattice."""
    total = np.zeros(lattice, np.float32)
    for axis, n in enumerate(lattice):
        lag = np.arange(n)
        total += along(axis, (np.minimum(lag, n - lag) / lengths[axis]) ** 2)
    return total


def fold(covariance: np.ndarray, lattice: Triple) -> np.ndarray:
    """Lay a covariance, zero beyond its own lattice, on a periodic one, where its images add up; c(0) = 1.

    That is the covariance of the endless field made periodic: valid if the first
    is. An axis of length one is a cut through the field, not a period of it.
    """
    for axis, n in enumerate(lattice):
        source = np.moveaxis(covariance, axis, 0)
        folded = np.zeros((n, *source.shape[1:]), np.float32)
        if n == 1:
            folded[0] = source[0]
        else:
            for lag, plane in zip(_signed(len(source)), source, strict=True):
                folded[lag % n] += plane
        covariance = np.moveaxis(folded, 0, axis)
    return np.ascontiguousarray(covariance / covariance[0, 0, 0])


def _signed(n: int) -> np.ndarray:
    """Lags of the places on a lattice of n, the short way round."""
    lag = np.arange(n)
    return np.where(lag > (n - 1) // 2, lag - n, lag)


# --- spectra -----------------------------------------------------------------


def fit_covariance(
    rho: np.ndarray, lags: Triple, lattice: Triple, widths: Sequence[float], progress: Progress
) -> tuple[np.ndarray, float]:
    r"""Return a valid covariance that is near to a measured one and ends within a lattice.

    The result is :math:`c(h)\,t(h)`: `c` has a non-negative spectrum on the
    lattice and :math:`c(0) = 1`, `t` is a Gaussian taper; the product of two valid
    covariances is one, on this lattice and on every larger one. Minimised is
    :math:`\sum_h w(h)\,[c(h)t(h) - \rho(h)]^2` by accelerated projected gradient
    steps. The weight `w` is a Gaussian of standard deviation `widths`, zero where
    nothing was measured.

    Parameters
    ----------
    rho : ndarray
        Measured, at the lags 0..r, -r..-1 of each axis.
    lags, lattice : triple of int
        The r of each axis, less than half of the lattice, and the lattice.
    widths : sequence of three float
        Lags beyond which the covariance stays within ±1/e.
    progress : Progress
        Called after each step.

    Returns
    -------
    ndarray of float32, float
        The covariance on the lattice and the weighted root-mean-square error.
    """
    from scipy import fft

    workers = available_cores()
    target, weights, taper = _weighted_target(rho, lags, lattice, widths)
    modes = _modes(lattice)
    total = float(np.prod([np.exp(-0.5 * (steps(r) / w) ** 2).sum() for r, w in zip(lags, widths, strict=True)]))
    fitted = ahead = np.zeros(lattice, np.float32)
    momentum, error = 1.0, 1.0
    for done in range(1, _STEPS + 1):
        step = (target - ahead) * weights + ahead
        spectrum = _project(fft.rfftn(step, workers=workers).real, modes, target.size)
        before, fitted = fitted, fft.irfftn(spectrum, lattice, workers=workers)
        momentum, last = (1 + np.sqrt(1 + 4 * momentum**2)) / 2, momentum
        ahead = fitted + np.float32((last - 1) / momentum) * (fitted - before)
        error = float(np.sqrt(np.einsum("ijk,ijk,ijk", fitted - target, fitted - target, weights) / total))
        progress(done / _STEPS, f"covariance error {error:.4f}")
    return fitted * taper, error


def _weighted_target(
    rho: np.ndarray, lags: Triple, lattice: Triple, widths: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put the problem for c·t into one for c: target ρ/t, weights w·t²."""
    target = np.zeros(lattice, np.float32)
    target[np.ix_(*(steps(r) for r in lags))] = rho
    weights, taper = np.ones(lattice, np.float32), np.ones(lattice, np.float32)
    for axis, (n, r, width) in enumerate(zip(lattice, lags, widths, strict=True)):
        lag = _signed(n).astype(float)
        end = np.exp(-0.5 * (lag / (_TAPER * n / 2)) ** 2)
        end[2 * np.abs(lag) == n] = 0  # it would stand on one side only
        taper *= along(axis, end)
        weights *= along(axis, np.exp(-0.5 * (lag / width) ** 2) * end**2 * (np.abs(lag) <= r))
    # Where the taper has all but ended, the quotient is beyond what a covariance can be; the weight there is nothing.
    np.divide(target, taper, out=target, where=taper > 0)
    return np.clip(target, -1, 1), weights, taper


def nearest_spectrum(rho: np.ndarray) -> np.ndarray:
    """Return the non-negative spectrum of unit variance whose covariance is nearest to `rho`, in least squares."""
    from scipy import fft

    return _project(fft.rfftn(rho, workers=available_cores()).real, _modes(rho.shape), rho.size)


def _modes(shape: Sequence[int]) -> np.ndarray:
    """How often each column of a half spectrum stands in the full one."""
    n = shape[-1]
    modes = np.full(n // 2 + 1, 2.0, np.float32)
    modes[0] = 1
    if n % 2 == 0:
        modes[-1] = 1
    return modes


def _project(spectrum: np.ndarray, modes: np.ndarray, total: int) -> np.ndarray:
    """Return the nearest non-negative spectrum that adds up to `total` (unit variance): max(spectrum - level, 0).

    The level is found by Newton's method, which on this piecewise linear sum is
    a fixed set after a few steps (Michelot 1986, J. Optim. Theory Appl. 50, 195).
    """
    at, count = 0.0, -1.0
    while True:
        active = spectrum > at
        column = active.sum(axis=(0, 1), dtype=np.float64)
        kept = float(column @ modes)
        if kept == count:
            break
        sums = np.where(active, spectrum, 0).sum(axis=(0, 1), dtype=np.float64)
        at, count = (float(sums @ modes) - total) / kept, kept
    return np.maximum(spectrum - np.float32(at), 0)


# --- fields ------------------------------------------------------------------


def draw_field(spectrum: np.ndarray, lattice: Triple, rng: np.random.Generator) -> np.ndarray:
    """Return a Gaussian field of that spectrum: white noise times the spectrum's square root."""
    from scipy import fft

    workers = available_cores()
    modes = fft.rfftn(rng.standard_normal(lattice, dtype=np.float32), workers=workers)
    modes *= np.sqrt(spectrum)
    return fft.irfftn(modes, lattice, workers=workers)


def cut_level(values: np.ndarray, fraction: float, exact: bool) -> float:
    """Return the level at or above which a share of the values lies: of these values if exact, else of all fields'."""
    if not exact:
        return level(fraction)
    kept = round(fraction * values.size)
    if kept < 1:
        return np.inf
    return float(np.partition(values.ravel(), values.size - kept)[values.size - kept])
