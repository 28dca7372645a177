"""Transforms of lines to some of their waves, and the power of waves."""

from __future__ import annotations

import numpy as np

from microchar.kernels.jit import kernel

#: Bits that are looked up together, in a table of half a megabyte.
LOW_BITS = 15


@kernel
def power(waves, out):  # type: ignore[no-untyped-def]
    """Set ``out[k] = abs(waves[k])²``, in double precision.

    Parameters
    ----------
    waves : complex64 or complex128, (numbers,)
    out : float64, (numbers,)
        Set.
    """
    for k in range(len(waves)):
        real, imaginary = np.float64(waves[k].real), np.float64(waves[k].imag)
        out[k] = real * real + imaginary * imaginary


@kernel
def overlay(selected, bits):  # type: ignore[no-untyped-def]
    """Cut lines into pieces, and set bit `j` of ``bits[line, q]`` to voxel `q` of piece `j`.

    Parameters
    ----------
    selected : bool, (lines, voxels)
        Voxels of a set; behind their end, nothing is set.
    bits : uint32, (lines, length of a piece)
        Set.
    """
    n, length = selected.shape[1], bits.shape[1]
    for line in range(len(selected)):
        bits[line] = 0
        for piece in range((n + length - 1) // length):
            begin = piece * length
            for q in range(min(length, n - begin)):
                bits[line, q] |= np.uint32(selected[line, begin + q]) << np.uint32(piece)


@kernel
def fold(bits, low, high, offsets, twiddles, out):  # type: ignore[no-untyped-def]
    """Set ``out[line, q]`` to the sum that the bits stand for, plus ``offsets[q]``, times ``twiddles[q]``.

    Parameters
    ----------
    bits : uint32, (lines, length)
    low, high : complex128, (2 ** bits,)
        Sums that the lowest `LOW_BITS` bits and those above them stand for.
    offsets, twiddles : complex128, (length,)
    out : complex128, (lines, length)
        Set.
    """
    mask, shift = np.uint32((1 << LOW_BITS) - 1), np.uint32(LOW_BITS)
    for line in range(len(bits)):
        for q in range(bits.shape[1]):
            word = bits[line, q]
            total = low[word & mask] + high[word >> shift]
            out[line, q] = (total + offsets[q]) * twiddles[q]
