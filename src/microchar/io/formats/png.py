"""PNG images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from microchar.core.errors import InputError
from microchar.io.image import Image, Options

FORMAT = "PNG"
SUFFIXES = (".png",)


def read(path: Path, options: Options) -> Image:
    """Read the grey values of an image or, if it has a palette, the palette indices.

    PNG files contain no voxel size: their pixels per metre are those of a screen
    or printer.
    """
    del options
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with Pillow.open(path, formats=("PNG",)) as image:
            colours = len(image.getbands())
            if colours != 1:
                raise InputError(
                    f"{path}: found a colour image ({image.mode}, {colours} values per pixel), expected grey values or "
                    "labels; convert it to 8-bit grey (in ImageJ: Image > Type > 8-bit)"
                )
            return Image(np.asarray(image))
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: not a PNG image, although it is named so; export it again") from error
    except Pillow.DecompressionBombError as error:
        raise InputError(f"{path}: the image is too large for PNG ({error}); save it as TIFF") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: the image is truncated or damaged ({error}); export it again") from error
