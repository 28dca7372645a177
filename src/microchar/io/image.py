"""The interface of readers of file formats, and the checks that they share."""

from __future__ import annotations

import json
import lzma
import math
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from microchar.core.errors import InputError, MissingDependencyError
from microchar.core.grid import Triple, triple
from microchar.core.json_text import parse_json
from microchar.core.memory import physical_memory
from microchar.core.scratch import scratch_array
from microchar.core.text import by
from microchar.core.units import canonical_unit
from microchar.core.volume import spatial_axes, three_axes

#: Number of bytes that are unpacked at a time.
_PIECE = 2**27
#: A range along each axis.
Box = tuple[slice, ...]

#: What libraries raise on damaged files, besides exception classes of their own. An AttributeError or a TypeError is
#: missing on purpose: those come from a library whose interface is another one, and the file is not to blame.
DAMAGE = (
    *(OSError, ValueError, LookupError, ArithmeticError, RuntimeError, AssertionError, EOFError, SyntaxError),
    *(struct.error, zlib.error, lzma.LZMAError),
)


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
    offset : int
        Bytes before the first voxel, for files without a header that microchar knows.
    """

    key: str = ""
    shape: Sequence[int] | None = None
    dtype: Any = None
    offset: int = 0


@dataclass(frozen=True, eq=False)
class Stored:
    """Voxels that stay in their file until a box of them is read.

    Parameters
    ----------
    path : Path
        The file, for messages.
    shape : tuple of int
        Number of voxels along each axis of the file, of which there may be any number.
    dtype : dtype
        Data type of the voxels.
    load : function
        Returns the voxels of a box, a range along each axis of the file.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[Box], np.ndarray]

    def read(self, box: Box) -> np.ndarray:
        """Read the voxels of a box; raise InputError if they cannot be read, or do not fit into memory."""
        refuse_beyond_memory(self.path, [part.stop - part.start for part in box], self.dtype)
        try:
            return self.load(box)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read ({error.strerror or error})") from error

    def transposed(self) -> Stored:
        """Return the same voxels with the axes in reverse order."""
        return Stored(self.path, self.shape[::-1], self.dtype, lambda box: self.load(box[::-1]).T)


