"""How the kernels of diffusion are compiled: without the entry points that nobody calls, each of which takes time."""

from __future__ import annotations

from numba import njit

#: Called from Python.
kernel = njit(nogil=True, cache=True, error_model="numpy", no_cfunc_wrapper=True)  # type: ignore[call-overload]
#: Called from kernels only.
inner = njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True, no_cpython_wrapper=True)  # type: ignore[call-overload]
