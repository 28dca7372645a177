"""TIFF files: multi-page, BigTIFF, ImageJ, OME; memory-mapped if the voxels are contiguous and uncompressed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from microchar.core.errors import InputError
from microchar.io.formats._tiff_chain import ChainedPage, follow_each_other, refuse_unlike, sound_chain
from microchar.io.formats._tiff_metadata import stated_voxel_size
from microchar.io.image import DAMAGE, Box, Image, Options, Stored, refuse_beyond_memory, refuse_shorter_than

if TYPE_CHECKING:
    import tifffile

FORMAT = "TIFF"
SUFFIXES = (".tif", ".tiff")

#: Exceptions that they raise for some damaged files, and that a version with another interface raises for every file.
_DAMAGE_OR_VERSION = (TypeError, AttributeError)
#: A file with more "channels" than this, and no other planes, is taken to be a volume whose axes were not named.
_CHANNELS = 16
#: How the tag Software begins in files that `write` and `create` make.
_SOFTWARE = "microchar "
#: Number of bytes (with room for headers) from which a file needs 64-bit offsets, which ImageJ's variant lacks.
_CLASSIC_LIMIT = 2**32 - 2**25
#: A negative number of a page or plane in OME metadata.
_MISPLACED = re.compile(r'\b(?:IFD|First[ZCT]|PlaneCount)\s*=\s*["\']\s*-')
#: Number of bytes that are decoded at a time.
_PIECE = 2**26


def read(path: Path, options: Options) -> Image:
    """Find the only image of a file."""
    del options
    import tifffile

    with _reading(path):
        pages = sound_chain(path)
        with tifffile.TiffFile(path) as file:
            file.pages.cache = True
            stack = _only_stack(file, path)
            if len(stack) == 1:
                refuse_unlike(pages, path, plain=stack[0].keyframe.compression == 1)
            shape, notes = _spatial_shape(stack, path)
            mapped = _mapped(path, file, stack, shape, pages)
            values = _stored(path, file, stack, shape) if mapped is None else mapped
            size, unit, note = stated_voxel_size(file, len(shape))
    return Image(values, size, unit, note, notes)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    import tifffile

    try:
        yield
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


def write(path: Path, image: Image) -> None:
    """Write an uncompressed TIFF with its voxel size: as ImageJ does where that can hold it, else OME-TIFF."""
    import tifffile

    values, voxel_size, unit = image.read(), image.voxel_size or (1.0, 1.0, 1.0), image.unit
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
    from microchar import __version__

    software = f"{_SOFTWARE}{__version__}"
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
            "software": software,
            "resolution": resolution if known else None,
            "metadata": {"axes": "TZCYXS", **metadata},
        }
    if known:
        name = {"voxel": "pixel", "um": "µm"}.get(unit, unit)
        for axis, size in zip("ZYX", voxel_size, strict=True):
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": name}
    arguments = {"ome": True, "photometric": "minisblack", "software": software}
    return tuple(shape), {**arguments, "metadata": {"axes": "ZYX", **metadata}}


def wrote(path: Path) -> bool:
    """Return whether microchar wrote a file: its tag Software says so."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            return file.pages.first.software.startswith(_SOFTWARE)
    except (tifffile.TiffFileError, *DAMAGE, *_DAMAGE_OR_VERSION):
        return False


def _per_unit(size: float) -> tuple[int, int]:
    """Return pixels per unit of length as the fraction of two 32-bit numbers that TIFF has for it."""
    # The shortest decimal of a size is what the user wrote: its inverse is exact, which that of the float is not.
    ratio = 1 / Fraction(repr(float(size)))
    if max(ratio.numerator, ratio.denominator) >= 2**32:
        ratio = ratio.limit_denominator(int((2**32 - 1) / max(float(ratio), 1.0)) or 1)
    return ratio.numerator, ratio.denominator


def _only_stack(file: tifffile.TiffFile, path: Path) -> Sequence[tifffile.TiffPageSeries]:
    """Return the only series of pages; of a file that was written plane by plane, as many series of one page each."""
    if not file.pages:
        raise InputError(f"{path}: the TIFF file holds no image")
    page = file.pages.first
    if page.samplesperpixel != 1:
        kind = getattr(page.photometric, "name", page.photometric)
        raise InputError(
            f"{path}: found a colour image ({kind}, {page.samplesperpixel} values per pixel), expected grey values or "
            "labels; convert it to 8-bit grey (in ImageJ: Image > Type > 8-bit) or save one channel"
        )
    if _MISPLACED.search(file.ome_metadata or ""):  # tifffile would count from the last page
        raise InputError(
            f"{path}: the OME metadata place a page before the first one; the file is damaged: export it again"
        )
    if len(file.series) > 1 and _are_planes(file.series):
        return file.series
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
    return [series]


