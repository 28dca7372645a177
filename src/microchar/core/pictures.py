"""Grey pictures as text: PNG in base64, for JSON and HTML."""

from __future__ import annotations

import base64
import io

import numpy as np

#: Longest edge, in pixels, of the pictures that are kept for the report.
_EDGE = 512


def encode(levels: np.ndarray) -> str:
    """Write grey levels (uint8, 2D) or colours (uint8, 2D × 3) as the base64 text of a PNG file.

    Of large pictures every n-th pixel is taken: a mean would invent levels
    between the phases.
    """
    from PIL import Image

    step = -(-max(levels.shape[:2]) // _EDGE)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(levels[::step, ::step])).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def decode(text: str) -> np.ndarray:
    """Read what `encode` wrote."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))
