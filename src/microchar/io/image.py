"""What a reader gets and gives, and the checks that every reader needs."""

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
    """What the caller says about a file that does not say it itself.

    Parameters
    ----------
    key : str
        Which array of a file that holds several: what follows ':' in its path.
    shape : sequence of int, optional
        Voxels along each axis, for files without a header.
    dtype : str, optional
        Data type as NumPy writes it, for files without a header.
    """

    key: str = ""
    shape: Sequence[int] | None = None
    dtype: Any = None


@dataclass(frozen=True, eq=False)
class Image:
    """What a reader found in a file.

    Parameters
    ----------
    values : ndarray
        Grey values as stored, memory-mapped where the format allows it.
    voxel_size, unit
        As in `microchar.core.grid.Grid`; None where the file does not say.
    voxel_size_note : str
        Where the voxel size was found, or why what is in the file is not one.
    notes : tuple of str
        What else was assumed.
    files : sequence of Path
        What was read, where that is not the one file.
    format : str
        Of the reader; filled in by `microchar.io.dispatch.read_image`.
    """

    values: np.ndarray
    voxel_size: tuple[float, float, float] | None = None
    unit: str = "voxel"
    voxel_size_note: str = ""
    notes: tuple[str, ...] = ()
    files: Sequence[Path] = ()
    format: str = ""


class Reader(Protocol):
    """What a module of this package offers to be a reader.

    Attributes
    ----------
    FORMAT : str
        The format's name, for people.
    SUFFIXES : tuple of str
        How names of such files end, in lower case. A folder's name is given a "/"
        at its end, and "file:key" reads "file:", so that ".zarr/" and ".npz:" are
        suffixes too. The reader with the longest suffix that fits is taken.
    """

    FORMAT: str
    SUFFIXES: tuple[str, ...]

    def read(self, path: Path, options: Options) -> Image:
        """Read a file that exists and is not empty; raise InputError if it cannot be used."""


def refuse_beyond_memory(path: Path, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Raise if an image that must be read into memory does not fit there; before anything is allocated."""
    needed = math.prod(shape) * dtype.itemsize
    if needed > physical_memory():
        raise InputError(
            f"{path}: the file promises {_voxels(shape, dtype)}, which is {_size(needed)}; it would have to be read "
            f"into memory, of which there is {_size(physical_memory())}. Save it uncompressed (.npy, or TIFF in one "
            "piece), so that it can stay on disk, or cut it into smaller files"
        )


def refuse_shorter_than(path: Path, offset: int, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Raise if a file ends before the voxels that its header promises."""
    expected, found = offset + math.prod(shape) * dtype.itemsize, path.stat().st_size
    if found < expected:
        raise InputError(
            f"{path}: the file promises {_voxels(shape, dtype)}, for which it would have {expected} bytes, and has "
            f"{found}; it is truncated or damaged: copy or export it again"
        )


def _voxels(shape: Sequence[int], dtype: np.dtype[Any]) -> str:
    return f"{' × '.join(str(n) for n in shape)} = {math.prod(shape):.4g} voxels of type {dtype}"


def _size(size: int) -> str:
    return f"{size / 2**30:.4g} GiB"
