"""NIfTI: .nii and .nii.gz."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.io.image import DAMAGE, Box, Image, Options, Stored, optional, stated_size

FORMAT = "NIfTI"
SUFFIXES = (".nii", ".nii.gz")

#: Number of bytes before the first voxel, at least.
_HEADER = 352
#: NIfTI's names of the units of length.
_UNITS = {"meter": "m", "mm": "mm", "micron": "um"}


def read(path: Path, options: Options) -> Image:
    """Open a volume; the first axis of NIfTI runs fastest and is axis 2 here."""
    del options
    nibabel = optional("nibabel", path)
    with _reading(path, nibabel):
        image = nibabel.Nifti1Image.from_filename(path)
        if image.dataobj.offset < _HEADER:  # nibabel would read the header as voxels
            raise InputError(
                f"{path}: the header says that the voxels begin at byte {image.dataobj.offset}, expected {_HEADER} or "
                "more; export it again"
            )
        zooms = [float(size) for size in image.header.get_zooms()[:3]][::-1]
        unit = _UNITS.get(image.header.get_xyzt_units()[0], "")
        return Image(
            Stored(path, image.shape, _dtype(image), partial(_load, path, nibabel, image)).transposed(),
            **(stated_size(zooms, unit, "the NIfTI header") if len(zooms) == 3 else {}),
        )


def _dtype(image: Any) -> np.dtype[Any]:
    voxels = image.dataobj
    scaled = (voxels.slope, voxels.inter) != (1, 0)
    return np.dtype(np.float64) if scaled else np.dtype(image.get_data_dtype())


def _load(path: Path, nibabel: Any, image: Any, box: Box) -> np.ndarray:
    with _reading(path, nibabel):
        return np.asarray(image.dataobj[box])


@contextmanager
def _reading(path: Path, nibabel: Any) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except _damage(nibabel) as error:
        raise InputError(
            f"{path}: not a NIfTI file, or damaged ({' '.join(str(error).split()) or type(error).__name__}); "
            "export it again"
        ) from error


def _damage(nibabel: Any) -> tuple[type[Exception], ...]:
    """Return what nibabel raises on damaged files."""
    own = (
        nibabel.filebasedimages.ImageFileError,
        nibabel.spatialimages.HeaderDataError,
        nibabel.wrapstruct.WrapStructError,
    )
    return (*own, *DAMAGE)
