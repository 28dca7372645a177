"""Decorators that compile the diffusion kernels without unused entry points, which take time to compile."""

from __future__ import annotations

from functools import partial

from microchar.kernels import jit

#: For functions that are called from Python.
kernel = partial(jit.kernel, error_model="numpy", no_cfunc_wrapper=True)
#: For functions that are called only by kernels.
inner = partial(jit.inner, error_model="numpy", no_cfunc_wrapper=True, no_cpython_wrapper=True)