@dataclass(frozen=True, eq=False)
class Image:
    """The content of a file, as a reader returns it.

    Parameters
    ----------
    values : ndarray or Stored
        Grey values as stored: an array, memory-mapped where the format allows it, or
        what reads a box of them from the file. A reader that can only read the whole
        file returns the array.
    voxel_size, unit
        See `microchar.core.grid.Grid`; `voxel_size` is None if the file does not state it.
    voxel_size_note : str
        Where the voxel size was read from, or why a length in the file is not used as one.
    notes : tuple of str
        Other assumptions.
    files : sequence of Path
        Files that were read, if these are not just the file at the path.
    format : str
        Of the reader; filled in by `microchar.io.dispatch.read_image`.
    phases : mapping of str to int
        Grey value of each phase, where the file names them.
    """

    values: np.ndarray | Stored
    voxel_size: tuple[float, float, float] | None = None
    unit: str = "voxel"
    voxel_size_note: str = ""
    notes: tuple[str, ...] = ()
    files: Sequence[Path] = ()
    format: str = ""
    phases: Mapping[str, int] = field(default_factory=dict)

    @property
    def shape(self) -> Triple:
        """Number of voxels along axes 0, 1, 2."""
        lengths = [self.values.shape[axis] for axis in spatial_axes(self.values.shape, "image")]
        return triple([1] * (3 - len(lengths)) + lengths)

    def read(self, box: Box | None = None) -> np.ndarray:
        """Return the voxels of a box, a range along axes 0, 1, 2, or all; what is memory-mapped stays on disk."""
        box = tuple(slice(0, n) for n in self.shape) if box is None else box
        if isinstance(self.values, np.ndarray):
            return three_axes(self.values, "image")[box]
        axes = spatial_axes(self.values.shape, "image")
        places = [slice(0, 1)] * len(self.values.shape)
        for axis, part in zip(axes, box[3 - len(axes) :], strict=True):
            places[axis] = part
        return self.values.read(tuple(places)).reshape([part.stop - part.start for part in box])

    def unpacked(self, box: Box) -> np.ndarray:
        """Return the voxels of a box; those that do not stay in their file, and are many, go into a temporary one.

        Metrics read a volume many times and in every order: a packed file is unpacked once.
        """
        if isinstance(self.values, np.ndarray):
            return self.read(box)
        planes, rows, columns = box
        shape = [part.stop - part.start for part in box]
        step = max(1, _PIECE // (shape[1] * shape[2] * np.dtype(self.values.dtype).itemsize))
        starts = range(planes.start, planes.stop, step)
        # Read before room is made: a file that declares more than there is memory for is refused by its reader.
        pieces = (self.read((slice(first, min(first + step, planes.stop)), rows, columns)) for first in starts)
        begin = next(pieces)
        voxels = scratch_array(shape, self.values.dtype)
        for first, piece in zip(starts, chain([begin], pieces), strict=True):
            voxels[first - planes.start :][: len(piece)] = piece
        return voxels


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
        """Read what a file that exists and is not empty holds; raise InputError if it cannot be used.

        Voxels are read when their box is asked for, where the format allows it.

        A module may also offer ``write(path, image)``, which writes values, voxel size
        and phase names so far as the format has a place for them, and name in ``LOSES``
        which of these ("voxel size", "phase names") are worth a warning if they are lost.
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
        As the file spells it; "" and "voxel" where it states none.
    origin : str
        What states it, such as "the NRRD header".
    """
    edges = [abs(float(size)) for size in sizes]
    if not all(0 < edge < math.inf for edge in edges):
        return {"voxel_size_note": f"{origin} states the voxel size {by(sizes)}, which is none"}
    try:
        name = canonical_unit(unit)
    except InputError:
        return {"voxel_size_note": f"{origin} states lengths in {unit!r}, which is not a known unit"}
    if name == "voxel" and edges == [1.0, 1.0, 1.0]:
        return {}
    return {"voxel_size": triple(edges), "unit": name, "voxel_size_note": f"voxel size read from {origin}"}


def phases_text(phases: Mapping[str, int]) -> str:
    """Write phases as text, for formats that have a place for one."""
    return json.dumps(dict(phases), ensure_ascii=False)


def phases_from(text: str, path: Path) -> dict[str, int]:
    """Read what `phases_text` wrote; "" stands for no names."""
    try:
        return {str(name): int(grey) for name, grey in parse_json(text or "{}").items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: names its phases as microchar does not ({text[:60]!r}); export it again") from error


def refuse_beyond_memory(path: Path, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Raise InputError, before any allocation, if an image that must be read into memory does not fit there."""
    needed = math.prod(shape) * dtype.itemsize
    if needed > physical_memory():
        raise InputError(
            f"{path}: the file declares {_voxels(shape, dtype)}, which is {_size(needed)}; it would have to be read "
            f"into memory, of which there is {_size(physical_memory())}. Save it uncompressed (.npy, or TIFF in one "
            "piece), so that it can stay on disk, or cut it into smaller files"
        )


def refuse_shorter_than(path: Path, offset: int, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Raise InputError if a file is too short for the voxels that its header states."""
    expected, size = offset + math.prod(shape) * dtype.itemsize, path.stat().st_size
    if size < expected:
        raise InputError(
            f"{path}: the file declares {_voxels(shape, dtype)}, for which it would have {expected} bytes, and has "
            f"{size}; it is truncated or damaged: copy or export it again"
        )


def _voxels(shape: Sequence[int], dtype: np.dtype[Any]) -> str:
    return f"{' × '.join(str(n) for n in shape)} = {math.prod(shape):.4g} voxels of type {dtype}"


def _size(size: int) -> str:
    return f"{size / 2**30:.4g} GiB"
