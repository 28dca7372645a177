"""Which format a file has, by its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from glob import has_magic
from importlib import import_module
from pathlib import Path
from typing import Any

import microchar.io.formats
from microchar.core.errors import InputError
from microchar.core.registry import module_names
from microchar.core.special_files import refuse_special
from microchar.core.volume import spatial_axes
from microchar.io.image import Image, Options, Reader

PathLike = str | os.PathLike[str]


def read_image(path: PathLike, options: Options) -> Image:
    """Read whatever a file, folder or glob holds, by the reader of its format."""
    text = os.fspath(path)
    found, key = locate(text)
    refuse_special(found)
    reader = reader_of(found.name + (":" if key else "/" if not found.is_file() else ""))
    if reader is None and options.shape is not None and options.dtype is not None and found.is_file():
        reader = reader_of(".raw")
    if reader is None:
        suffixes = ", ".join(suffix for suffix in readers() if suffix[-1] not in ":/")
        raise InputError(
            f"{text}: cannot tell the format by the name; microchar reads {suffixes} (some with "
            'pip install "microchar[formats]" only), folders and globs of 2D slices, and files of raw voxels with '
            "shape= and dtype= (--shape, --dtype)"
        )
    try:
        if found.is_file() and found.stat().st_size == 0:
            raise InputError(f"{text}: the file is empty (0 bytes); copy or export it again")
        image = reader.read(found, replace(options, key=key))
        spatial_axes(image.values.shape, text)
    except OSError as error:
        raise InputError(f"{text}: cannot be read ({error.strerror or error})") from error
    return replace(image, format=reader.FORMAT, files=image.files or (found,))


def locate(text: str) -> tuple[Path, str]:
    """Return what a path names, and the key behind "::" (or ":", for archives of NumPy)."""
    for sign in ("::", ":"):
        file, _, key = text.rpartition(sign)
        if file and not os.path.exists(text) and os.path.exists(file):
            return Path(file), key
    if not os.path.exists(text) and not has_magic(text):
        raise InputError(f"{text}: no such file or folder")
    return Path(text), ""


@cache
def readers() -> Mapping[str, Reader]:
    """Return the readers by suffix."""
    modules: list[Any] = [import_module(f"microchar.io.formats.{name}") for name in module_names(microchar.io.formats)]
    return {suffix: reader for reader in modules for suffix in reader.SUFFIXES}


def reader_of(name: str) -> Reader | None:
    """Return the reader with the longest suffix that fits a name; None if there is none."""
    fitting = [suffix for suffix in readers() if name.lower().endswith(suffix)]
    return readers()[max(fitting, key=len)] if fitting else None
