"""The fitted arrays of generators: what they must look like to be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from microchar.core.errors import InputError

#: Shape of a fitted array: numbers, names that must stand for the same number in all arrays, or None for any.
Dimensions = tuple[int | str | None, ...]
#: Data type and shape of every fitted array.
Layout = Mapping[str, tuple[str, Dimensions]]
#: Keys that a message names.
_SHOWN = 4


def check_layout(arrays: Mapping[str, Any], layout: Layout, whose: str) -> None:
    """Raise InputError unless the arrays have exactly the keys, data types and shapes of a layout.

    Anything with ``dtype`` and ``shape`` stands for an array, so that a file's
    header can be checked before anything is allocated.
    """
    if set(arrays) != set(layout):
        missing, extra = sorted(set(layout) - set(arrays)), sorted(set(arrays) - set(layout))
        raise InputError(f"{whose}: its arrays are not those expected: missing {_some(missing)}; extra {_some(extra)}")
    known: dict[str, int] = {}
    for key, (dtype, dimensions) in layout.items():
        array = arrays[key]
        shape = tuple(array.shape)
        expected = tuple(known.get(d, d) if isinstance(d, str) else d for d in dimensions)
        fits = len(shape) == len(expected) and all(
            d is None or isinstance(d, str) or d == n for d, n in zip(expected, shape, strict=True)
        )
        if str(array.dtype) != dtype or not fits:
            raise InputError(
                f"{whose}: array {key!r} is {array.dtype} of shape {shape}, expected {dtype} of shape {expected}"
            )
        known |= {d: n for d, n in zip(dimensions, shape, strict=True) if isinstance(d, str)}


def _some(keys: list[str]) -> str:
    """Write keys down; of the many that a network has, the first few."""
    shown = ", ".join(map(repr, keys[:_SHOWN])) or "none"
    return shown if len(keys) <= _SHOWN else f"{shown} and {len(keys) - _SHOWN} more"


def check_finite(arrays: Mapping[str, np.ndarray], whose: str) -> None:
    """Raise InputError if an array holds a number that is none."""
    for key, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"{whose}: array {key!r} holds NaN or infinite numbers")
