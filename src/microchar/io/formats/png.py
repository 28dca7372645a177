"""A single PNG image."""

from __future__ import annotations

from pathlib import Path

from microchar.io.formats._pillow import grey_image
from microchar.io.image import Image, Options

FORMAT = "PNG"
SUFFIXES = (".png",)


def read(path: Path, options: Options) -> Image:
    """Read grey values."""
    del options
    return Image(grey_image(path, "PNG"))
