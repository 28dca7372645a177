"""Count pairs of set voxels at a lag, 64 at a time, by bit operations: packing, AND, population count."""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import intrinsic

from microchar.kernels.jit import DISABLED, inner, kernel

if DISABLED:

    def popcount(word):  # type: ignore[no-untyped-def]
        """Count the set bits of a uint64."""
        return np.uint64(int(word).bit_count())

else:

    @intrinsic
    def popcount(typingctx, word):  # type: ignore[no-untyped-def]
        """Count the set bits of a uint64, by the instruction of the processor."""

        def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            return builder.ctpop(arguments[0])

        return types.uint64(types.uint64), codegen


def pack(selected: np.ndarray, words: int) -> np.ndarray:
    """Pack voxels along the last axis: voxel k is bit k % 64 of word k // 64.

    Parameters
    ----------
    selected : bool, (n0, n1, n2)
    words : int
        Number of words of each row, at least n2 / 64; the bits behind the row are zero.

    Returns
    -------
    uint64, (n0, n1, words)
    """
    bits = np.zeros((*selected.shape[:2], words), "<u8")
    octets = np.packbits(selected, axis=2, bitorder="little")
    bits.view(np.uint8)[:, :, : octets.shape[2]] = octets
    return bits


@kernel
def count_pairs(first, second, start, core, axis, counts):  # type: ignore[no-untyped-def]
    """Add to ``counts[k]`` the number of pairs of set voxels at lag `k` along `axis`.

    The first voxel of a pair lies in the core; the second may lie anywhere in the
    array. Rows that follow each other in memory are compared as one row.

    Parameters
    ----------
    first : uint64, (n0, n1, words)
        Packed voxels from `pack`, of which those beyond the core along axis 2 are not set.
    second : uint64, (n0, n1, words)
        All packed voxels. The rows end with as many zeros as the largest lag along axis 2
        needs, and one more word.
    start : tuple of int
        Where the core begins along axes 0 and 1.
    core : tuple of int
        Shape of the core in voxels. Along axis 2 it begins at 0.
    axis : int
    counts : int64, (lags,)
        Number of pairs at each lag; modified.
    """
    n0, n1, words = first.shape
    used = (core[2] + 63) // 64
    here, there = first.reshape(-1), second.reshape(-1)
    for i in range(start[0], start[0] + core[0]):
        a = (i * n1 + start[1]) * words
        for lag in range(len(counts)):
            b, rows = a, core[1]
            if axis == 0:
                b += lag * n1 * words
                rows = rows if i + lag < n0 else 0
            elif axis == 1:
                b += lag * words
                rows = min(rows, n1 - start[1] - lag)
            else:
                b += lag // 64
            if rows <= 0:
                break
            n = (rows - 1) * words + used
            if axis == 2:
                counts[lag] += common_at(here[a : a + n], there[b : b + n + 1], lag % 64)
            else:
                counts[lag] += common(here[a : a + n], there[b : b + n])


@kernel
def count_at_lags(first, second, start, stop, n2, periodic1, lags, counts):  # type: ignore[no-untyped-def]
    """Add to ``counts[m]`` the number of pairs of set voxels at the lag vector ``lags[m]``.

    Parameters
    ----------
    first : uint64, (n0, n1, words)
        Packed voxels from `pack`.
    second : uint64, (n0, n1, words)
        The same; if axis 2 is periodic, the rows go on with their first voxels. They end
        with as many zeros as the largest lag along axis 2 needs, and one more word.
    start, stop : int
        Range of planes, without `stop`, that contain the first voxel of a pair. The second
        voxel may lie in any plane of the array.
    n2 : int
        Number of voxels of a row.
    periodic1 : bool
        Whether axis 1 is periodic.
    lags : int64, (vectors, 3)
        Lag vectors. Their last component is not negative.
    counts : int64, (vectors,)
        Number of pairs at each lag vector; modified.
    """
    n0, n1, words = first.shape
    used = (n2 + 63) // 64
    here, there = first.reshape(-1), second.reshape(-1)
    for i in range(start, stop):
        for m in range(len(lags)):
            plane = i + lags[m, 0]
            if plane < 0 or plane >= n0:
                continue
            ahead = lags[m, 1]
            skip, shift = lags[m, 2] // 64, lags[m, 2] % 64
            # The rows from which the step stays in the plane, then those from which it wraps around.
            for _ in range(1 + periodic1):
                row, stop = max(0, -ahead), min(n1, n1 - ahead)
                if row < stop:
                    a = (i * n1 + row) * words
                    b = (plane * n1 + row + ahead) * words + skip
                    n = (stop - row - 1) * words + used
                    counts[m] += common_at(here[a : a + n], there[b : b + n + 1], shift)
                ahead += -n1 if ahead >= 0 else n1


@inner
def common(first, second):  # type: ignore[no-untyped-def]
    """Count the bits that are set in both of two rows of words."""
    total = np.uint64(0)
    for word in range(len(first)):
        total += popcount(first[word] & second[word])
    return np.int64(total)


@inner
def common_at(first, second, shift):  # type: ignore[no-untyped-def]
    """Count the bits of a row that are set and whose bits `shift` < 64 further on in `second` are set.

    `second` has one more word than `first`.
    """
    right, left = np.uint64(shift), np.uint64(63 - shift)
    total = np.uint64(0)
    for word in range(len(first)):
        # A shift by 64 bits is not defined: the next word is shifted in two steps.
        moved = second[word] >> right | second[word + 1] << np.uint64(1) << left
        total += popcount(first[word] & moved)
    return np.int64(total)
