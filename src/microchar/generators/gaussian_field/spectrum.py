"""Valid spectra of Gaussian fields, and fields drawn from them by FFT."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microchar.core.grid import Triple
from microchar.core.progress import Progress
from microchar.generators.gaussian_field.lattice import along, signed_lags, steps
from microchar.measurement.blocks import available_cores

#: Steps of the accelerated projected gradient that fits a spectrum; more change a covariance by less than 0.01.
_STEPS = 32
#: Largest number of steps that look for the level of a projection; a valid covariance needs less than ten.
_LEVELS = 100
#: Standard deviation of the taper at the end of a fitted covariance, as a share of half its lattice: e^-6 at the end.
_TAPER = 1 / 3.5


def fit_covariance(
    rho: np.ndarray, lags: Triple, lattice: Triple, widths: Sequence[float], progress: Progress
) -> tuple[np.ndarray, float]:
    r"""Return a valid covariance near a measured one that vanishes at the end of a lattice.

    The result is :math:`c(h)\,t(h)`, where `c` has a non-negative spectrum on the
    lattice and :math:`c(0) = 1`, and `t` is a Gaussian taper. The product of two
    valid covariances is valid, on this lattice and on every larger one. Accelerated
    projected gradient steps minimise :math:`\sum_h w(h)\,[c(h)t(h) - \rho(h)]^2`. The
    weight `w` is a Gaussian of standard deviation `widths`, and zero at lags that
    were not measured.

    Parameters
    ----------
    rho : ndarray
        The measured covariance at the lags 0..r, -r..-1 of each axis.
    lags, lattice : triple of int
        The r of each axis, less than half of the lattice, and the shape of the lattice.
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
    """Reformulate the problem for c·t as one for c: target ρ/t, weights w·t²."""
    target = np.zeros(lattice, np.float32)
    target[np.ix_(*(steps(r) for r in lags))] = rho
    weights, taper = np.ones(lattice, np.float32), np.ones(lattice, np.float32)
    for axis, (n, r, width) in enumerate(zip(lattice, lags, widths, strict=True)):
        lag = signed_lags(n).astype(float)
        end = np.exp(-0.5 * (lag / (_TAPER * n / 2)) ** 2)
        end[2 * np.abs(lag) == n] = 0  # this lag has no opposite on the lattice
        taper *= along(axis, end)
        weights *= along(axis, np.exp(-0.5 * (lag / width) ** 2) * end**2 * (np.abs(lag) <= r))
    # Where the taper is almost zero, the quotient exceeds any covariance, but its weight is negligible.
    np.divide(target, taper, out=target, where=taper > 0)
    return np.clip(target, -1, 1), weights, taper


def nearest_spectrum(rho: np.ndarray) -> np.ndarray:
    """Return the non-negative spectrum of unit variance whose covariance is nearest to `rho` in least squares."""
    from scipy import fft

    return _project(fft.rfftn(rho, workers=available_cores()).real, _modes(rho.shape), rho.size)


def _modes(shape: Sequence[int]) -> np.ndarray:
    """Return how often each column of a half spectrum occurs in the full one."""
    n = shape[-1]
    modes = np.full(n // 2 + 1, 2.0, np.float32)
    modes[0] = 1
    if n % 2 == 0:
        modes[-1] = 1
    return modes


def _project(spectrum: np.ndarray, modes: np.ndarray, total: int) -> np.ndarray:
    """Return the nearest non-negative spectrum whose sum is `total` (unit variance): max(spectrum - level, 0).

    Newton's method finds the level. Since the sum is piecewise linear, the set of
    positive values is final after a few steps (Michelot 1986, J. Optim. Theory Appl. 50, 195).
    """
    at, count = 0.0, -1.0
    for _ in range(_LEVELS):
        active = spectrum > at
        column = active.sum(axis=(0, 1), dtype=np.float64)
        kept = float(column @ modes)
        if kept == count or not kept:
            break
        sums = np.where(active, spectrum, 0).sum(axis=(0, 1), dtype=np.float64)
        at, count = (float(sums @ modes) - total) / kept, kept
    return np.maximum(spectrum - np.float32(at), 0)


def draw_field(spectrum: np.ndarray, lattice: Triple, rng: np.random.Generator) -> np.ndarray:
    """Draw a Gaussian field of a given spectrum by filtering white noise with the square root of the spectrum."""
    from scipy import fft

    workers = available_cores()
    modes = fft.rfftn(rng.standard_normal(lattice, dtype=np.float32), workers=workers)
    modes *= np.sqrt(spectrum)
    return fft.irfftn(modes, lattice, workers=workers)
