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


@kernel
def pack(labels, phase, out):  # type: ignore[no-untyped-def]
    """Pack ``labels == phase`` along the last axis: voxel k is bit k % 64 of word k // 64.

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
    phase : uint8
        Label whose voxels are set.
    out : uint64, (n0, n1, at least (n2 + 63) // 64 + 1), zeros
        Packed bits. The additional last word remains zero, so that shifted reads need
        no bounds check.
    """
    n0, n1, n2 = labels.shape
    for i in range(n0):
        for j in range(n1):
            for word in range((n2 + 63) // 64):
                bits = np.uint64(0)
                for k in range(min(64, n2 - 64 * word)):
                    bits |= np.uint64(labels[i, j, 64 * word + k] == phase) << np.uint64(k)
                out[i, j, word] = bits


@kernel
def count_pairs(bits, start, core, axis, counts):  # type: ignore[no-untyped-def]
    """Add to ``counts[k]`` the number of pairs of set voxels at lag `k` along `axis`.

    The first voxel of a pair lies in the core; the second may lie anywhere in the
    array.

    Parameters
    ----------
    bits : uint64, (n0, n1, words)
        Packed voxels from `pack`.
    start : tuple of int
        Where the core begins along axes 0 and 1.
    core : tuple of int
        Shape of the core in voxels. Along axis 2 it begins at 0.
    axis : int
    counts : int64, (lags,)
        Number of pairs at each lag; modified.
    """
    n0, n1, _ = bits.shape
    full, rest = core[2] // 64, core[2] % 64
    used = full + (rest > 0)
    last = (np.uint64(1) << np.uint64(rest)) - np.uint64(1) if rest else ~np.uint64(0)
    for i in range(start[0], start[0] + core[0]):
        for j in range(start[1], start[1] + core[1]):
            row = bits[i, j]
            for lag in range(len(counts)):
                i2, j2 = (i + lag if axis == 0 else i), (j + lag if axis == 1 else j)
                if i2 >= n0 or j2 >= n1:
                    break
                shift = lag if axis == 2 else 0
                counts[lag] += _row_pairs(row, bits[i2, j2], shift, used, last)


@inner(inline="always")
def _row_pairs(row, other, shift, used, last):  # type: ignore[no-untyped-def]
    skip, left = shift // 64, np.uint64(shift % 64)
    total = np.uint64(0)
    for word in range(used):
        if skip + word >= len(other):
            break
        second = other[skip + word] >> left
        if left > 0 and skip + word + 1 < len(other):
            second |= other[skip + word + 1] << (np.uint64(64) - left)
        first = row[word] & last if word == used - 1 else row[word]
        total += popcount(first & second)
    return np.int64(total)
