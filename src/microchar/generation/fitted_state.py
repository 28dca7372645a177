"""Checks of the fitted arrays of generators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.volume import OUTSIDE

#: Shape of a fitted array: numbers, names that must have the same value in all arrays, or None for any number.
Dimensions = tuple[int | str | None, ...]
#: Data type and shape of every fitted array.
Layout = Mapping[str, tuple[str, Dimensions]]
#: Allowed difference of a sum of volume fractions from 1: rounded tables of descriptors have it.
_CLOSE = 1e-3
#: Largest number of keys in a message.
_SHOWN = 4


def check_layout(arrays: Mapping[str, Any], layout: Layout, whose: str) -> None:
    """Raise InputError unless arrays have exactly the keys, data types and shapes of a layout.

    Any object with ``dtype`` and ``shape`` can replace an array, so that the
    header of a file can be checked before its arrays are read.

    Parameters
    ----------
    arrays : mapping of str to array
    layout : mapping of str to (dtype, dimensions)
    whose : str
        File or generator, for the message.
    """
    if set(arrays) != set(layout):
        missing, extra = sorted(set(layout) - set(arrays)), sorted(set(arrays) - set(layout))
        raise InputError(f"{whose}: unexpected set of arrays: missing {_some(missing)}; extra {_some(extra)}")
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


def check_labels(labels: np.ndarray, phases: int) -> None:
    """Raise ValueError unless each label is that of a phase, or of a voxel outside the mask, and one is a phase's."""
    if not ((labels < phases) | (labels == OUTSIDE)).all() or not (labels < phases).any():
        raise ValueError(f"its voxels have labels up to {labels.max(initial=0)} for {phases} phases")


def check_fractions(fractions: np.ndarray, total: float | None = 1.0) -> None:
    """Raise ValueError unless these are shares of a whole, or of a part of it if `total` is None."""
    whole = float(fractions.sum())
    fits = 0 < whole < 1 if total is None else abs(whole - total) < _CLOSE
    if not fits or not ((fractions >= 0) & (fractions <= 1)).all():
        raise ValueError(f"its volume fractions are {fractions.tolist()}")


def _some(keys: list[str]) -> str:
    """List keys; of many, such as those of a network, only the first."""
    shown = ", ".join(map(repr, keys[:_SHOWN])) or "none"
    return shown if len(keys) <= _SHOWN else f"{shown} and {len(keys) - _SHOWN} more"


def check_finite(arrays: Mapping[str, np.ndarray], whose: str) -> None:
    """Raise InputError if an array contains NaN or infinite numbers."""
    for key, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"{whose}: array {key!r} holds NaN or infinite numbers")
