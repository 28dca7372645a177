"""TIFF files: multi-page, BigTIFF, ImageJ, OME; memory-mapped if the voxels are contiguous and uncompressed."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microchar.core.errors import InputError
from microchar.io.formats._tiff_metadata import stated_voxel_size
from microchar.io.image import DAMAGE, Image, Options, refuse_beyond_memory, refuse_shorter_than

if TYPE_CHECKING:
    import tifffile

FORMAT = "TIFF"
SUFFIXES = (".tif", ".tiff")

#: Exceptions that they raise for some damaged files, and that a version with another interface raises for every file.
_DAMAGE_OR_VERSION = (TypeError, AttributeError)
#: A file with more "channels" than this, and no other planes, is taken to be a volume whose axes were not named.
_CHANNELS = 16
#: Tags that say what the voxels are: image size, type and coding of the values, description, position of the voxels,
#: resolution.
_NEEDED_TAGS = frozenset(
    {*(256, 257, 258, 259, 262, 266, 270, 273, 277, 278, 279, 282, 283, 284, 296, 317, 322, 323, 324, 325, 339)}
)
#: The types of values that TIFF and BigTIFF have. tifffile leaves a tag of another type out.
_TYPES = frozenset({*range(1, 14), 16, 17, 18})
#: Bytes per value of the TIFF types: byte and text, short, long, rational, BigTIFF's long.
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 16: 8}
#: Number of bytes (with room for headers) from which a file needs 64-bit offsets, which ImageJ's variant lacks.
_CLASSIC_LIMIT = 2**32 - 2**25


def read(path: Path, options: Options) -> Image:
    """Read the only image of a file."""
    del options
    import tifffile

    _refuse_broken_chain(path)
    try:
        with tifffile.TiffFile(path) as file:
            series = _only_image(file, path)
            shape, notes = _spatial_shape(series, path)
            dtype = np.dtype(file.byteorder + series.dtype.char)
            values = _mapped(path, series, shape, dtype)
            if values is None:
                _refuse_incomplete(path, series, shape)
                values = series.asarray().reshape(shape)
            size, unit, note = stated_voxel_size(file, values.ndim)
    except InputError:
        raise
    except (tifffile.TiffFileError, *DAMAGE) as error:
        raise InputError(
            f"{path}: the TIFF file is damaged or of an unknown kind ({str(error) or type(error).__name__}); "
            "export it again"
        ) from error
    except _DAMAGE_OR_VERSION as error:
        raise InputError(
            f"{path}: tifffile {tifffile.__version__} fails to read the file ({type(error).__name__}: {error}); if it "
            "reads other TIFF files, this one is damaged: export it again. If not, install another version of tifffile"
        ) from error
    return Image(values, size, unit, note, notes)


def write(path: Path, image: Image) -> None:
    """Write an uncompressed TIFF with its voxel size: as ImageJ does where that can hold it, else OME-TIFF."""
    import tifffile

    values, voxel_size, unit = image.values, image.voxel_size or (1.0, 1.0, 1.0), image.unit
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8:  # no image program reads 64-bit integers
        values = values.astype(np.result_type(np.min_scalar_type(values.min()), np.min_scalar_type(values.max())))
        if values.dtype.itemsize == 8:
            raise InputError(f"grey values from {values.min()} to {values.max()} do not fit in a TIFF; write .npy")
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    shape, arguments = _layout(values.shape, values.dtype, voxel_size, unit)
    tifffile.imwrite(path, values.reshape(shape), **arguments)


def create(
    path: Path, shape: Sequence[int], dtype: np.dtype[Any], voxel_size: tuple[float, float, float], unit: str
) -> int:
    """Write the file that `write` would write, but with zeros, and return the byte offset of the first value."""
    import tifffile

    paged, arguments = _layout(shape, dtype, voxel_size, unit)
    location: Any = tifffile.imwrite(path, shape=paged, dtype=dtype, returnoffset=True, **arguments)
    return int(location[0])


def _layout(
    shape: Sequence[int], dtype: np.dtype[Any], voxel_size: tuple[float, float, float], unit: str
) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Return the shape as it is stored in the file, and the arguments for tifffile."""
    known = unit != "voxel" or voxel_size != (1.0, 1.0, 1.0)
    resolution = (_per_unit(voxel_size[2]), _per_unit(voxel_size[1]))
    metadata: dict[str, Any] = {}
    if dtype in (np.uint8, np.uint16, np.float32) and math.prod(shape) * dtype.itemsize < _CLASSIC_LIMIT:
        if known:
            metadata = {"spacing": voxel_size[0], "unit": "pixel" if unit == "voxel" else unit}
        n0, n1, n2 = shape
        return (1, n0, 1, n1, n2, 1), {
            "imagej": True,
            "photometric": "minisblack",
            "resolution": resolution if known else None,
            "metadata": {"axes": "TZCYXS", **metadata},
        }
    if known:
        name = {"voxel": "pixel", "um": "µm"}.get(unit, unit)
        for axis, size in zip("ZYX", voxel_size, strict=True):
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": name}
    return tuple(shape), {"ome": True, "photometric": "minisblack", "metadata": {"axes": "ZYX", **metadata}}