def _are_planes(stack: Sequence[tifffile.TiffPageSeries]) -> bool:
    first = stack[0].keyframe
    return all(
        len(series.pages) == 1 and (series.keyframe.shape, series.keyframe.dtype) == (first.shape, first.dtype)
        for series in stack
    )


def _spatial_shape(stack: Sequence[tifffile.TiffPageSeries], path: Path) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the shape without axes of length one, except rows and columns, and notes about the shape."""
    series = stack[0]
    if len(stack) > 1:
        return (len(stack), *series.keyframe.shape), ()
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
    path: Path,
    file: tifffile.TiffFile,
    stack: Sequence[tifffile.TiffPageSeries],
    shape: Sequence[int],
    pages: Sequence[ChainedPage],
) -> np.ndarray | None:
    if len(stack) > 1 or stack[0].dataoffset is None:
        return None
    dtype = np.dtype(file.byteorder + stack[0].dtype.char)
    # tifffile takes the metadata's word for it. A large file of ImageJ describes its first page only.
    if len(pages) > 1 and not follow_each_other(
        pages, stack[0].dataoffset, math.prod(shape) // len(pages) * dtype.itemsize
    ):
        return None
    refuse_shorter_than(path, stack[0].dataoffset, shape, dtype)
    return np.memmap(path, dtype, "r", stack[0].dataoffset, tuple(shape))


def _stored(
    path: Path, file: tifffile.TiffFile, stack: Sequence[tifffile.TiffPageSeries], shape: tuple[int, ...]
) -> Stored | np.ndarray:
    """Return the voxels of a file whose pages are planes; the voxels themselves if they must be read together."""
    pages: list[Any] = [page for series in stack for page in series.pages]
    _refuse_incomplete(path, pages, shape)
    dtype = stack[0].dtype.newbyteorder("=")
    if all(page.shape == shape[-2:] and page.parent is file for page in pages):
        return Stored(path, shape, dtype, _Planes(path, file, [page.index for page in pages], shape, dtype).load)
    for other in {page.parent.filehandle.path for page in pages if page.parent is not file}:  # OME allows several
        sound_chain(Path(other))
    refuse_beyond_memory(path, shape, dtype)
    return stack[0].asarray().reshape(shape)


@dataclass(frozen=True)
class _Planes:
    """Pages of a file, closed between reads, that are the planes of a volume."""

    path: Path
    file: tifffile.TiffFile
    pages: Sequence[int]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    lock: Lock = field(default_factory=Lock)

    def load(self, box: Box) -> np.ndarray:
        """Decode the pages of a box, a few at a time; tifffile spreads them over threads."""
        planes, rows, columns = (slice(0, 1), *box)[-3:]
        height, width = self.shape[-2:]
        pages = self.pages[planes]
        voxels = np.empty((len(pages), rows.stop - rows.start, columns.stop - columns.start), self.dtype)
        step = max(_PIECE // (height * width * self.dtype.itemsize), 1)
        with _reading(self.path), self.lock:
            self.file.filehandle.open()
            try:
                for start in range(0, len(pages), step):
                    piece = voxels[start : start + step]
                    if piece.shape[1:] == (height, width):
                        self.file.asarray(key=pages[start : start + step], out=piece)
                    else:
                        whole = self.file.asarray(key=pages[start : start + step])
                        piece[:] = whole.reshape(-1, height, width)[:, rows, columns]
            finally:
                self.file.filehandle.close()
        return voxels


def _refuse_incomplete(path: Path, pages: Sequence[Any], shape: Sequence[int]) -> None:
    """Raise InputError if pages or parts of pages are missing or do not fit the shape; tifffile would insert zeros."""
    voxels = 0
    for number, page in enumerate(pages):
        length = 0 if page is None else page.parent.filehandle.size
        ends = [] if page is None else [a + n for a, n in zip(page.dataoffsets, page.databytecounts, strict=True)]
        if page is None or max(ends, default=0) > length:
            where = f"ends at byte {max(ends)} of a file of {length}" if ends else "is missing"
            raise InputError(
                f"{path}: the TIFF file is truncated or damaged: page {number + 1} of {len(pages)} {where}; "
                "copy or export it again"
            )
        voxels += math.prod(page.shape)
    if voxels != math.prod(shape):
        raise InputError(
            f"{path}: the file declares {' × '.join(str(n) for n in shape)} = {math.prod(shape)} voxels and has "
            f"{voxels}; it is truncated or damaged: copy or export it again"
        )
