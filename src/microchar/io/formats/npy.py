"""NumPy array files (.npy), memory-mapped."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np

from microchar.core.errors import InputError
from microchar.io.image import Image, Options, refuse_shorter_than

FORMAT = "NumPy"
SUFFIXES = (".npy",)
#: What the format has no place for.
LOSES = ("voxel size", "phase names")

Header = tuple[tuple[int, ...], bool, np.dtype[Any]]


def read(path: Path, options: Options) -> Image:
    """Memory-map the array in a file."""
    del options
    with path.open("rb") as file:
        shape, fortran_order, dtype = header(file, str(path))
        offset = file.tell()
    refuse_shorter_than(path, offset, shape, dtype)
    if 0 in shape:  # nothing to map
        return Image(np.empty(shape, dtype))
    return Image(np.memmap(path, dtype, "r", offset, shape, "F" if fortran_order else "C"))


def write(path: Path, image: Image) -> None:
    """Write an array."""
    with path.open("wb") as file:
        np.save(file, image.read(), allow_pickle=False)


def header(file: IO[bytes], name: str) -> Header:
    """Read the header of an array; raise InputError for records, and for Python objects, which need pickle."""
    try:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read_header(file)
    except (ValueError, TypeError, OverflowError, SyntaxError, RecursionError, MemoryError, TokenError) as error:
        raise InputError(f"{name}: not a NumPy array file ({error}); save it again with np.save or np.savez") from error
    if dtype.hasobject or dtype.names:
        raise InputError(
            f"{name}: holds {'Python objects' if dtype.hasobject else 'records'}, expected an array of numbers; "
            "microchar loads no pickles: save the array of grey values itself with np.save"
        )
    if not all(0 <= n < 2**63 for n in shape):
        raise InputError(f"{name}: the header states the shape {shape}, which no array has; save it again with np.save")
    return tuple(int(n) for n in shape), bool(fortran_order), dtype
