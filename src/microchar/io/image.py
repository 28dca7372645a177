"""The interface of readers of file formats, and the checks that they share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from microchar.core.errors import InputError
from microchar.core.memory import physical_memory


@dataclass(frozen=True)
class Options:
    """Information about a file that the caller gives because the file does not contain it.

    Parameters
    ----------
    key : str
        Name of the array, in a file that holds several: the text after ':' in its path.
    shape : sequence of int, optional
        Number of voxels along each axis, for files without a header.
    dtype : str, optional
        Data type as NumPy writes it, for files without a header.
    """

    key: str = ""
    shape: Sequence[int] | None = None
    dtype: Any = None


@dataclass(frozen=True, eq=False)
class Image:
    """The content of a file, as a reader returns it.

    Parameters
    ----------
    values : ndarray
        Grey values as stored, memory-mapped where the format allows it.
    voxel_size, unit
        See `microchar.core.grid.Grid`; `voxel_size` is None if the file does not state it.
    voxel_size_note : str
        Where the voxel size was read from, or why a length in the file is not used as one.
    notes : tuple of str
        Other assumptions.
    files : sequence of Path
        Files that were read, if these are not just the file at the path.
    format : str
        Name of the format; set by `microchar.io.dispatch.read_image`.
    """

    values: np.ndarray
    voxel_size: tuple[float, float, float] | None = None
    unit: str = "voxel"
    voxel_size_note: str = ""
    notes: tuple[str, ...] = ()
    files: Sequence[Path] = ()
    format: str = ""


class Reader(Protocol):
    """Interface of a reader: what a module of `microchar.io.formats` must define.

    Attributes
    ----------
    FORMAT : str
        Name of the format, for display.
    SUFFIXES : tuple of str
        Endings of the names of such files, in lower case. The name of a folder is
        matched with "/" at its end, and "file:key" as "file:", so that ".zarr/" and
        ".npz:" are suffixes too. The reader with the longest matching suffix is used.
    """

    FORMAT: str
    SUFFIXES: tuple[str, ...]

    def read(self, path: Path, options: Options) -> Image:
        """Read a file that exists and is not empty; raise InputError if it cannot be used."""


def refuse_beyond_memory(path: Path, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Raise InputError, before any allocation, if an image that must be read into memory does not fit there."""
    needed = math.prod(shape) * dtype.itemsize
    if needed > physical_memory():
        raise InputError(
            f"{path}: the file promises {_voxels(shape, dtype)}, which is {_size(needed)}; it would have to be read "
            f"into memory, of which there is {_size(physical_memory())}. Save it uncompressed (.npy, or TIFF in one "
            "piece), so that it can stay on disk, or cut it into smaller files"
        )


def refuse_shorter_than(path: Path, offset: int, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Raise InputError if a file is too short for the voxels that its header states."""
    expected, size = offset + math.prod(shape) * dtype.itemsize, path.stat().st_size
    if size < expected:
        raise InputError(
            f"{path}: the file promises {_voxels(shape, dtype)}, for which it would have {expected} bytes, and has "
            f"{size}; it is truncated or damaged: copy or export it again"
        )


def _voxels(shape: Sequence[int], dtype: np.dtype[Any]) -> str:
    return f"{' × '.join(str(n) for n in shape)} = {math.prod(shape):.4g} voxels of type {dtype}"


def _size(size: int) -> str:
    return f"{size / 2**30:.4g} GiB"
