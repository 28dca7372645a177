"""Folders and globs of 2D slices, which are stacked in natural order."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from microchar.core.errors import InputError
from microchar.io.dispatch import read_image
from microchar.io.formats._slice_names import in_order
from microchar.io.image import Box, Image, Options, Stored

FORMAT = "slices"
SUFFIXES = ("/",)

#: Suffixes of slices in a folder, and what they are; a glob may name other files that can be read.
_KINDS = {".tif": "TIFF", ".tiff": "TIFF", ".png": "PNG", ".bmp": "BMP", ".jpg": "JPEG", ".jpeg": "JPEG"}


def read(path: Path, options: Options) -> Image:
    """Find the slices, which are stacked along axis 0, and read the first."""
    found = _in_folder(path) if path.is_dir() else _of_glob(path)
    folder = Path(os.path.commonpath([file.parent for file in found]))
    names, odd = in_order([str(file.relative_to(folder)) for file in found], str(path))
    files = [folder / name for name in names]
    first = read_image(files[0], options)
    plane = _plane(first, files[0], path)
    stored = Stored(path, (len(files), *plane.shape), plane.dtype, partial(_load, path, options, files, plane))
    note = first.voxel_size_note and f"{first.voxel_size_note}, of the slice {files[0].name}"
    return Image(stored, first.voxel_size, first.unit, note, notes=(*odd, *first.notes), files=files)


def _load(path: Path, options: Options, files: Sequence[Path], first: np.ndarray, box: Box) -> np.ndarray:
    """Read the slices of a box, which must be like the first one."""
    planes, rows, columns = box
    voxels = np.empty([part.stop - part.start for part in box], first.dtype)
    for position, file in enumerate(files[planes]):
        plane = first if file == files[0] else _plane(read_image(file, options), file, path)
        if plane.shape != first.shape or plane.dtype != first.dtype:
            raise InputError(
                f"{file}: this slice has shape {plane.shape} and type {plane.dtype}, the first one ({files[0].name}) "
                f"{first.shape} and {first.dtype}; all slices must have the same shape and type"
            )
        voxels[position] = plane[rows, columns]
    return voxels


def _plane(image: Image, file: Path, path: Path) -> np.ndarray:
    if image.shape[0] != 1:
        raise InputError(f"{file}: expected a 2D slice of {path}, found the shape {image.shape}; read the file itself")
    return image.read()[0]


def _in_folder(folder: Path) -> list[Path]:
    names = [file for file in folder.iterdir() if not file.name.startswith(".")]
    files = [file for file in names if file.suffix.lower() in _KINDS]
    kinds = Counter(_KINDS[file.suffix.lower()] for file in files)
    if len(kinds) > 1:
        counts = " and ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
        raise InputError(
            f"{folder}: holds {counts} files; say which are the slices with a glob, as in '{folder}/*.tif'"
        )
    if not files:
        raise InputError(
            f"{folder}: no images in this folder of {len(names)} files; expected slices as {', '.join(_KINDS)}"
        )
    return files


def _of_glob(pattern: Path) -> list[Path]:
    files = [Path(name) for name in glob.glob(str(pattern)) if Path(name).is_file()]
    if not files:
        raise InputError(f"{pattern}: no file matches; expected a glob of 2D slices, such as 'scan/*.png', in quotes")
    return files
