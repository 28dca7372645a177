"""Single images that Pillow reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from microchar.core.errors import InputError
from microchar.io.image import DAMAGE


def grey_image(path: Path, name: str) -> np.ndarray:
    """Read the grey values of an image in one format of Pillow; of an image with a palette, the palette indices.

    Such files say nothing that could be taken for a voxel size: their pixels per metre
    are those of a screen or printer.
    """
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with Pillow.open(path, formats=(name,)) as image:
            colours = len(image.getbands())
            if colours != 1:
                raise InputError(
                    f"{path}: found a colour image ({image.mode}, {colours} values per pixel), expected grey values or "
                    "labels; convert it to 8-bit grey (in ImageJ: Image > Type > 8-bit)"
                )
            return np.asarray(image)
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: not a {name} image, despite its suffix; export it again") from error
    except Pillow.DecompressionBombError as error:
        raise InputError(f"{path}: the image is too large for {name} ({error}); save it as TIFF") from error
    except MemoryError as error:
        raise InputError(f"{path}: the image does not fit into memory, or is damaged; save it as TIFF") from error
    except DAMAGE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: the image is truncated or damaged ({error}); export it again") from error
