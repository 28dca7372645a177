"""Pairs at every lag vector by FFT, and their sums over shells of equal distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from microchar.core.grid import Grid, Triple

#: Approximate number of complex values transformed at a time: 8 MB, about one core's share of the cache.
_CHUNK = 2**20


@dataclass(frozen=True, eq=False)
class Shells:
    """Lag vectors binned by length.

    Opposite lag vectors have equal counts, so that half of the lag vectors suffice.
    They extend from ``-reach[0]`` to ``reach[0]``, from 0 to ``reach[1]`` and from
    ``-reach[2]`` to ``reach[2]`` along axes 0, 1, 2.

    Parameters
    ----------
    reach : tuple of int
        Largest component per axis, in voxels, of the lag vectors in the shells.
    shell : int32, (2 reach[0] + 1, reach[1] + 1, 2 reach[2] + 1)
        Index of the shell of each lag vector. Lag vectors that are too long have the
        index ``len(lengths)``.
    lengths : float64, (shells,)
        Mean length of the lag vectors of each shell. Shell 0 contains only lag 0.
    """

    reach: Triple
    shell: np.ndarray
    lengths: np.ndarray

    def total(self, per_lag: np.ndarray) -> np.ndarray:
        """Sum counts per lag vector over the lag vectors of each shell."""
        return np.rint(_sum_by_shell(self.shell, per_lag, len(self.lengths))).astype(np.int64)


def make_shells(grid: Grid, reach: Triple) -> Shells:
    """Bin the lag vectors that are not longer than the shortest range of any axis.

    The width `w` of a shell is the smallest voxel size. Shell `k` holds the
    lengths from ``(k - 1/2) w`` up to, but not including, ``(k + 1/2) w``.
    """
    sizes = grid.voxel_size
    longest = min(reach[axis] * sizes[axis] for axis in grid.axes)
    width = min(sizes[axis] for axis in grid.axes)
    # Lengths are rounded to 1e-9 widths, so that the bins do not depend on the unit of length.
    limit = round(longest / width, 9)
    largest = [int(limit * width / sizes[axis] + 1e-9) if axis in grid.axes else 0 for axis in range(3)]
    lags = [np.arange(-largest[0], largest[0] + 1), np.arange(largest[1] + 1), np.arange(-largest[2], largest[2] + 1)]
    squares = [(lag * (size / width)) ** 2 for lag, size in zip(lags, sizes, strict=True)]
    length = np.round(np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2]), 9)
    n_shells = int(limit + 0.5) + 1
    shell = np.where(length <= limit, (length + 0.5).astype(np.int32), np.int32(n_shells))
    number = _sum_by_shell(shell, np.ones_like(length), n_shells)
    lengths = width * _sum_by_shell(shell, length, n_shells) / number
    return Shells((largest[0], largest[1], largest[2]), shell, lengths)


def _sum_by_shell(shell: np.ndarray, per_lag: np.ndarray, n_shells: int) -> np.ndarray:
    # The plane of lag 0 along axis 1 contains both vectors of each opposite pair, the other planes only one of them.
    half = np.bincount(shell[:, 1:].ravel(), per_lag[:, 1:].ravel(), n_shells + 1)
    plane = np.bincount(shell[:, 0].ravel(), per_lag[:, 0].ravel(), n_shells + 1)
    return (2.0 * half + plane)[:n_shells]


def places(shape: Triple, reach: Triple, periodic: tuple[int, ...]) -> np.ndarray:
    """Count all pairs of voxels of a box at each lag vector, in the layout of `Shells`."""
    lags = [np.arange(-reach[0], reach[0] + 1), np.arange(reach[1] + 1), np.arange(-reach[2], reach[2] + 1)]
    open_ = [
        n - (0 if axis in periodic else 1) * abs(lag) for axis, (n, lag) in enumerate(zip(shape, lags, strict=True))
    ]
    return open_[0][:, None, None] * open_[1][:, None] * open_[2]


def pairs_at_all_lags(
    indicator: Callable[[int, int], np.ndarray], shape: Triple, reach: Triple, periodic: tuple[int, ...], threads: int
) -> np.ndarray:
    """Count the pairs of set voxels at each lag vector, in the layout of `Shells`.

    The autocorrelation is computed with the Wiener-Khinchin theorem in single
    precision and rounded to integers. It is exact for volumes of up to about a
    million voxels; for larger volumes the error is less than 5e-7 of the number of
    voxels (lag 0 is always exact). To save memory, the lattice is padded along
    axes 1 and 2 only for a few planes at a time.

    Parameters
    ----------
    indicator : callable
        ``indicator(first, last)`` returns the rows from `first` up to `last` along
        axis 1 as bool.
    shape, reach : tuple of int
        Shape of the volume, and largest lag per axis.
    periodic : tuple of int
        Axes along which the volume repeats.
    threads : int

    Returns
    -------
    float64, (2 reach[0] + 1, reach[1] + 1, 2 reach[2] + 1)
        Numbers of pairs; integers stored as floats.
    """
    from scipy import fft

    # Padding by the reach is enough: pairs that wrap around contribute only to lags beyond the reach.
    padded = [n if axis in periodic else fft.next_fast_len(n + reach[axis], True) for axis, n in enumerate(shape)]
    half = np.empty((padded[0] // 2 + 1, shape[1], shape[2]), np.complex64)
    step = max(1, 2 * _CHUNK // (padded[0] * shape[2]))
    n_set = 0
    for first in range(0, shape[1], step):
        rows = indicator(first, min(first + step, shape[1]))
        n_set += int(np.count_nonzero(rows))
        half[:, first : first + step] = fft.rfft(rows.astype(np.float32), padded[0], axis=0, workers=threads)

    wanted = np.arange(-reach[2], reach[2] + 1) % padded[2]
    kept = np.empty((len(half), reach[1] + 1, len(wanted)), np.complex64)
    step = max(1, _CHUNK // (padded[1] * padded[2]))
    for first in range(0, len(half), step):
        planes = fft.fft(half[first : first + step], padded[2], axis=2, workers=threads)
        planes = fft.fft(planes, padded[1], axis=1, workers=threads, overwrite_x=True)
        power = planes.real**2 + planes.imag**2
        planes = fft.ifft(power, axis=1, workers=threads)[:, : reach[1] + 1]
        kept[first : first + step] = fft.ifft(planes, axis=2, workers=threads)[:, :, wanted]
    pairs = fft.irfft(kept, padded[0], axis=0, workers=threads, overwrite_x=True)
    pairs = np.rint(pairs[np.arange(-reach[0], reach[0] + 1) % padded[0]]).astype(np.float64)
    pairs[reach[0], 0, reach[2]] = n_set
    return pairs
