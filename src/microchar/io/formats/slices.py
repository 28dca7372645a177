"""Folders and globs of 2D slices, which are stacked in natural order."""

from __future__ import annotations

import glob
import re
from collections import Counter
from pathlib import Path

import numpy as np

from microchar.core.errors import InputError
from microchar.io.dispatch import read_image
from microchar.io.image import Image, Options, refuse_beyond_memory

FORMAT = "slices"
SUFFIXES = ("/",)

#: Suffixes of slices in a folder, and what they are; a glob may name other files that can be read.
_KINDS = {".tif": "TIFF", ".tiff": "TIFF", ".png": "PNG", ".bmp": "BMP", ".jpg": "JPEG", ".jpeg": "JPEG"}


def read(path: Path, options: Options) -> Image:
    """Read the slices and stack them along axis 0."""
    files = _in_folder(path) if path.is_dir() else _of_glob(path)
    volume = np.empty(0)
    first = None
    for position, file in enumerate(files):
        image = read_image(file, options)
        plane = image.values
        if plane.ndim == 3 and plane.shape[0] == 1:
            plane = plane[0]
        if plane.ndim != 2:
            raise InputError(
                f"{file}: expected a 2D slice of {path}, found the shape {plane.shape}; read the file itself"
            )
        if first is None:
            first = image
            refuse_beyond_memory(path, (len(files), *plane.shape), plane.dtype)
            volume = np.empty((len(files), *plane.shape), plane.dtype)
        if plane.shape != volume.shape[1:] or plane.dtype != volume.dtype:
            raise InputError(
                f"{file}: this slice has shape {plane.shape} and type {plane.dtype}, those before it "
                f"{volume.shape[1:]} and {volume.dtype} (first {files[0].name}); "
                "all slices must have the same shape and type"
            )
        volume[position] = plane
    assert first is not None
    note = first.voxel_size_note and f"{first.voxel_size_note}, of the slice {files[0].name}"
    return Image(volume, first.voxel_size, first.unit, note, notes=first.notes, files=files)


def natural(path: Path) -> list[str | int]:
    """Return the sort key that puts slice 2 before slice 10."""
    return [int(part) if part.isdecimal() else part.lower() for part in re.split(r"(\d+)", str(path))]


def _in_folder(folder: Path) -> list[Path]:
    names = [file for file in folder.iterdir() if not file.name.startswith(".")]
    files = sorted((file for file in names if file.suffix.lower() in _KINDS), key=natural)
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
    files = sorted((Path(name) for name in glob.glob(str(pattern)) if Path(name).is_file()), key=natural)
    if not files:
        raise InputError(f"{pattern}: no file matches; expected a glob of 2D slices, such as 'scan/*.png', in quotes")
    return files
