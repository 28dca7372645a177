"""VTK image data: .vti, as ParaView reads it."""

from __future__ import annotations

import base64
import mmap
import re
from pathlib import Path
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.memory import physical_memory
from microchar.core.text import one_line
from microchar.io.formats._stderr import captured_stderr
from microchar.io.image import Image, Options, optional, phases_from, phases_text, stated_size

FORMAT = "VTK image data"
SUFFIXES = (".vti",)

#: Names of the array of voxels and of field data that microchar writes.
_VOXELS, _UNIT, _PHASES = "grey value", "unit", "phases"
#: An array whose values are in base64.
_ARRAY = re.compile(rb'<(?:Data)?Array\b[^>]*format="binary"[^>]*>\s*([A-Za-z0-9+/=]*)')
#: What an array states about its length, and the digits of the largest length that is believed.
_COUNT = re.compile(rb'NumberOf(?:Tuples|Components)="\s*(\d+)')
_DIGITS = 18
#: How many bytes one compressed byte stands for at most, in zlib about a thousand. VTK's blocks are of 32 KiB.
_MOST_PACKED = 2**15


def read(path: Path, options: Options) -> Image:
    """Read the only array of the cells or, without one, of the points; x is axis 2."""
    del options
    pyvista = optional("pyvista", path)
    _refuse_damaged_blocks(path)
    parsed = _parsed(path)
    try:
        grid = pyvista.wrap(parsed)
    except ValueError as error:
        raise InputError(f"{path}: VTK image data of an impossible size ({error}); export it again") from error
    if grid.n_points == 0:
        raise InputError(f"{path}: the VTK file holds no image data; export it again")
    data, shape = (grid.cell_data, [max(n - 1, 1) for n in grid.dimensions])
    if not len(data):
        data, shape = grid.point_data, list(grid.dimensions)
    if len(data) != 1:
        raise InputError(
            f"{path}: holds {len(data)} arrays ({', '.join(data.keys())}), expected one; save one by itself"
        )
    (values,) = data.values()
    if np.ndim(values) != 1:
        raise InputError(f"{path}: found {np.shape(values)[1]} values per voxel, expected one; save one component")
    about = {
        key: str(np.ravel(grid.field_data[key])[0]) for key in (_UNIT, _PHASES) if len(grid.field_data.get(key, ()))
    }
    sizes = [float(size) for size in grid.spacing][::-1]
    return Image(
        np.asarray(values).reshape(shape[::-1]),
        **stated_size(sizes, about.get(_UNIT, ""), "the VTK file"),
        phases=phases_from(about.get(_PHASES, ""), path),
    )


def write(path: Path, image: Image) -> None:
    """Write the voxels as cells, with voxel size and phase names."""
    pyvista = optional("pyvista", path)
    n0, n1, n2 = image.shape
    s0, s1, s2 = image.voxel_size or (1.0, 1.0, 1.0)
    grid: Any = pyvista.ImageData(dimensions=(n2 + 1, n1 + 1, n0 + 1), spacing=(s2, s1, s0))
    grid.cell_data[_VOXELS] = image.read().ravel()
    grid.field_data[_UNIT] = [image.unit]
    if image.phases:
        grid.field_data[_PHASES] = [phases_text(image.phases)]
    grid.save(str(path))


def _refuse_damaged_blocks(path: Path) -> None:
    """Raise InputError if an array promises more bytes than its text has; VTK would end the process.

    An array in base64 begins with whole numbers: its number of bytes or, if it is
    compressed, the number of blocks, the sizes of a block and of the last one, and
    the compressed size of each block.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        root = re.search(rb"<VTKFile\b[^>]*>", content)
        about = root[0] if root else b""
        sizes = [size[1] for size in _COUNT.finditer(content)]
        if any(len(size) > _DIGITS or int(size) > physical_memory() for size in sizes):
            raise InputError(f"{path}: the VTK file is damaged: an array of {one_line(max(sizes, key=len).decode())}")
        number = np.dtype("u8" if b'"UInt64"' in about else "u4").newbyteorder(">" if b"BigEndian" in about else "<")
        for array in _ARRAY.finditer(content):
            start, stop = array.span(1)
            try:
                fits = _fits(content, start, stop, number, compressed=b"compressor" in about)
            except ValueError:
                fits = False
            if not fits:
                raise InputError(f"{path}: the VTK file is damaged: an array has not the bytes that it promises")


def _fits(content: mmap.mmap, start: int, stop: int, number: np.dtype[Any], *, compressed: bool) -> bool:
    room = (stop - start) * 3 // 4
    (first,) = _numbers(content, start, number, 1)
    if not compressed:
        return bool(first <= room)
    if first * number.itemsize > room:
        return False
    _, block, last, *sizes = _numbers(content, start, number, 3 + first)
    return sum(sizes) <= room and max(block, last) * max(first, 1) <= _MOST_PACKED * max(room, 1)


def _numbers(content: mmap.mmap, start: int, number: np.dtype[Any], count: int) -> list[int]:
    size = count * number.itemsize
    text = content[start : start + -(-size // 3) * 4]
    return [int(one) for one in np.frombuffer(base64.b64decode(text)[:size], number, count)]


def _parsed(path: Path) -> Any:
    reader = optional("vtkmodules.vtkIOXML", path).vtkXMLImageDataReader()
    problems: list[str] = []
    reader.AddObserver("ErrorEvent", lambda *event: problems.append(str(event[1])))
    reader.SetFileName(str(path))
    with captured_stderr() as said:
        if reader.CanReadFile(str(path)):
            reader.Update()
    if not problems and not said:
        return reader.GetOutput()
    raise InputError(f"{path}: not VTK image data, or damaged; export it again")
