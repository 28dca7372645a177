"""Numba kernels: functions of arrays, one file for each algorithm.

Every kernel takes C-contiguous arrays of fixed types, so that it is compiled only
once. It releases the GIL, so that blocks can run on threads, and it is cached on disk.
"""

from __future__ import annotations


def are_compiled() -> bool:
    """Return whether Numba's cache contains a compiled kernel, that is, whether this is not the first run."""
    from pathlib import Path

    from microchar.kernels import bits

    return any(Path(str(bits.pack.stats.cache_path)).glob("bits.pack-*.nbi"))
