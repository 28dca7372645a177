"""A single BMP image."""

from __future__ import annotations

from pathlib import Path

from microchar.core.errors import InputError
from microchar.io.formats._pillow import grey_image
from microchar.io.image import Image, Options

FORMAT = "BMP"
SUFFIXES = (".bmp",)


def read(path: Path, options: Options) -> Image:
    """Read grey values."""
    del options
    values = grey_image(path, "BMP")
    if values.dtype == bool and _bits(path) != 1:  # Pillow takes a short palette for one bit per pixel
        raise InputError(
            f"{path}: found a palette of one colour or two with {_bits(path)} bits per pixel, expected one bit"
        )
    return Image(values)


def _bits(path: Path) -> int:
    """Return the number of bits per pixel; it stands at another place in files of OS/2, whose header has 12 bytes."""
    with path.open("rb") as file:
        start = file.read(30)
    place = 24 if start[14] == 12 else 28
    return int.from_bytes(start[place : place + 2], "little")
