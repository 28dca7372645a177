"""Parse the crop argument, which selects a part of a volume: ``"0:100, :, 50:"``."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.text import whole_number
from microchar.io.image import Box

_PART = re.compile(r"\s*(?:([012xyz])\s*=)?\s*([+-]?\d+)?\s*:\s*([+-]?\d+)?\s*")
_AXES = {"0": 0, "1": 1, "2": 2, "z": 0, "y": 1, "x": 2}


def crop_box(crop: str | Sequence[slice] | None, shape: Triple, name: str) -> Box:
    """Return the box that a crop argument selects in a volume.

    Parameters
    ----------
    crop : str, sequence of slice, or None
        A range for each axis as in Python, whose ends may be left out:
        ``"0:100,:,50:"``; two ranges for a 2D image; or ranges of named axes,
        ``"z=0:100"``.
    shape : tuple of int
        Shape of the whole volume.
    name : str
        Name of the volume in messages.

    Raises
    ------
    InputError
        If the argument cannot be parsed, or if a range is empty or exceeds the volume.
    """
    ranges: dict[int, slice] = {}
    if isinstance(crop, str):
        ranges = _read(crop, shape)
    elif crop is not None:
        ranges = _in_order(list(crop), shape, crop)
    return tuple(_inside(ranges.get(axis, slice(None)), axis, shape[axis], name) for axis in range(3))


def _read(text: str, shape: Triple) -> dict[int, slice]:
    parts = [_PART.fullmatch(part) for part in text.split(",")]
    matches = [part for part in parts if part is not None]
    named = [_AXES[part[1]] for part in matches if part[1]]
    if len(matches) < len(parts) or len(named) not in (0, len(parts)) or len(set(named)) != len(named):
        raise InputError(
            f"crop={text!r}: expected a range for each axis, '0:100,0:100,0:100', or named ones, 'z=0:100'"
        )
    slices = [slice(_number(part[2], text), _number(part[3], text)) for part in matches]
    return dict(zip(named, slices, strict=True)) if named else _in_order(slices, shape, text)


def _number(digits: str | None, text: str) -> int | None:
    try:
        return whole_number(digits) if digits else None
    except ValueError as error:
        raise InputError(f"crop={text!r}: {error}; expected a range for each axis, as in '0:100,:,50:'") from error


def _in_order(slices: Sequence[slice], shape: Triple, crop: object) -> dict[int, slice]:
    if not all(isinstance(part, slice) and part.step in (None, 1) for part in slices):
        raise InputError(f"crop={crop!r}: expected slices without a step")
    if not all(end is None or isinstance(end, int | np.integer) for part in slices for end in (part.start, part.stop)):
        raise InputError(f"crop={crop!r}: expected slices between whole numbers")
    axes = (0, 1, 2) if len(slices) == 3 or shape[0] > 1 else (1, 2)
    if len(slices) != len(axes):
        raise InputError(f"crop={crop!r}: expected {len(axes)} ranges, one for each axis, found {len(slices)}")
    return dict(zip(axes, slices, strict=True))


def _inside(part: slice, axis: int, n: int, name: str) -> slice:
    start = 0 if part.start is None else part.start
    stop = n if part.stop is None else part.stop
    first, last = (end + n if end < 0 else end for end in (start, stop))
    if not 0 <= first < last <= n:
        raise InputError(f"{name}: cannot crop {start}:{stop} along axis {axis}, which has {n} voxels")
    return slice(first, last)
