"""Decorators that compile the diffusion kernels without unused entry points, which take time to compile."""

from __future__ import annotations

from numba import njit

#: For functions that are called from Python.
kernel = njit(nogil=True, cache=True, error_model="numpy", no_cfunc_wrapper=True)  # type: ignore[call-overload]
#: For functions that are called only by kernels.
inner = njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True, no_cpython_wrapper=True)  # type: ignore[call-overload]
