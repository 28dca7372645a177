"""What a reader gets and gives, and the checks that every reader needs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from microchar.core.errors import InputError, MissingDependencyError
from microchar.core.grid import triple
from microchar.core.memory import physical_memory
from microchar.core.text import by
from microchar.core.units import canonical_unit


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
    offset : int
        Bytes before the first voxel, for files without a header that microchar knows.
    """

    key: str = ""
    shape: Sequence[int] | None = None
    dtype: Any = None
    offset: int = 0


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
    phases : mapping of str to int
        Grey value of each phase, where the file names them.
    """

    values: np.ndarray
    voxel_size: tuple[float, float, float] | None = None
    unit: str = "voxel"
    voxel_size_note: str = ""
    notes: tuple[str, ...] = ()
    files: Sequence[Path] = ()
    format: str = ""
    phases: Mapping[str, int] = field(default_factory=dict)


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
        """Read a file that exists and is not empty; raise InputError if it cannot be used.

        A module may also offer ``write(path, image)``, which writes values, voxel size
        and phase names so far as the format has a place for them.
        """


def optional(module: str, path: Path) -> Any:
    """Import a package that only some formats need; where it is missing, say how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingDependencyError(
            f'{path}: needs {package}, which is not installed: pip install "microchar[formats]"'
        ) from error


def stated_size(sizes: Sequence[float], unit: str, origin: str) -> dict[str, Any]:
    """Return the fields of an `Image` for the voxel size that a file states, unless it is no more than a default.

    Parameters
    ----------
    sizes : sequence of three float
        Edges along axes 0, 1, 2.
    unit : str
        As the file spells it; "" and "voxel" where it names none.
    origin : str
        What states it, such as "the NRRD header".
    """
    edges = [abs(float(size)) for size in sizes]
    if not all(0 < edge < math.inf for edge in edges):
        return {"voxel_size_note": f"{origin} states the voxel size {by(sizes)}, which is none"}
    try:
        name = canonical_unit(unit)
    except InputError:
        return {"voxel_size_note": f"{origin} states lengths in {unit!r}, which is no known unit"}
    if name == "voxel" and edges == [1.0, 1.0, 1.0]:
        return {}
    return {"voxel_size": triple(edges), "unit": name, "voxel_size_note": f"voxel size read from {origin}"}


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
