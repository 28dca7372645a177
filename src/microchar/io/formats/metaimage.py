"""MetaImage: .mha, and .mhd with its voxels beside it."""

from __future__ import annotations

from pathlib import Path

from microchar.core.errors import InputError
from microchar.io.formats._stderr import captured_stderr
from microchar.io.image import Image, Options, optional, stated_size

FORMAT = "MetaImage"
SUFFIXES = (".mha", ".mhd")


def read(path: Path, options: Options) -> Image:
    """Read the voxels with SimpleITK; the first axis of MetaImage runs fastest and is axis 2 here.

    The format names no unit; lengths are in millimetres by convention.
    """
    del options
    itk = optional("SimpleITK", path)
    try:
        reader = itk.ImageFileReader()
        reader.SetImageIO("MetaImageIO")
        reader.SetFileName(str(path))
        with captured_stderr() as said:
            image = reader.Execute()
    except RuntimeError as error:
        why = said[0].strip() if said else str(error).strip().splitlines()[-1]
        raise InputError(f"{path}: not a MetaImage file, or damaged ({why}); export it again") from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"{path}: found {image.GetNumberOfComponentsPerPixel()} values per voxel, expected one; save one component"
        )
    values = itk.GetArrayFromImage(image)
    sizes = [float(size) for size in image.GetSpacing()][::-1]
    sizes = [sizes[0], *sizes] if len(sizes) == 2 else sizes
    # Spacings of 1 are what writers fill in where they know of none.
    unit = "" if sizes == [1.0, 1.0, 1.0] else "mm"
    origin = "the MetaImage header, which names no unit: millimetres are assumed"
    return Image(values, **(stated_size(sizes, unit, origin) if len(sizes) == 3 else {}))
