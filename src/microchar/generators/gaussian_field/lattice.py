"""Lags and covariances on periodic lattices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microchar.core.grid import Triple


def steps(r: int) -> np.ndarray:
    """Return the lags 0..r, -r..-1, which are also their indices on a periodic lattice."""
    return np.r_[0 : r + 1, -r:0]


def along(axis: int, values: np.ndarray) -> np.ndarray:
    """Reshape a 1D array to run along one of three axes."""
    return values.astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])


def scaled_square(lattice: Triple, lengths: Sequence[float]) -> np.ndarray:
    """Return the sum over axes of (lag / length)², with lags taken the short way round the lattice."""
    total = np.zeros(lattice, np.float32)
    for axis, n in enumerate(lattice):
        lag = np.arange(n)
        total += along(axis, (np.minimum(lag, n - lag) / lengths[axis]) ** 2)
    return total


def fold(covariance: np.ndarray, lattice: Triple) -> np.ndarray:
    """Transfer a covariance to another periodic lattice and scale it to c(0) = 1.

    The covariance is zero beyond its own lattice; its periodic images add up. The
    result is the covariance of the infinite field made periodic, and valid if the
    original is. An axis of length one is a section of the field, not a period.
    """
    for axis, n in enumerate(lattice):
        source = np.moveaxis(covariance, axis, 0)
        folded = np.zeros((n, *source.shape[1:]), np.float32)
        if n == 1:
            folded[0] = source[0]
        else:
            for lag, plane in zip(signed_lags(len(source)), source, strict=True):
                folded[lag % n] += plane
        covariance = np.moveaxis(folded, 0, axis)
    return np.ascontiguousarray(covariance / covariance[0, 0, 0])


def signed_lags(n: int) -> np.ndarray:
    """Return the lag of each index on a periodic lattice of n points, taken the short way round."""
    lag = np.arange(n)
    return np.where(lag > (n - 1) // 2, lag - n, lag)
