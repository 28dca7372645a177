"""A single JPEG image."""

from __future__ import annotations

from pathlib import Path

from microchar.io.formats._pillow import grey_image
from microchar.io.image import Image, Options

FORMAT = "JPEG"
SUFFIXES = (".jpg", ".jpeg")


def read(path: Path, options: Options) -> Image:
    """Read grey values."""
    del options
    note = "JPEG compression changes grey values near interfaces: use images that were stored without loss if you can"
    return Image(grey_image(path, "JPEG"), notes=(note,))
