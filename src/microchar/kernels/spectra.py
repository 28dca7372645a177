"""Power of transformed numbers."""

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
