"""MetaImage: .mha, and .mhd with its voxels beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.special_files import refuse_special
from microchar.io.formats._stderr import captured_stderr
from microchar.io.image import Box, Image, Options, Stored, optional, stated_size

FORMAT = "MetaImage"
SUFFIXES = (".mha", ".mhd")


#: Number of bytes within which the header ends, where it is not damaged.
_HEADER = 2**16
#: Types of voxels, as SimpleITK and NumPy (in lower case) call them.
_TYPES = ("UInt8", "Int8", "UInt16", "Int16", "UInt32", "Int32", "UInt64", "Int64", "Float32", "Float64")


def read(path: Path, options: Options) -> Image:
    """Open a volume with SimpleITK; the first axis of MetaImage runs fastest and is axis 2 here.

    The format names no unit; lengths are in millimetres by convention.
    """
    del options
    itk = optional("SimpleITK", path)
    _check_header(path)
    with _reading(path):
        reader = _reader(itk, path)
        reader.ReadImageInformation()
    if reader.GetNumberOfComponents() != 1:
        raise InputError(
            f"{path}: found {reader.GetNumberOfComponents()} values per voxel, expected one; save one component"
        )
    types = {getattr(itk, f"sitk{name}"): np.dtype(name.lower()) for name in _TYPES}
    if reader.GetPixelID() not in types:
        raise InputError(f"{path}: found voxels of type {reader.GetPixelID()} of SimpleITK, expected numbers")
    stored = Stored(path, reader.GetSize(), types[reader.GetPixelID()], partial(_load, itk, path)).transposed()
    sizes = [float(size) for size in reader.GetSpacing()][::-1]
    sizes = [sizes[0], *sizes] if len(sizes) == 2 else sizes
    # Spacings of 1 are what writers fill in where they know of none.
    unit = "" if sizes == [1.0, 1.0, 1.0] else "mm"
    origin = "the MetaImage header, which names no unit: millimetres are assumed"
    return Image(stored, **(stated_size(sizes, unit, origin) if len(sizes) == 3 else {}))


def _check_header(path: Path) -> None:
    """Raise InputError if SimpleITK's reader would end the process, or wait for a pipe or device with the voxels."""
    with path.open("rb") as file:
        start = file.read(_HEADER)
    axes = re.search(rb"^\s*NDims\s*=\s*(.*?)\s*$", start, re.MULTILINE)
    if axes is None or not re.fullmatch(rb"[1-9]", axes[1]):
        raise InputError(f"{path}: not a MetaImage file, or damaged (no number of axes, NDims = 3); export it again")
    named = re.search(rb"^ElementDataFile *= *(.+?)\s*$", start, re.MULTILINE)
    if named and b"\0" not in named[1]:
        refuse_special(path.parent / os.fsdecode(named[1]))


def _load(itk: Any, path: Path, box: Box) -> np.ndarray:
    reader = _reader(itk, path)
    reader.SetExtractIndex([part.start for part in box])
    reader.SetExtractSize([part.stop - part.start for part in box])
    with _reading(path):
        return np.asarray(itk.GetArrayFromImage(reader.Execute())).T


def _reader(itk: Any, path: Path) -> Any:
    reader = itk.ImageFileReader()
    reader.SetImageIO("MetaImageIO")
    reader.SetFileName(str(path))
    return reader


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        with captured_stderr() as said:
            yield
    except RuntimeError as error:
        why = said[0].strip() if said else str(error).strip().splitlines()[-1]
        raise InputError(f"{path}: not a MetaImage file, or damaged ({why}); export it again") from error
