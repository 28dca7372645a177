"""Pairs at every lag vector, and their sums over shells of equal distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np

from microchar.core.grid import Grid, Triple
from microchar.core.scratch import IN_MEMORY, scratch_array
from microchar.kernels.bits import count_at_lags, pack
from microchar.kernels.spectra import fold, power
from microchar.measurement.blocks import thread_pool

#: Approximate number of voxels transformed at a time: 2 MB, about one core's share of the cache.
_CHUNK = 2**19
#: Approximate number of voxels that a thread compares at a time.
_SLAB = 2**22
#: Up to this number of lag vectors, voxels are compared one lag vector after the other.
_FEW_LAGS = 2**13
#: Most classes of waves: the cost of folding grows with their number.
_MOST_CLASSES = 31
#: Numbers that are rounded lie within this distance of integers, or the precision does not suffice.
_CLOSE = 0.25


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
    shell : int32, (reach[0] + 1, reach[1] + 1, reach[2] + 1)
        Index of the shell of each lag vector without negative components; those that
        differ in signs only are equally long. Lag vectors that are too long have the
        index ``len(lengths)``.
    lengths : float64, (shells,)
        Mean length of the lag vectors of each shell. Shell 0 contains only lag 0.
    """

    reach: Triple
    shell: np.ndarray
    lengths: np.ndarray

    def total(self, per_lag: np.ndarray) -> np.ndarray:
        """Sum counts per lag vector over the lag vectors of each shell."""
        folded = np.array(per_lag[self.reach[0] :, :, self.reach[2] :])
        folded[1:] += per_lag[: self.reach[0], :, self.reach[2] :][::-1]
        folded[:, :, 1:] += per_lag[self.reach[0] :, :, : self.reach[2]][:, :, ::-1]
        folded[1:, :, 1:] += per_lag[: self.reach[0], :, : self.reach[2]][::-1, :, ::-1]
        # The plane of lag 0 along axis 1 contains both vectors of each opposite pair, the other planes one of them.
        folded[:, 1:] *= 2
        return np.rint(_sum_by_shell(self.shell, folded, len(self.lengths))).astype(np.int64)


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
    squares = [(np.arange(n + 1) * (size / width)) ** 2 for n, size in zip(largest, sizes, strict=True)]
    length = np.round(np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2]), 9)
    n_shells = int(limit + 0.5) + 1
    shell = np.where(length <= limit, (length + 0.5).astype(np.int32), np.int32(n_shells))
    # How many lag vectors differ in signs only.
    signs = [np.minimum(np.arange(n + 1), 1) + 1.0 for n in largest]
    number = signs[0][:, None, None] * signs[1][:, None] * signs[2]
    lengths = width * _sum_by_shell(shell, length * number, n_shells) / _sum_by_shell(shell, number, n_shells)
    return Shells((largest[0], largest[1], largest[2]), shell, lengths)


def _sum_by_shell(shell: np.ndarray, numbers: np.ndarray, n_shells: int) -> np.ndarray:
    return np.bincount(shell.ravel(), numbers.ravel(), n_shells + 1)[:n_shells]


def _lags(reach: Triple) -> list[np.ndarray]:
    """Return the components of the lag vectors along each axis, in the layout of `Shells`."""
    return [np.arange(-reach[0], reach[0] + 1), np.arange(reach[1] + 1), np.arange(-reach[2], reach[2] + 1)]


def places(shape: Triple, reach: Triple, periodic: tuple[int, ...]) -> np.ndarray:
    """Count all pairs of voxels of a box at each lag vector, in the layout of `Shells`."""
    open_ = [
        n - (0 if axis in periodic else 1) * abs(lag)
        for axis, (n, lag) in enumerate(zip(shape, _lags(reach), strict=True))
    ]
    return open_[0][:, None, None] * open_[1][:, None] * open_[2]


