"""Transforms of lines to some of their waves, and the power of waves."""

from __future__ import annotations

import numpy as np

from microchar.kernels.jit import kernel


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
def fold(selected, mean, phases, twiddles, out):  # type: ignore[no-untyped-def]
    """Set lines whose waves are every `len(phases)`-th wave of longer lines.

    With :math:`x` the deviation of a line from the mean, cut into pieces of ``len(twiddles)`` voxels, ``out[q]``
    is ``twiddles[q]`` times the sum over the pieces `j` of ``x[j, q] * phases[j]``.

    Parameters
    ----------
    selected : bool, (lines, voxels)
        Voxels of a set; the lines are continued by zero deviations.
    mean : float32 or float64
        Subtracted from each voxel.
    phases : complex64 or complex128, (pieces,)
    twiddles : as `phases`, (length,)
    out : as `phases`, (lines, length)
        Set.
    """
    n, length = selected.shape[1], len(twiddles)
    real, imaginary = np.empty_like(out[0].real), np.empty_like(out[0].real)
    for line in range(len(selected)):
        real[:] = 0
        imaginary[:] = 0
        for piece in range(min(len(phases), (n + length - 1) // length)):
            begin = piece * length
            across, along = phases[piece].real, phases[piece].imag
            for q in range(min(length, n - begin)):
                deviation = selected[line, begin + q] - mean
                real[q] += deviation * across
                imaginary[q] += deviation * along
        for q in range(length):
            out[line, q] = complex(real[q], imaginary[q]) * twiddles[q]