def _per_unit(size: float) -> tuple[int, int]:
    """Return pixels per unit of length as the fraction of two 32-bit numbers that TIFF has for it."""
    # The shortest decimal of a size is what the user wrote: its inverse is exact, which that of the float is not.
    ratio = 1 / Fraction(repr(float(size)))
    if max(ratio.numerator, ratio.denominator) >= 2**32:
        ratio = ratio.limit_denominator(int((2**32 - 1) / max(float(ratio), 1.0)) or 1)
    return ratio.numerator, ratio.denominator


def _refuse_broken_chain(path: Path) -> None:
    """Follow the chain of pages to its end and raise InputError if it is broken.

    tifffile would stop at the break and return fewer pages. A page is a list of tags
    followed by the offset of the next page. A value that does not fit into its tag is
    stored elsewhere in the file.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        order = {b"II": "<", b"MM": ">"}.get(start[:2], "")
        kind = struct.unpack(order + "H", start[2:4])[0] if order and len(start) == 8 else 0
        if kind not in (42, 43):
            raise InputError(f"{path}: not a TIFF file, despite its suffix: it begins with {start[:4]!r}")
        # Classic TIFF has 2 bytes for the number of tags and 4 for an offset, BigTIFF has 8 for both.
        number, offset = (struct.Struct(order + code) for code in ("HI" if kind == 42 else "QQ"))
        tag = struct.Struct(order + ("HHII" if kind == 42 else "HHQQ"))
        pointer, pages = offset.size, set[int]()
        while pointer + offset.size <= length:
            file.seek(pointer)
            (page,) = offset.unpack(file.read(offset.size))
            if page == 0:
                return
            if page in pages or page + number.size > length:
                break
            pages.add(page)
            file.seek(page)
            (tags,) = number.unpack(file.read(number.size))
            pointer = page + number.size + tags * tag.size
            if pointer > length or any(
                code in _NEEDED_TAGS
                and (
                    type_ not in _TYPES
                    or ((size := _TYPE_SIZES.get(type_, 0) * count) > offset.size and value + size > length)
                )
                for code, type_, count, value in tag.iter_unpack(file.read(tags * tag.size))
            ):
                break
    raise InputError(
        f"{path}: the TIFF file is truncated or damaged: what describes its page {max(len(pages), 1)} or the next one "
        f"lies beyond the {length} bytes of the file; copy or export it again"
    )


def _only_image(file: tifffile.TiffFile, path: Path) -> tifffile.TiffPageSeries:
    if not file.pages:
        raise InputError(f"{path}: the TIFF file holds no image")
    page = file.pages.first
    if page.samplesperpixel != 1:
        kind = getattr(page.photometric, "name", page.photometric)
        raise InputError(
            f"{path}: found a colour image ({kind}, {page.samplesperpixel} values per pixel), expected grey values or "
            "labels; convert it to 8-bit grey (in ImageJ: Image > Type > 8-bit) or save one channel"
        )
    if len(file.series) != 1:
        shapes = [" × ".join(str(n) for n in series.shape) for series in file.series]
        shown = ", ".join(shapes[:4]) + (", …" if len(shapes) > 4 else "")
        raise InputError(
            f"{path}: found {len(shapes)} images of different kinds ({shown}), expected one volume; "
            "save the one to be measured by itself"
        )
    series = file.series[0]
    # If the metadata do not match the pages, tifffile falls back to the pages that it finds.
    if series.kind in ("generic", "uniform") and (file.is_imagej or file.is_shaped):
        raise InputError(
            f"{path}: the file's metadata do not fit its {len(file.pages)} pages of {page.shape}; "
            "it is truncated or damaged: copy or export it again"
        )
    return series


def _spatial_shape(series: tifffile.TiffPageSeries, path: Path) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the shape without axes of length one, except rows and columns, and notes about the shape."""
    axes = [(axis, int(n)) for axis, n in zip(series.axes, series.shape, strict=True) if axis != "S"]
    if series.kind != "shaped":
        # Some versions of tifffile list axes of length one and others do not; each page states its rows and columns.
        axes = [(axis, n) for axis, n in axes if n > 1]
        rows, columns = int(series.keyframe.imagelength), int(series.keyframe.imagewidth)
        for n in (columns, rows):
            if n > 1 and axes and axes[-1][1] == n:
                axes.pop()
        axes += [("Y", rows), ("X", columns)]
    if len(axes) > 3:
        axes = [(axis, n) for axis, n in axes if n > 1 or axis in "YX"]
    names, shape = "".join(axis for axis, _ in axes), tuple(n for _, n in axes)
    channels = dict(axes).get("C", 1)
    if channels > 1 and (channels <= _CHANNELS or len(axes) > 3):
        raise InputError(
            f"{path}: found {channels} channels (axes {names} of shape {shape}), expected one; save one channel by "
            "itself. If they are the planes of a volume, say so in the file (in ImageJ: Image > Properties)"
        )
    if len(axes) > 3:
        raise InputError(
            f"{path}: expected a 3D volume or a 2D image, found {len(axes)} axes {names} of shape {shape}; "
            "select one channel or time step first"
        )
    called = {"C": "channels", "T": "time steps"}.get(names[0])
    return shape, (f"the {called} of the file are used as planes of the volume",) if called else ()


