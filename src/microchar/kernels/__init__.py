"""Numba kernels: functions of arrays, one file for each algorithm.

Every kernel takes C-contiguous arrays of fixed types, so that it is compiled only
once. It releases the GIL, so that blocks can run on threads, and it is cached on disk.
`microchar.kernels.jit` compiles all of them.
"""

from __future__ import annotations


def are_compiled() -> bool:
    """Return whether there is nothing to compile, because Numba's cache contains a kernel, or compiling is disabled."""
    from pathlib import Path

    from microchar.kernels import bits, jit

    return jit.DISABLED or any(Path(str(bits.count_pairs.stats.cache_path)).glob("bits.count_pairs-*.nbi"))
