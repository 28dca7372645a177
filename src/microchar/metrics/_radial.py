"""Pairs at every lag vector by FFT, and their sums over shells of equal distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from microchar.core.grid import Grid, Triple

#: About how many complex numbers are transformed at a time: 8 MB, about what a core's share of the cache holds.
_CHUNK = 2**20


@dataclass(frozen=True, eq=False)
class Shells:
    """Lag vectors binned by length.

    Lag vectors come in opposite pairs of equal counts, so that half of them do:
    from ``-reach[0]`` to ``reach[0]``, 0 to ``reach[1]`` and ``-reach[2]`` to
    ``reach[2]`` along axes 0, 1, 2.

    Parameters
    ----------
    reach : tuple of int
        Largest lag per axis, in voxels, of a lag vector that is in a shell.
    shell : int32, (2 reach[0] + 1, reach[1] + 1, 2 reach[2] + 1)
        Shell of each lag vector; one more than the last shell for those too long.
    lengths : float64, (shells,)
        Mean length of the lag vectors of each shell; the first one is lag 0 alone.
    """

    reach: Triple
    shell: np.ndarray
    lengths: np.ndarray

    def total(self, per_lag: np.ndarray) -> np.ndarray:
        """Sum a count of each lag vector over the lag vectors of each shell."""
        return np.rint(_sum_by_shell(self.shell, per_lag, len(self.lengths))).astype(np.int64)


def make_shells(grid: Grid, reach: Triple) -> Shells:
    """Bin the lag vectors that are no longer than the shortest range of any axis.

    Shells are as wide as the smallest voxel size `w`: shell `k` holds the
    lengths from ``(k - 1/2) w`` up to, not including, ``(k + 1/2) w``.
    """
    sizes = grid.voxel_size
    longest = min(reach[axis] * sizes[axis] for axis in grid.axes)
    width = min(sizes[axis] for axis in grid.axes)
    # Lengths are rounded to 1e-9 widths, so that equal lengths are binned alike whatever the unit.
    limit = round(longest / width, 9)
    own = [int(limit * width / sizes[axis] + 1e-9) if axis in grid.axes else 0 for axis in range(3)]
    lags = [np.arange(-own[0], own[0] + 1), np.arange(own[1] + 1), np.arange(-own[2], own[2] + 1)]
    squares = [(lag * (size / width)) ** 2 for lag, size in zip(lags, sizes, strict=True)]
    length = np.round(np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2]), 9)
    n_shells = int(limit + 0.5) + 1
    shell = np.where(length <= limit, (length + 0.5).astype(np.int32), np.int32(n_shells))
    number = _sum_by_shell(shell, np.ones_like(length), n_shells)
    lengths = width * _sum_by_shell(shell, length, n_shells) / number
    return Shells((own[0], own[1], own[2]), shell, lengths)


def _sum_by_shell(shell: np.ndarray, per_lag: np.ndarray, n_shells: int) -> np.ndarray:
    # The plane of lag 0 along axis 1 holds both of each opposite pair, the others one of them.
    both = np.bincount(shell[:, 1:].ravel(), per_lag[:, 1:].ravel(), n_shells + 1)
    own = np.bincount(shell[:, 0].ravel(), per_lag[:, 0].ravel(), n_shells + 1)
    return (2.0 * both + own)[:n_shells]


def places(shape: Triple, reach: Triple, periodic: tuple[int, ...]) -> np.ndarray:
    """Count the voxels of a box that have one at each lag vector (laid out as in `Shells`)."""
    lags = [np.arange(-reach[0], reach[0] + 1), np.arange(reach[1] + 1), np.arange(-reach[2], reach[2] + 1)]
    open_ = [
        n - (0 if axis in periodic else 1) * abs(lag) for axis, (n, lag) in enumerate(zip(shape, lags, strict=True))
    ]
    return open_[0][:, None, None] * open_[1][:, None] * open_[2]


def pairs_at_all_lags(
    indicator: Callable[[int, int], np.ndarray], shape: Triple, reach: Triple, periodic: tuple[int, ...], threads: int
) -> np.ndarray:
    """Count the pairs of set voxels at each lag vector (laid out as in `Shells`).

    By the Wiener-Khinchin theorem in single precision, rounded to integers: exact
    for volumes of up to about a million voxels, beyond that off by less than 5e-7
    of the number of voxels (lag 0 is always exact). Only what is needed of the
    padded lattice is ever in memory: it is padded along axes 1 and 2 a few planes
    at a time.

    Parameters
    ----------
    indicator : callable
        ``indicator(first, last)`` gives these rows along axis 1, as bool.
    shape, reach : tuple of int
        Of the volume; the largest lag per axis.
    periodic : tuple of int
        Axes along which the volume repeats.
    threads : int

    Returns
    -------
    float64, (2 reach[0] + 1, reach[1] + 1, 2 reach[2] + 1)
        Whole numbers.
    """
    from scipy import fft

    # Padding by the reach is enough: what wraps around further lands on lags that are not asked for.
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