@dataclass(frozen=True, eq=False)
class SetVoxels:
    """The voxels of a volume that are in a set, such as a phase; what they are is read plane by plane.

    Parameters
    ----------
    planes : callable
        ``planes(first, last)`` returns the planes from `first` up to `last` along axis 0 as bool;
        if axis 0 is periodic, they may lie beyond the volume.
    shape : tuple of int
        Shape of the volume.
    periodic : tuple of int
        Axes along which the volume repeats.
    """

    planes: Callable[[int, int], np.ndarray]
    shape: Triple
    periodic: tuple[int, ...]

    def chunks(self, voxels: int) -> list[tuple[int, int]]:
        """Return where runs of planes of about that many voxels begin and end."""
        step = max(1, voxels // (self.shape[1] * self.shape[2]))
        return [(first, min(first + step, self.shape[0])) for first in range(0, self.shape[0], step)]


def ends_at_all_lags(voxels: SetVoxels, reach: Triple, threads: int) -> np.ndarray:
    """Count, over all pairs of voxels at each lag vector, the ends that are in the set, in the layout of `Shells`.

    The first voxels of all pairs at a lag vector fill a box at one corner of the
    volume, the second voxels one at the opposite corner. Both are sums of few numbers of the
    cumulated volume, of which only the positions within the reach of a face are kept.
    """
    left_out = [max(0, n - 2 * r - 1) for n, r in zip(voxels.shape, reach, strict=True)]
    sums = np.zeros([n + 1 - out for n, out in zip(voxels.shape, left_out, strict=True)], np.int64)

    def thin(chunk: tuple[int, int]) -> np.ndarray:
        return _thinned(_thinned(voxels.planes(*chunk), 1, reach[1]), 2, reach[2])

    chunks = voxels.chunks(_CHUNK)
    with thread_pool(threads) as pool:
        for (first, last), planes in zip(chunks, pool.map(thin, chunks), strict=True):
            place = np.arange(first, last)
            kept = np.maximum(np.minimum(place, reach[0]), place - left_out[0])
            kept, starts = np.unique(kept, return_index=True)
            sums[1 + kept, 1:, 1:] += np.add.reduceat(planes, starts, axis=0, dtype=np.int64)
    for axis in range(3):
        np.cumsum(sums, axis=axis, out=sums)
    return _in_boxes(voxels, sums, reach, 1) + _in_boxes(voxels, sums, reach, -1)


def _thinned(counts: np.ndarray, axis: int, reach: int) -> np.ndarray:
    """Add up what is farther than `reach` from both ends of an axis."""
    n = counts.shape[axis]
    if n <= 2 * reach + 1:
        return counts
    head, middle, tail = np.split(counts, [reach, n - reach], axis=axis)
    return np.concatenate([head, middle.sum(axis=axis, keepdims=True, dtype=np.int32), tail], axis=axis)


def _in_boxes(voxels: SetVoxels, sums: np.ndarray, reach: Triple, sign: int) -> np.ndarray:
    """Count the set voxels from which a step of a lag vector, times the sign, stays in the volume."""
    # Axis 1 has half as many lags as the others.
    for axis in (1, 0, 2):
        n = voxels.shape[axis]
        lag = sign * (0 if axis in voxels.periodic else 1) * _lags(reach)[axis]
        low, high = np.maximum(0, -lag), n - np.maximum(0, lag)
        left_out = n + 1 - sums.shape[axis]
        sums = sums.take(high - left_out, axis) - sums.take(low, axis)
    return sums


def pairs_at_all_lags(voxels: SetVoxels, reach: Triple, ends: np.ndarray, threads: int) -> np.ndarray:
    """Count the pairs of set voxels at each lag vector, in the layout of `Shells`.

    Parameters
    ----------
    voxels : SetVoxels
    reach : tuple of int
        Largest lag per axis.
    ends : ndarray
        From `ends_at_all_lags`.
    threads : int

    Returns
    -------
    float64, (2 reach[0] + 1, reach[1] + 1, 2 reach[2] + 1)
        Numbers of pairs; integers stored as floats.
    """
    return (_compared if ends.size <= _FEW_LAGS else _transformed)(voxels, reach, ends, threads)


def _compared(voxels: SetVoxels, reach: Triple, ends: np.ndarray, threads: int) -> np.ndarray:
    """Compare all voxels at every lag vector: for few of them this is faster than transforms, and takes less memory."""
    n0, n1, n2 = voxels.shape
    words = (n2 + reach[2] + 63) // 64 + 1
    lags = np.stack(np.meshgrid(*_lags(reach), indexing="ij"), axis=-1).reshape(-1, 3)
    lags[lags[:, 2] < 0] *= -1  # opposite lag vectors have equal counts
    ahead = (0, n0) if 0 not in voxels.periodic else (-reach[0], n0 + reach[0])

    def count(chunk: tuple[int, int]) -> np.ndarray:
        start, stop = max(chunk[0] - reach[0], ahead[0]), min(chunk[1] + reach[0], ahead[1])
        planes = voxels.planes(start, stop)
        first = second = pack(planes, words)
        if 2 in voxels.periodic:
            second = pack(np.concatenate([planes, planes[:, :, : reach[2]]], axis=2), words)
        pairs = np.zeros(len(lags), np.int64)
        count_at_lags(first, second, chunk[0] - start, chunk[1] - start, n2, 1 in voxels.periodic, lags, pairs)
        return pairs

    with thread_pool(threads) as pool:
        pairs = sum(pool.map(count, voxels.chunks(max(_SLAB, 2 * reach[0] * n1 * n2))), np.zeros(len(lags), np.int64))
    return pairs.reshape(ends.shape).astype(np.float64)


def _transformed(voxels: SetVoxels, reach: Triple, ends: np.ndarray, threads: int) -> np.ndarray:
    """Round the autocorrelation, computed with the Wiener-Khinchin theorem in single precision.

    What is transformed is the deviation from the mean, whose autocorrelation is small at
    most lags, so that rounding errors are small, too. What that leaves out follows exactly
    from the ends of the pairs and the number of places. If the numbers before rounding are not
    close to integers, double precision is used.
    """
    n_set = ends[reach[0], 0, reach[2]] / 2
    # A multiple of 1/256 makes the deviations exact in single precision.
    mean = np.rint(256 * n_set / np.prod(voxels.shape, dtype=np.int64)) / 256
    pairs = left_out = mean * ends - mean**2 * places(voxels.shape, reach, voxels.periodic)
    at_zero = n_set - left_out[reach[0], 0, reach[2]]
    if at_zero == 0:  # all voxels are equal
        return pairs
    for dtype in (np.float32, np.float64):
        numbers = _autocorrelation(voxels, reach, dtype(mean), threads)
        # Rounded factors of the transforms make all numbers too large or too small by the same share.
        numbers *= at_zero / numbers[reach[0], 0, reach[2]]
        numbers += left_out
        pairs = np.rint(numbers)
        if abs(numbers - pairs).max() < _CLOSE:
            break
    return pairs


def _autocorrelation(voxels: SetVoxels, reach: Triple, mean: np.floating, threads: int) -> np.ndarray:
    """Return the autocorrelation of the deviation from the mean, which is zero outside of the volume."""
    from scipy import fft

    # Padding by the reach is enough: pairs that wrap around contribute only to lags beyond the reach.
    padded = [
        n if axis in voxels.periodic else fft.next_fast_len(n + reach[axis], True)
        for axis, n in enumerate(voxels.shape)
    ]
    classes = _classes(voxels, padded[2], np.result_type(mean, np.complex64).itemsize)
    if classes > 1 and 2 not in voxels.periodic:
        padded[2] = classes * fft.next_fast_len(-(-padded[2] // classes))
    wanted = [lag % n for lag, n in zip(_lags(reach), padded, strict=True)]
    waves = _correlated_waves(voxels, padded, wanted[:2], classes, mean, threads)
    numbers = fft.irfft(waves, padded[2], axis=0, workers=threads, overwrite_x=True)[wanted[2]]
    return np.ascontiguousarray(np.moveaxis(numbers, 0, 2))


def _classes(voxels: SetVoxels, padded: int, itemsize: int) -> int:
    """Return the odd number of classes of waves along axis 2 of which one at a time fits into memory."""
    together = padded * voxels.shape[0] * voxels.shape[1] * itemsize
    if together // 2 <= IN_MEMORY:
        return 1
    possible = [n for n in range(3, _MOST_CLASSES + 1, 2) if 2 not in voxels.periodic or padded % n == 0]
    return next((n for n in possible if together <= n * IN_MEMORY), possible[-1] if possible else 1)


def _correlated_waves(
    voxels: SetVoxels, padded: list[int], wanted: list[np.ndarray], classes: int, mean: np.floating, threads: int
) -> np.ndarray:
    """Return the autocorrelation at some lags along axes 0 and 1, transformed along axis 2, which comes first.

    To save memory, waves of one class after the other are transformed, and
    the volume is padded along axes 0 and 1 for one wave at a time.
    """
    from scipy import fft

    correlated = np.empty((padded[2] // 2 + 1, len(wanted[0]), len(wanted[1])), np.complex128)
    waves = scratch_array(
        (len(_wave_numbers(padded[2], classes, classes // 2)), *voxels.shape[:2]), np.result_type(mean, np.complex64)
    )
    voxels = voxels if classes == 1 else _packed(voxels, threads)

    def transform(chunk: tuple[int, int], first: int) -> None:
        planes = _transformed_lines(voxels.planes(*chunk), mean, padded[2], classes, first)
        waves[: planes.shape[2], slice(*chunk)] = np.ascontiguousarray(np.moveaxis(planes, 2, 0))  # twice as fast

    def correlate(place: int, number: int) -> None:
        plane = fft.fft(waves[place], padded[1], axis=1)
        plane = fft.fft(plane, padded[0], axis=0, overwrite_x=True)
        # The way back is in double precision: numbers at short lags are large, and single precision cannot hold them.
        squares = np.empty(plane.shape)
        power(plane.reshape(-1), squares.reshape(-1))
        plane = fft.ifft(squares, axis=1)[:, wanted[1]]
        plane = fft.ifft(plane, axis=0)[wanted[0]]
        # The voxels are real: the waves `number` and `padded - number` are conjugate.
        beyond = number > padded[2] // 2
        correlated[padded[2] - number if beyond else number] = plane.conj() if beyond else plane

    with thread_pool(threads) as pool:
        for first in range(classes // 2 + 1):
            list(pool.map(transform, voxels.chunks(_CHUNK), repeat(first)))
            numbers = _wave_numbers(padded[2], classes, first)
            list(pool.map(correlate, range(len(numbers)), numbers))
    return correlated


def _wave_numbers(padded: int, classes: int, first: int) -> range:
    """Return the numbers of the waves of a class, without those of class 0 that are conjugate to others of it."""
    return range(first, padded if first else padded // 2 + 1, classes)


def _transformed_lines(selected: np.ndarray, mean: np.floating, padded: int, classes: int, first: int) -> np.ndarray:
    """Transform lines along axis 2 to the waves of a class.

    The waves ``first + m * classes`` of a line are the waves `m` of a shorter line, which is the sum of the pieces
    of the line, each times its phase.
    """
    from scipy import fft

    if classes == 1:
        return np.asarray(fft.rfft(selected - mean, padded, axis=2))
    length, kind = padded // classes, np.result_type(mean, np.complex64)
    turn = -2j * np.pi * first
    phases = np.exp(turn * np.arange(classes) / classes).astype(kind)
    twiddles = np.exp(turn * np.arange(length) / padded).astype(kind)
    folded = np.empty((*selected.shape[:2], length), kind)
    fold(selected.reshape(-1, selected.shape[2]), mean, phases, twiddles, folded.reshape(-1, length))
    lines = fft.fft(folded, axis=2, overwrite_x=True)
    return np.asarray(lines[:, :, : len(_wave_numbers(padded, classes, first))])


def _packed(voxels: SetVoxels, threads: int) -> SetVoxels:
    """Return the same voxels, kept as bits, because they are read several times."""
    n0, n1, n2 = voxels.shape
    bits = scratch_array((n0, n1, (n2 + 7) // 8), np.uint8)

    def keep(chunk: tuple[int, int]) -> None:
        bits[slice(*chunk)] = np.packbits(voxels.planes(*chunk), axis=2)

    with thread_pool(threads) as pool:
        list(pool.map(keep, voxels.chunks(_CHUNK)))
    return replace(voxels, planes=lambda first, last: np.unpackbits(bits[first:last], axis=2, count=n2).view(bool))
