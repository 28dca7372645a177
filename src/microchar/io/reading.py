"""`read_volume`: read a volume from a file, a folder of slices, or a glob."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from microchar.core.grid import triple
from microchar.core.stored_voxels import StoredVoxels
from microchar.core.text import by
from microchar.core.units import check_voxel_size
from microchar.core.volume import Volume, as_volume, refuse_other_voxels, same_voxels
from microchar.io.crop import crop_box
from microchar.io.dispatch import PathLike, locate, read_image
from microchar.io.image import Box, Image, Options, Stored
from microchar.io.source import FileSource


def read_volume(
    path: PathLike,
    *,
    voxel_size: float | str | Sequence[float | str] | None = None,
    phases: Mapping[str, int] | Sequence[str] | None = None,
    threshold: float | str | None = None,
    crop: str | Sequence[slice] | None = None,
    mask: Any = None,
    outside: int | None = None,
    grey: Any = None,
    shape: Sequence[int] | None = None,
    dtype: Any = None,
    offset: int = 0,
    name: str | None = None,
    on_disk: bool = False,
) -> Volume:
    r"""Read a segmented volume, or a 2D image, from a file.

    Parameters
    ----------
    path : str or path
        - ``.tif``, ``.tiff``: TIFF, BigTIFF, ImageJ, OME; any compression;
        - a folder, or a glob such as ``"scan/*.png"``, of 2D slices (TIFF, PNG, BMP,
          JPEG), stacked along axis 0 in natural order (2 before 10);
        - ``.png``, ``.bmp``, ``.jpg``: a 2D image;
        - ``.npy``, ``.npz``; of several arrays in an ``.npz`` the one named behind
          a colon, ``"file.npz:key"``;
        - ``.mat`` (MATLAB 5 and 7.3), ``.h5`` (HDF5), ``.zarr`` (Zarr 2 and 3,
          OME-Zarr); of several arrays the one named behind two colons,
          ``"file.h5::group/dataset"``;
        - ``.nrrd``, ``.nhdr``, ``.nii``, ``.nii.gz``, ``.mha``, ``.mhd``, ``.vti``;
        - ``.raw``, ``.bin``, or any other suffix: voxels in C order; `shape`, `dtype`
          and `offset` say which.

        All but the first four and raw files need the extra ``microchar[formats]``.
        Uncompressed TIFF and NRRD in one piece, ``.npy`` and raw files stay on disk
        (memory-mapped) until a block is read. Of axes more than three, those of length
        one (a batch, a channel, a time step) are left out.

        Slices with gaps or unequal steps in their numbers are noted; names of two
        patterns, such as ``real00.png`` and ``mask00.png``, are refused.
    voxel_size, phases, threshold
        See `microchar.as_volume`. A voxel size given here replaces that of the file.
        The voxel size of a TIFF file is read from OME or ImageJ metadata, from tifffile's
        ``metadata={"spacing": ..., "unit": ...}`` with its resolution in pixels per unit,
        or from resolution tags unless these are the dots per inch that image software
        writes, which up to 1200 are no voxel size.
    crop : str or sequence of slice, optional
        The part of the volume to use, ``"0:100,:,50:"`` or ``"z=0:100"``; ends may be
        left out. Grey values outside this part are ignored and, where the format allows
        it, not read: only the pages of a TIFF file, the slices of a folder, or the chunks
        of an HDF5 or Zarr array that the part touches are decompressed.
    mask : path or array_like, optional
        Nonzero for the voxels inside the mask; on the same voxels as the whole file.
    grey : path or array_like, optional
        The unsegmented image, on the same voxels as the whole file.
    outside : int, optional
        Grey value of voxels that belong to no phase: they are outside the mask.
    shape, dtype, offset
        Of raw voxels: lengths such as ``(400, 400, 400)``, data type such as ``"uint8"``
        or ``">u2"``, and the number of bytes before the first voxel. Ignored for files
        that state them.
    name : str, optional
        Name in tables and figures; default the name of the file without suffix.
    on_disk : bool
        Whether the voxels stay in the file, and are read block by block where they are
        needed: by the workers of an executor, too, which must see the file at the same
        path. It takes little memory, and compressed voxels are decompressed once for
        each metric. Formats that are only read whole, and masks, are read at once.

    Returns
    -------
    Volume
        Its `source` holds the path, the format, and the SHA-256 checksum of the
        file (for several slices: of their checksums in order). Its `notes` state
        what was assumed.

    Raises
    ------
    InputError
        If the file cannot be used as a volume; the message names the file, what
        was found, what was expected, and what to do.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import microchar as mc
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mc.write_volume(np.eye(8, dtype=np.uint8) * 255, f"{folder}/diagonal.tif", voxel_size="3um")
    ...     volume = mc.read_volume(f"{folder}/diagonal.tif", phases={"pore": 0, "solid": 255}, crop="y=2:6")
    >>> volume.shape, volume.voxel_size, volume.unit, volume.name
    ((1, 4, 8), (3.0, 3.0, 3.0), 'um', 'diagonal')
    """
    options = Options(shape=shape, dtype=dtype, offset=offset)
    text = os.fspath(path)
    image = read_image(text, options)
    whole = image.shape
    box = crop_box(crop, whole, text)
    source = _source(text, image)
    companions: dict[str, np.ndarray] = {}
    for key, title, data in (("mask", "mask", mask), ("grey", "grey image", grey)):
        if isinstance(data, str | os.PathLike):
            companion = read_image(data, options)
            origin = _source(os.fspath(data), companion)
            source |= {key: origin["path"], f"{key}_sha256": origin["sha256"]}
            refuse_other_voxels(companion.shape, whole, title, text)
            companions[key] = _voxels(os.fspath(data), options, companion, box, on_disk and key == "grey")
        elif data is not None:
            companions[key] = same_voxels(data, whole, title, text)[box]
    volume = as_volume(
        _voxels(text, options, image, box, on_disk),
        voxel_size=voxel_size,
        phases=image.phases or None if phases is None and threshold is None else phases,
        threshold=threshold,
        outside=outside,
        **companions,
        name=text,  # so that messages name the file
        source=source,
        notes=[_voxel_size_note(image, voxel_size), *image.notes, *_crop_note(box, whole)],
    )
    if voxel_size is None and image.voxel_size is not None:
        check_voxel_size(image.voxel_size, image.unit, f"{text}: {image.voxel_size_note or 'voxel size'}")
        volume = replace(volume, voxel_size=image.voxel_size, unit=image.unit)
    return replace(volume, name=_name(text) if name is None else name)


def _voxels(text: str, options: Options, image: Image, box: Box, on_disk: bool) -> Any:
    """Return the voxels of a box; what is to stay on disk is `StoredVoxels`, so far as its format is read by boxes."""
    if not on_disk or not isinstance(image.values, Stored | np.memmap):
        return image.unpacked(box)
    dtype = image.values.dtype
    return StoredVoxels(
        FileSource.of(text, options),
        triple(part.start for part in box),
        triple(part.stop - part.start for part in box),
        np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("="),
    )


def _source(text: str, image: Image) -> dict[str, str]:
    checksums = []
    for path in image.files:
        with path.open("rb") as file:
            checksums.append(hashlib.file_digest(file, "sha256"))
    checksum = checksums[0] if len(checksums) == 1 else hashlib.sha256(b"".join(each.digest() for each in checksums))
    return {"path": text, "format": image.format, "sha256": checksum.hexdigest()}


def _voxel_size_note(image: Image, voxel_size: Any) -> str:
    stated = image.voxel_size and f"{by(image.voxel_size)} {image.unit}"
    if voxel_size is not None:
        return "voxel size as given" + (f", instead of {stated} in the file" if stated else "")
    if stated:
        return image.voxel_size_note
    return "no voxel size in the file: lengths are in voxels" + (
        f" ({image.voxel_size_note})" if image.voxel_size_note else ""
    )


def _crop_note(box: Box, shape: tuple[int, ...]) -> list[str]:
    if all(part.stop - part.start == n for part, n in zip(box, shape, strict=True)):
        return []
    cut = ", ".join(f"{part.start}:{part.stop}" for part in box)
    return [f"cropped to {cut} of {by(shape)} voxels"]


def _name(text: str) -> str:
    path, key = locate(text)
    if path.is_dir():
        return path.resolve().name
    if not path.exists():  # a glob is named after its folder
        return path.parent.resolve().name
    stem = path.stem.removesuffix(".ome").removesuffix(".nii")
    return f"{stem}:{key}" if key else stem
