"""Grey levels of voxels: looked up in a table, and turned so that slices lie one after the other."""

from __future__ import annotations

from microchar.kernels.jit import kernel

#: Edge of the squares that are turned at a time, in voxels: both sides of a square lie in the cache.
_SQUARE = 32


@kernel
def look_up(codes, table, levels):  # type: ignore[no-untyped-def]
    """Set ``levels[v] = table[codes[v]]``.

    Parameters
    ----------
    codes : uint8, (voxels,)
    table : uint16, (256,)
    levels : uint16, (voxels,)
        Set.
    """
    for v in range(len(codes)):
        levels[v] = table[codes[v]]


@kernel
def turn(levels, slices):  # type: ignore[no-untyped-def]
    """Set ``slices[k, v] = levels[v, k]``.

    Parameters
    ----------
    levels : uint16, (voxels, slices)
    slices : uint16, (slices, voxels)
        Set.
    """
    n, m = levels.shape
    for first in range(0, n, _SQUARE):
        last = min(first + _SQUARE, n)
        for start in range(0, m, _SQUARE):
            for k in range(start, min(start + _SQUARE, m)):
                for v in range(first, last):
                    slices[k, v] = levels[v, k]
