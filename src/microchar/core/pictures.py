"""Encode pictures as text (PNG in base64) for JSON and HTML, and decode them."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from microchar.core.volume import Volume

#: Longest edge of a picture that is stored for the report, in pixels.
_EDGE = 512


def encode(levels: np.ndarray) -> str:
    """Return grey levels (uint8, 2D) or colours (uint8, 2D × 3) as a PNG file in base64.

    Large pictures are reduced to every n-th pixel: averaging would create grey
    levels between those of the phases.
    """
    from PIL import Image

    step = -(-max(levels.shape[:2]) // _EDGE)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(levels[::step, ::step])).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def decode(text: str) -> np.ndarray:
    """Return the pixels of a picture that `encode` encoded; anything else is a ValueError."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=["PNG"]) as picture:
            if max(picture.size) > _EDGE:
                raise ValueError(f"{picture.size[0]} × {picture.size[1]} pixels, expected at most {_EDGE}")
            return np.asarray(picture)
    except (OSError, SyntaxError, struct.error, zlib.error) as error:
        raise ValueError(f"no PNG file: {error}") from error


def middle_slices(volume: Volume) -> dict[int, tuple[int, str]]:
    """Return position and picture of the middle slice normal to each axis; a 2D image has only one."""
    axes = [axis for axis in range(3) if volume.grid.ndim == 3 or volume.shape[axis] == 1]
    slices = {}
    for axis in axes:
        position = volume.shape[axis] // 2
        start = [0, 0, 0]
        stop = list(volume.shape)
        start[axis], stop[axis] = position, position + 1
        slices[axis] = (position, encode(replace(volume, grey=None).grey_levels(start, stop).squeeze(axis)))
    return slices