def _mapped(
    path: Path, series: tifffile.TiffPageSeries, shape: Sequence[int], dtype: np.dtype[Any]
) -> np.ndarray | None:
    if series.dataoffset is None:
        return None
    refuse_shorter_than(path, series.dataoffset, shape, dtype)
    return np.memmap(path, dtype, "r", series.dataoffset, tuple(shape))


def _refuse_incomplete(path: Path, series: tifffile.TiffPageSeries, shape: Sequence[int]) -> None:
    """Raise InputError if pages or parts of pages are missing or do not fit the shape; tifffile would insert zeros."""
    refuse_beyond_memory(path, shape, series.dtype)
    voxels = 0
    for number, page in enumerate(series.pages):
        length = 0 if page is None else page.parent.filehandle.size
        ends = [] if page is None else [a + n for a, n in zip(page.dataoffsets, page.databytecounts, strict=True)]
        if page is None or max(ends, default=0) > length:
            where = f"ends at byte {max(ends)} of a file of {length}" if ends else "is missing"
            raise InputError(
                f"{path}: the TIFF file is truncated or damaged: page {number + 1} of {len(series.pages)} {where}; "
                "copy or export it again"
            )
        voxels += math.prod(page.shape)
    if voxels != math.prod(shape):
        raise InputError(
            f"{path}: the file declares {' × '.join(str(n) for n in shape)} = {math.prod(shape)} voxels and has "
            f"{voxels}; it is truncated or damaged: copy or export it again"
        )
