"""Raw voxels without a header: .raw and .bin, memory-mapped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.io.image import Image, Options

FORMAT = "raw"
SUFFIXES = (".raw", ".bin")


def read(path: Path, options: Options) -> Image:
    """Map voxels in C order: the last axis runs fastest."""
    found = path.stat().st_size
    if options.shape is None or options.dtype is None:
        raise InputError(
            f"{path}: raw files do not say what they hold; give shape= and dtype= (--shape and --dtype on the command "
            f"line), as in --shape 400,400,400 --dtype uint8; the file has {found} bytes"
        )
    shape, dtype = _shape(options.shape), _dtype(options.dtype)
    offset = _offset(options.offset)
    expected = math.prod(shape) * dtype.itemsize + offset
    if expected != found:
        raise InputError(
            f"{path}: shape {shape} of {dtype} needs {expected} bytes, the file has {found}; check shape and dtype; "
            "bytes before the first voxel are skipped with offset= (--offset)"
        )
    return Image(np.memmap(path, dtype, "r", offset, shape))


def _shape(shape: Any) -> tuple[int, ...]:
    try:
        parts = shape.split(",") if isinstance(shape, str) else shape
        whole = tuple(int(part) for part in parts)
    except (TypeError, ValueError):
        whole = ()
    if len(whole) not in (2, 3) or min(whole) < 1:
        raise InputError(f"shape={shape!r}: expected two or three whole numbers greater than 0, as in 400,400,400")
    return whole


def _offset(offset: Any) -> int:
    if isinstance(offset, bool) or not isinstance(offset, int | np.integer) or offset < 0:
        raise InputError(f"offset={offset!r}: expected the number of bytes before the first voxel, 0 or more")
    return int(offset)


def _dtype(dtype: Any) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):
        found = np.dtype(object)
    if found.kind not in "biuf":
        raise InputError(f"dtype={dtype!r}: expected a type of numbers, such as uint8, '>u2', or float32")
    return found
