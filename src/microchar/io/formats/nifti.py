"""NIfTI: .nii and .nii.gz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.io.image import DAMAGE, Image, Options, optional, refuse_beyond_memory, stated_size

FORMAT = "NIfTI"
SUFFIXES = (".nii", ".nii.gz")

#: NIfTI's names of the units of length.
_UNITS = {"meter": "m", "mm": "mm", "micron": "um"}


def read(path: Path, options: Options) -> Image:
    """Read the voxels; the first axis of NIfTI runs fastest and is axis 2 here."""
    del options
    nibabel = optional("nibabel", path)
    try:
        image = nibabel.Nifti1Image.from_filename(path)
        # More axes than three, each of one entry, are common: time and vector components.
        shape = tuple(int(n) for n in image.shape)
        shape = shape[:3] if all(n == 1 for n in shape[3:]) else shape
        refuse_beyond_memory(path, shape, np.dtype(image.get_data_dtype()))
        values = np.asarray(image.dataobj).reshape(shape, order="F").T
        zooms = [float(size) for size in image.header.get_zooms()[:3]][::-1]
        unit = _UNITS.get(image.header.get_xyzt_units()[0], "")
    except InputError:
        raise
    except _damage(nibabel) as error:
        raise InputError(
            f"{path}: not a NIfTI file, or damaged ({str(error) or type(error).__name__}); export it again"
        ) from error
    return Image(values, **(stated_size(zooms, unit, "the NIfTI header") if len(zooms) == 3 else {}))


def _damage(nibabel: Any) -> tuple[type[Exception], ...]:
    """Return what nibabel raises on damaged files."""
    own = (
        nibabel.filebasedimages.ImageFileError,
        nibabel.spatialimages.HeaderDataError,
        nibabel.wrapstruct.WrapStructError,
    )
    return (*own, *DAMAGE)
