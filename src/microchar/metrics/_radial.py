"""Pairs at every lag vector, and their sums over shells of equal distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from microchar.core.grid import Grid, Triple
from microchar.core.scratch import scratch_array
from microchar.kernels.bits import count_at_lags, pack
from microchar.kernels.spectra import LOW_BITS, fold, overlay, power
from microchar.measurement.blocks import thread_pool

#: Approximate number of voxels transformed at a time: 2 MB, about one core's share of the cache.
_CHUNK = 2**19
#: Approximate number of voxels that a thread compares at a time.
_SLAB = 2**22
#: Up to this number of lag vectors, voxels are compared one lag vector after the other.
_FEW_LAGS = 2**13
#: Bytes of the waves that are transformed together; more in volumes that have the most classes of waves.
_PART = 10**8
#: Most classes of waves; as many bits are looked up in two tables.
_MOST_CLASSES = 2 * LOW_BITS - 1
#: Waves longer than this many voxels are correlated in double precision.
_LONG_WAVES = 8
#: Columns that are transformed at a time: up to a megabyte.
_COLUMNS = 32
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
    """Round the autocorrelation, computed with the Wiener-Khinchin theorem mostly in single precision.

    What is transformed is the deviation from the mean, whose autocorrelation is small at
    most lags, so that rounding errors are small, too. What that leaves out follows exactly
    from the ends of the pairs and the number of places. If the numbers before rounding are not
    close to integers, double precision is used.
    """
    n_set = ends[reach[0], 0, reach[2]] / 2
    mean = n_set / np.prod(voxels.shape, dtype=np.int64)
    pairs = left_out = mean * ends - mean**2 * places(voxels.shape, reach, voxels.periodic)
    if mean in (0, 1):  # all voxels are equal
        return np.rint(pairs)
    for kind in (np.complex64, np.complex128):
        numbers = _autocorrelation(voxels, reach, mean, np.dtype(kind), threads) + left_out
        pairs = np.rint(numbers)
        if abs(numbers - pairs).max() < _CLOSE:
            break
    return pairs


def _autocorrelation(voxels: SetVoxels, reach: Triple, mean: float, kind: np.dtype, threads: int) -> np.ndarray:
    """Return the autocorrelation of the deviation from the mean, which is zero outside of the volume."""
    from scipy import fft

    # Padding by the reach is enough: pairs that wrap around contribute only to lags beyond the reach.
    padded = [
        n if axis in voxels.periodic else fft.next_fast_len(n + reach[axis], True)
        for axis, n in enumerate(voxels.shape)
    ]
    classes = _classes(voxels, padded[2], kind.itemsize)
    if classes > 1 and 2 not in voxels.periodic:
        padded[2] = classes * fft.next_fast_len(-(-padded[2] // classes))
    lines: _WholeLines | _FoldedLines
    if classes == 1:
        lines = _WholeLines(voxels, mean, padded[2])
    else:
        lines = _FoldedLines(voxels, mean, padded[2], classes, threads)
    correlated = np.empty((padded[2] // 2 + 1, 2 * reach[0] + 1, reach[1] + 1), np.complex128)
    _correlate(lines, voxels, padded, kind, correlated, threads)
    numbers = fft.irfft(correlated, padded[2], axis=0, workers=threads, overwrite_x=True)[_lags(reach)[2] % padded[2]]
    return np.ascontiguousarray(np.moveaxis(numbers, 0, 2))


def _classes(voxels: SetVoxels, padded: int, itemsize: int) -> int:
    """Return the odd number of classes of waves along axis 2 of which one at a time fits into memory."""
    together = padded * voxels.shape[0] * voxels.shape[1] * itemsize
    if together // 2 <= _PART:
        return 1
    possible = [n for n in range(3, _MOST_CLASSES + 1, 2) if 2 not in voxels.periodic or padded % n == 0]
    return next((n for n in possible if together <= n * _PART), possible[-1] if possible else 1)


def _correlate(
    lines: _WholeLines | _FoldedLines,
    voxels: SetVoxels,
    padded: list[int],
    kind: np.dtype,
    correlated: np.ndarray,
    threads: int,
) -> None:
    """Set the autocorrelation at the lags along axes 0 and 1, transformed along axis 2, which comes first.

    To save memory, waves of one class after the other are transformed, and
    the volume is padded along axes 0 and 1 for one wave at a time.
    """
    kept = scratch_array((len(lines.numbers(lines.classes // 2)), *voxels.shape[:2]), kind)
    # Long waves are strong: their rounding errors in single precision are not small beside one pair.
    long = padded[2] // _LONG_WAVES

    def transform(chunk: tuple[int, int], first: int) -> None:
        waves = lines.waves(chunk, first).astype(kind)
        kept[: waves.shape[2], slice(*chunk)] = np.ascontiguousarray(np.moveaxis(waves, 2, 0))  # twice as fast

    def correlate(place: int, number: int) -> None:
        conjugate = padded[2] - number
        plane = kept[place] if min(number, conjugate) > long else kept[place].astype(np.complex128)
        plane = _correlated_plane(plane, padded, correlated.shape[1] // 2, correlated.shape[2] - 1)
        # The voxels are real: the waves `number` and `padded - number` are conjugate.
        correlated[min(number, conjugate)] = plane if number <= conjugate else plane.conj()

    with thread_pool(threads) as pool:
        for first in range(lines.classes // 2 + 1):
            list(pool.map(transform, voxels.chunks(_CHUNK), repeat(first)))
            numbers = lines.numbers(first)
            list(pool.map(correlate, range(len(numbers)), numbers))


def _correlated_plane(plane: np.ndarray, padded: list[int], reach_0: int, reach_1: int) -> np.ndarray:
    """Return the autocorrelation of one wave along axes 0 and 1, at lags from -reach_0 and from 0.

    Columns are transformed there and back some at a time, while they are in the cache. The way back is
    in double precision: numbers at short lags are large, and single precision cannot hold them.
    """
    from scipy import fft

    rows = fft.fft(plane, padded[1], axis=1)
    ahead = np.empty((reach_0 + 1, padded[1]), np.complex128)
    for start in range(0, padded[1], _COLUMNS):
        columns = np.ascontiguousarray(rows[:, start : start + _COLUMNS].T)
        columns = fft.fft(columns, padded[0], axis=1, overwrite_x=True)
        squares = np.empty(columns.shape)
        power(columns.reshape(-1), squares.reshape(-1))
        ahead[:, start : start + _COLUMNS] = fft.fft(squares, axis=1)[:, : reach_0 + 1].T
    # At lag 0 it is known, which takes out what the rounding errors of the way there have in common.
    energy = np.square(plane.view(plane.real.dtype)).sum(dtype=np.float64)
    # Real squares have conjugate autocorrelations at opposite lags, and `fft` is the conjugate of the way back.
    ahead = fft.fft(ahead, axis=1, overwrite_x=True)
    ahead *= energy / ahead[0, 0].real if energy else 0.0
    result = np.empty((2 * reach_0 + 1, reach_1 + 1), np.complex128)
    result[reach_0:] = ahead[:, : reach_1 + 1].conj()
    result[reach_0::-1] = ahead[:, -np.arange(reach_1 + 1)]
    return result


class _WholeLines:
    """Lines along axis 2, transformed to all their waves at once: one class."""

    classes = 1

    def __init__(self, voxels: SetVoxels, mean: float, padded: int):
        self._voxels, self._mean, self._padded = voxels, mean, padded

    def numbers(self, first: int) -> range:
        """Return the numbers of the waves of a class, without those that are conjugate to others."""
        del first
        return range(self._padded // 2 + 1)

    def waves(self, chunk: tuple[int, int], first: int) -> np.ndarray:
        """Return the waves of some planes: complex128, (planes, lines, waves)."""
        from scipy import fft

        del first
        return np.asarray(fft.rfft(self._voxels.planes(*chunk) - self._mean, self._padded, axis=2))


class _FoldedLines:
    """Lines along axis 2, transformed to their waves ``first + m * classes`` only: a class of waves.

    They are the waves `m` of a shorter line, which is the sum of the pieces of the line, each times
    its phase. Which pieces are set at a place of the shorter line is kept as the bits of a number, and the
    sum is looked up in a table.
    """

    def __init__(self, voxels: SetVoxels, mean: float, padded: int, classes: int, threads: int):
        self._mean, self._padded, self._voxels_per_line = mean, padded, voxels.shape[2]
        self.classes, self._length = classes, padded // classes
        self._bits = scratch_array((*voxels.shape[:2], self._length), np.uint32)

        def keep(chunk: tuple[int, int]) -> None:
            selected = voxels.planes(*chunk)
            overlay(selected.reshape(-1, selected.shape[2]), self._bits[slice(*chunk)].reshape(-1, self._length))

        with thread_pool(threads) as pool:
            list(pool.map(keep, voxels.chunks(_CHUNK)))

    def numbers(self, first: int) -> range:
        """Return the numbers of the waves of a class, without those of class 0 that are conjugate to others of it."""
        return range(first, self._padded if first else self._padded // 2 + 1, self.classes)

    def waves(self, chunk: tuple[int, int], first: int) -> np.ndarray:
        """Return the waves of some planes in a class: complex128, (planes, lines, waves)."""
        from scipy import fft

        turn = -2j * np.pi * first
        phases = np.exp(turn * np.arange(self.classes) / self.classes)
        twiddles = np.exp(turn * np.arange(self._length) / self._padded)
        inside = np.arange(self.classes * self._length).reshape(self.classes, self._length) < self._voxels_per_line
        bits = self._bits[slice(*chunk)]
        folded = np.empty(bits.shape, np.complex128)
        fold(
            bits.reshape(-1, self._length),
            _sums_of_subsets(phases[:LOW_BITS]),
            _sums_of_subsets(phases[LOW_BITS:]),
            -self._mean * (phases @ inside),
            twiddles,
            folded.reshape(-1, self._length),
        )
        return np.asarray(fft.fft(folded, axis=2, overwrite_x=True)[:, :, : len(self.numbers(first))])


def _sums_of_subsets(numbers: np.ndarray) -> np.ndarray:
    """Return the sum of the numbers whose bits are set in the index, for each index."""
    sums = np.zeros(1, numbers.dtype)
    for number in numbers:
        sums = np.concatenate([sums, sums + number])
    return sums
