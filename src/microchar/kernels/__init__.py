"""Numba kernels: arrays in, integers out; one file per algorithm, no policy.

Every kernel takes C-contiguous arrays of one type, so that it is compiled once,
releases the GIL, so that blocks run on threads, and is cached on disk.
"""

from __future__ import annotations


def are_compiled() -> bool:
    """Whether a compiled kernel lies in Numba's cache, so that this is not the first run."""
    from pathlib import Path

    from microchar.kernels import bits

    return any(Path(str(bits.pack.stats.cache_path)).glob("bits.pack-*.nbi"))
