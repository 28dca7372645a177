"""`write_volume` and `write_blocks`: volumes to files, whole or block by block."""

from __future__ import annotations

import errno
import os
import shutil
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microchar.core.errors import InputError, MicrocharError
from microchar.core.files import file_path, whole_file
from microchar.core.units import canonical_unit, convert, parse_voxel_size
from microchar.core.volume import Volume, three_axes
from microchar.io.dispatch import PathLike, reader_of, readers
from microchar.io.image import Image

#: Files in a folder that is a Zarr volume, of versions 3 and 2; another folder is not replaced.
_FOLDER_MARKS = ("zarr.json", ".zgroup", ".zarray")


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
        What to write: the grey values as stored; of a `Volume` also the voxel size
        and the phase names, but not mask and grey image.
    path : str or path
        ``.tif`` or ``.tiff`` (uncompressed, with the voxel size, readable by
        ImageJ; no phase names), ``.npy`` (neither: a warning says what is lost), or,
        with ``microchar[formats]`` installed, ``.nrrd``, ``.h5``, ``.zarr`` and
        ``.vti``. A volume of that name is replaced.
    voxel_size : float, str or sequence of three, optional
        As in `microchar.as_volume`; by default the volume's.
    unit : str, optional
        Unit of a `voxel_size` given as numbers; or the one to convert it to.

    Raises
    ------
    InputError
        If the format cannot be written, or the file not be made.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import microchar as mc
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "slabs.tif"
    ...     mc.write_volume(mc.datasets.slabs((4, 8, 8), thicknesses=(1, 1)), file, voxel_size="2um")
    ...     mc.read_volume(file).voxel_size
    (2.0, 2.0, 2.0)
    """
    path = file_path(path)
    format_ = writable_format(path.name)
    if format_ is None:
        raise InputError(
            f"{path}: microchar writes {', '.join(writable_suffixes())} only; choose one of these suffixes"
        )
    if path.is_dir() and not any((path / mark).exists() for mark in _FOLDER_MARKS):
        raise InputError(f"{path}: is a folder of other files, expected a {path.suffix} volume to replace, or nothing")
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
    image = Image(values, size, own, phases=_phases(volume))
    with whole_file(path) as temporary:
        format_.write(temporary, image)
    given = {"voxel size": own != "voxel" or size != (1.0, 1.0, 1.0), "phase names": bool(image.phases)}
    lost = [what for what in getattr(format_, "LOSES", ()) if given[what]]
    if lost:
        warnings.warn(f"{path}: {format_.FORMAT} files do not keep the {' and the '.join(lost)}", stacklevel=2)


def writable_format(name: str) -> Any:
    """Return the format in which volumes of a file of this name are written; None if there is none."""
    # Formats that are folders have suffixes with a "/" at the end.
    formats = (reader_of(full) for full in (name, f"{name}/"))
    return next((one for one in formats if hasattr(one, "write")), None)


def _phases(volume: Any) -> dict[str, int]:
    """Return the phases of a volume that were given names of their own."""
    named = dict(zip(volume.phases, volume.grey_values, strict=True)) if isinstance(volume, Volume) else {}
    return {} if all(name == str(grey) for name, grey in named.items()) else named


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
    path = file_path(path)
    create = getattr(reader_of(path.name), "create", None)
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


def writable_suffixes() -> list[str]:
    """Return the suffixes of the files that `write_volume` writes."""
    suffixes = (suffix.rstrip("/") for suffix, reader in readers().items() if hasattr(reader, "write"))
    return sorted(suffix for suffix in suffixes if not suffix.endswith(":"))
