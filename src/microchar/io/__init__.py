"""Volumes from files, and to files.

Every module of this package whose name has no underscore is the reader of one
format (see `microchar.io._image.Reader`), chosen by the suffix of the file; one
that also has a function ``write`` can write it. Another format comes by adding
a module.
"""

from __future__ import annotations

import errno
import hashlib
import os
import pkgutil
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from glob import has_magic
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from microchar.core.errors import InputError, MicrocharError
from microchar.core.files import whole_file
from microchar.core.text import by
from microchar.core.units import canonical_unit, convert, parse_voxel_size
from microchar.core.volume import Volume, as_volume, same_voxels, three_axes
from microchar.io._crop import Box, crop_box
from microchar.io._image import Image, Options, Reader

__all__ = ["read_image", "read_volume", "write_blocks", "write_volume"]

PathLike = str | os.PathLike[str]


def read_volume(
    path: PathLike,
    *,
    voxel_size: float | str | Sequence[float | str] | None = None,
    phases: Mapping[str, int] | Sequence[str] | None = None,
    threshold: float | str | None = None,
    crop: str | Sequence[slice] | None = None,
    mask: Any = None,
    grey: Any = None,
    shape: Sequence[int] | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Volume:
    r"""Read a segmented volume, or a 2D image, from a file.

    Parameters
    ----------
    path : str or path
        - ``.tif``, ``.tiff``: TIFF, BigTIFF, ImageJ, OME; any compression;
        - a folder, or a glob such as ``"scan/*.png"``, of 2D slices (TIFF, PNG),
          stacked along axis 0 in natural order (2 before 10);
        - ``.png``: a 2D image;
        - ``.npy``, ``.npz``; of several arrays in an ``.npz`` the one named behind
          a colon, ``"file.npz:key"``;
        - ``.raw``, ``.bin``: voxels without a header, in C order; `shape` and
          `dtype` say which.

        Uncompressed TIFF in one piece, ``.npy`` and raw files stay on disk
        (memory-mapped) until a block is read.
    voxel_size, phases, threshold
        See `microchar.as_volume`. A voxel size given here goes before the file's.
        A TIFF states its own in OME or ImageJ metadata, or in resolution tags,
        where those are not the dots per inch that image software writes.
    crop : str or sequence of slice, optional
        The part to use, ``"0:100,:,50:"`` or ``"z=0:100"``; ends may be left out.
        Cut before anything else is looked at.
    mask : path or array_like, optional
        Voxels count where it is not zero; on the same voxels as the whole file.
    grey : path or array_like, optional
        The unsegmented image, on the same voxels as the whole file.
    shape, dtype
        Of ``.raw`` and ``.bin`` files, such as ``(400, 400, 400)`` and ``"uint8"``,
        ``">u2"``; other files say themselves, and these are not looked at.
    name : str, optional
        Name in tables and figures; by default the file's, without suffix.

    Returns
    -------
    Volume
        Its `source` holds the path, the format, and the SHA-256 checksum of the
        file (of several slices: of their checksums in order); its `notes` say
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
    options = Options(shape=shape, dtype=dtype)
    text = os.fspath(path)
    image = read_image(text, options)
    values = three_axes(image.values, text)
    box = crop_box(crop, values.shape, text)
    source = _source(text, image)
    companions: dict[str, np.ndarray] = {}
    for what, called, given in (("mask", "mask", mask), ("grey", "grey image", grey)):
        if isinstance(given, str | os.PathLike):
            companion = read_image(given, options)
            of = _source(os.fspath(given), companion)
            source |= {what: of["path"], f"{what}_sha256": of["sha256"]}
            given = companion.values
        if given is not None:
            companions[what] = same_voxels(given, values.shape, called, text)[box]
    volume = as_volume(
        values[box],
        voxel_size=voxel_size,
        phases=phases,
        threshold=threshold,
        **companions,
        name=text,  # so that messages name the file
        source=source,
        notes=[_voxel_size_note(image, voxel_size), *image.notes, *_crop_note(box, values.shape)],
    )
    if voxel_size is None and image.voxel_size is not None:
        volume = replace(volume, voxel_size=image.voxel_size, unit=image.unit)
    return replace(volume, name=_name(text) if name is None else name)


def write_volume(
    volume: Any,
    path: PathLike,
    *,
    voxel_size: float | str | Sequence[float | str] | None = None,
    unit: str | None = None,
) -> None:
    """Write the grey values of a volume, or an array, to a file: all of it, or nothing.

    Parameters
    ----------
    volume : Volume or array_like, 2D or 3D
        What to write. Of a `Volume` the grey values as stored and the voxel size
        are written; phase names, mask and grey image are not.
    path : str or path
        ``.tif`` or ``.tiff`` (uncompressed, with the voxel size, readable by
        ImageJ), or ``.npy`` (which has no place for a voxel size). A file of that
        name is replaced.
    voxel_size : float, str or sequence of three, optional
        As in `microchar.as_volume`; by default the volume's.
    unit : str, optional
        Unit of a `voxel_size` given as numbers; or the one to convert it to.

    Raises
    ------
    InputError
        If the format cannot be written, or the file not be made.
    """
    path = Path(path)
    writer = getattr(_reader(path.name), "write", None)
    if writer is None:
        raise InputError(f"{path}: microchar writes {', '.join(_writable())} only; choose one of these suffixes")
    values = three_axes(volume.values if isinstance(volume, Volume) else np.asarray(volume), str(path))
    if values.dtype == bool:
        values = values.view(np.uint8)
    if values.dtype.kind not in "iuf":
        raise InputError(f"{path}: expected numbers to write, found the data type {values.dtype}")
    size, own = parse_voxel_size(voxel_size)
    if voxel_size is None and isinstance(volume, Volume):
        size, own = volume.voxel_size, volume.unit
    if unit is not None:
        to = canonical_unit(unit)
        z, y, x = (edge if own == "voxel" else convert(edge, own, to) for edge in size)
        size, own = (z, y, x), to
    with whole_file(path) as temporary:
        writer(temporary, values, size, own)


def write_blocks(
    blocks: Iterable[tuple[tuple[slice, ...], np.ndarray]],
    path: PathLike,
    *,
    shape: Sequence[int],
    dtype: Any,
    voxel_size: tuple[float, float, float] = (1.0, 1.0, 1.0),
    unit: str = "voxel",
) -> None:
    """Write a volume to an uncompressed TIFF block by block, in the memory of one block: all of it, or nothing.

    Parameters
    ----------
    blocks : iterable of (box, values)
        Where each block lies, as three slices, and its grey values. Together
        they must fill the volume, in any order.
    path : str or path
        ``.tif`` or ``.tiff``; the file that `write_volume` would write.
    shape, dtype
        Of the whole volume.
    voxel_size, unit
        As a `Volume` has them.

    Raises
    ------
    InputError
        If the file cannot be made, or the disk has no room for it.
    """
    path = Path(path)
    create = getattr(_reader(path.name), "create", None)
    if create is None:
        raise InputError(f"{path}: only .tif and .tiff are written block by block; choose one of these suffixes")
    n0, n1, n2 = (int(n) for n in shape)
    dtype = np.dtype(dtype)
    total = n0 * n1 * n2
    with whole_file(path) as temporary:
        _refuse_full_disk(path, total * dtype.itemsize)
        offset = create(temporary, (n0, n1, n2), dtype, voxel_size, unit)
        _reserve(temporary)
        done = 0
        for box, values in blocks:
            # Mapped anew for each block, so that pages already written do not count as memory of this process.
            whole = np.memmap(temporary, dtype, "r+", offset, (n0, n1, n2))
            whole[box] = values
            done += values.size
            del whole
        if done != total:
            raise MicrocharError(f"{path}: blocks of {done} voxels were made for a volume of {total}")


def _refuse_full_disk(path: Path, size: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise InputError(
            f"{path}: needs {size / 1e9:.1f} GB, the disk has {free / 1e9:.1f} GB free; "
            "make room or choose another folder"
        )


def _reserve(path: Path) -> None:
    """Claim the blocks of a file that is all holes: a mapped write to a full disk would kill the process."""
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise


def read_image(path: PathLike, options: Options) -> Image:
    """Read whatever a file, folder or glob holds, by the reader of its format."""
    text = os.fspath(path)
    found, key = _located(text)
    reader = _reader(found.name + (":" if key else "/" if not found.is_file() else ""))
    if reader is None:
        suffixes = ", ".join(suffix for suffix in _by_suffix() if suffix[-1] not in ":/")
        raise InputError(
            f"{text}: cannot tell the format by the name; microchar reads {suffixes}, "
            "and folders and globs of 2D slices"
        )
    try:
        if found.is_file() and found.stat().st_size == 0:
            raise InputError(f"{text}: the file is empty (0 bytes); copy or export it again")
        image = reader.read(found, replace(options, key=key))
    except OSError as error:
        raise InputError(f"{text}: cannot be read ({error.strerror or error})") from error
    return replace(image, format=reader.FORMAT, files=image.files or (found,))


def _located(text: str) -> tuple[Path, str]:
    """Return what a path names, and the key behind a colon."""
    file, _, key = text.rpartition(":")
    if file and not os.path.exists(text) and os.path.isfile(file):
        return Path(file), key
    if not os.path.exists(text) and not has_magic(text):
        raise InputError(f"{text}: no such file or folder")
    return Path(text), ""


@cache
def _by_suffix() -> Mapping[str, Reader]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    readers: list[Any] = [import_module(f"{__name__}.{name}") for name in names]
    return {suffix: reader for reader in readers for suffix in reader.SUFFIXES}


def _reader(name: str) -> Reader | None:
    fitting = [suffix for suffix in _by_suffix() if name.lower().endswith(suffix)]
    return _by_suffix()[max(fitting, key=len)] if fitting else None


def _writable() -> list[str]:
    return [suffix for suffix, reader in _by_suffix().items() if hasattr(reader, "write")]


def _source(text: str, image: Image) -> dict[str, str]:
    checksums = []
    for path in image.files:
        with path.open("rb") as file:
            checksums.append(hashlib.file_digest(file, "sha256"))
    whole = checksums[0] if len(checksums) == 1 else hashlib.sha256(b"".join(each.digest() for each in checksums))
    return {"path": text, "format": image.format, "sha256": whole.hexdigest()}


def _voxel_size_note(image: Image, given: Any) -> str:
    stated = image.voxel_size and f"{by(image.voxel_size)} {image.unit}"
    if given is not None:
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
    path, key = _located(text)
    if path.is_dir():
        return path.resolve().name
    if not path.exists():  # a glob is called by its folder
        return path.parent.resolve().name
    stem = path.stem.removesuffix(".ome")
    return f"{stem}:{key}" if key else stem
