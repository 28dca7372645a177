"""MATLAB: one variable of a .mat file of version 5 or 7.3, ``file.mat::name``."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import IO

from microchar.core.errors import InputError
from microchar.io.formats import hdf5
from microchar.io.formats._datasets import choose_array
from microchar.io.image import DAMAGE, Image, Options, Stored

FORMAT = "MATLAB"
SUFFIXES = (".mat", ".mat:")


def read(path: Path, options: Options) -> Image:
    """Read a variable; axes are in MATLAB's order: rows are axis 0, columns axis 1, pages axis 2."""
    with path.open("rb") as file:
        start = file.read(128)
    if start.startswith(b"MATLAB 7.3") or start[:8] == b"\x89HDF\r\n\x1a\n":
        values = hdf5.read(path, options).values
        assert isinstance(values, Stored)
        return Image(values.transposed())  # MATLAB's first axis runs fastest, HDF5's last
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import MatReadError

    try:
        _refuse_damaged(path)
        shapes = {name: tuple(shape) for name, shape, kind in whosmat(path) if kind not in _OTHER}
        name = choose_array(path, shapes, options.key)
        return Image(loadmat(path, variable_names=[name])[name])
    except InputError:
        raise
    except (MatReadError, TypeError, *DAMAGE) as error:
        raise InputError(f"{path}: not a MATLAB file, or damaged ({error}); save it again") from error


#: Kinds of MATLAB's variables that are no arrays of numbers.
_OTHER = ("char", "cell", "struct", "object", "function", "opaque", "sparse", "unknown")


def _refuse_damaged(path: Path) -> None:
    """Raise ValueError if a compressed variable is not complete, or its parts are of no type.

    SciPy does not look at the checksum at the end, and reads beyond its memory where a type is unknown.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_START)
        if 0 in header[:4]:  # version 4, which has no such parts
            return
        order = "<" if header[-2:] == b"IM" else ">"
        while file.tell() < size:
            kind, length = struct.unpack(order + "II", file.read(8))
            if file.tell() + length > size:
                raise ValueError("a variable ends beyond the file")
            end = file.tell() + length
            start = _start_of_compressed(file, end) if kind == _COMPRESSED else file.read(min(_PARTS, length))
            if kind in (_COMPRESSED, _MATRIX):
                _check_parts(start[8:] if kind == _COMPRESSED else start, order)
            file.seek(end)


def _start_of_compressed(file: IO[bytes], end: int) -> bytes:
    """Unpack to the end and return the first bytes; an incomplete stream is a ValueError."""
    unpack, start = zlib.decompressobj(), b""
    while not unpack.eof and file.tell() < end:
        data = file.read(min(_CHUNK, end - file.tell()))
        while data and not unpack.eof:
            piece = unpack.decompress(data, _CHUNK)
            start += piece[: _PARTS - len(start)]
            data = unpack.unconsumed_tail
    if not unpack.eof:
        raise ValueError("a compressed variable is cut off")
    return start


def _check_parts(start: bytes, order: str) -> None:
    """Check the types of flags, shape, name and values, which begin a variable."""
    position = 0
    for _ in range(4):
        if position + 8 > len(start):
            return  # a name longer than any; SciPy reads what follows
        kind, length = struct.unpack_from(order + "II", start, position)
        if kind >> 16:  # a part of four bytes or less stands in its own tag
            kind, length = kind & 0xFFFF, 0
        if kind not in _TYPES:
            raise ValueError(f"a variable has a part of type {kind}")
        position += 8 + -(-length // 8) * 8


#: Length of the header of a file, of the parts that are checked of a variable, and of what is unpacked at a time.
_START, _PARTS, _CHUNK = 128, 1024, 2**20
#: Types: of a compressed and of a plain variable, and of the parts of a variable.
_COMPRESSED, _MATRIX = 15, 14
_TYPES = frozenset({*range(1, 8), 9, 12, 13, 14, 16, 17, 18})
