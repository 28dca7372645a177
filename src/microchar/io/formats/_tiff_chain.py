"""The chain of pages of a TIFF file: is it whole, and are there voxels behind every strip and tile."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from microchar.core.errors import InputError

#: Tags that are read: image size, description, position of the voxels, resolution.
_NEEDED_TAGS = frozenset({256, 257, 258, 259, 270, 273, 277, 279, 282, 283, 296, 324, 325})
#: Offset and length in bytes of each strip, and of each tile.
_PLACE_TAGS = frozenset({273, 279, 324, 325})
#: Bytes per value of the TIFF types: byte and text, short, long, rational, BigTIFF's long.
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 16: 8}
#: Their codes in `struct`, of those that are whole numbers.
_TYPE_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}
#: How many pages a message names.
_NAMED = 8

#: A tag: code, type, number of values, and the values themselves or, where they do not fit, their offset.
_Tag = tuple[int, int, int, bytes]


@dataclass(frozen=True)
class _Layout:
    """How the numbers of a file are stored: byte order, number of tags of a page, offset, tag."""

    order: str
    number: struct.Struct
    offset: struct.Struct
    tag: struct.Struct


class _BrokenError(Exception):
    """The chain leads out of the file or back to a page."""


def refuse_damaged_chain(path: Path) -> None:
    """Follow the chain of pages to its end; raise InputError if it is broken, or if voxels were never written.

    tifffile would stop at the break and return fewer pages, and return zeros in place
    of strips and tiles without voxels.
    """
    length, number, empty = path.stat().st_size, 0, []
    with path.open("rb") as file:
        layout = _layout(file.read(8), path)
        try:
            for number, tags in enumerate(_pages(file, layout, length), start=1):
                if not _is_written(file, layout, length, tags):
                    empty.append(number)
        except _BrokenError:
            raise InputError(
                f"{path}: the TIFF file is truncated or damaged: what describes its page {max(number, 1)} or the next "
                f"one lies beyond the {length} bytes of the file; copy or export it again"
            ) from None
    if empty:
        named = ", ".join(str(one) for one in empty[:_NAMED]) + (", …" if len(empty) > _NAMED else "")
        raise InputError(
            f"{path}: {len(empty)} of {number} pages ({named}) have strips or tiles that were never written, with "
            "offset or length 0; the file is sparse or half-written: write it again, with all its voxels"
        )


def _layout(start: bytes, path: Path) -> _Layout:
    order = {b"II": "<", b"MM": ">"}.get(start[:2], "")
    kind = struct.unpack(order + "H", start[2:4])[0] if order and len(start) == 8 else 0
    if kind not in (42, 43):
        raise InputError(f"{path}: not a TIFF file, despite its suffix: it begins with {start[:4]!r}")
    # Classic TIFF has 2 bytes for the number of tags and 4 for an offset, BigTIFF has 8 for both.
    codes = ("H", "I", "HHI4s") if kind == 42 else ("Q", "Q", "HHQ8s")
    return _Layout(order, *(struct.Struct(order + code) for code in codes))


def _pages(file: IO[bytes], layout: _Layout, length: int) -> Iterator[Iterator[_Tag]]:
    """Yield the tags of each page; a page is a list of tags followed by the offset of the next page."""
    pointer, seen = layout.offset.size, set[int]()
    while pointer + layout.offset.size <= length:
        file.seek(pointer)
        (page,) = layout.offset.unpack(file.read(layout.offset.size))
        if page == 0:
            return
        if page in seen or page + layout.number.size > length:
            break
        seen.add(page)
        file.seek(page)
        (tags,) = layout.number.unpack(file.read(layout.number.size))
        pointer = page + layout.number.size + tags * layout.tag.size
        if pointer > length:
            break
        yield layout.tag.iter_unpack(file.read(tags * layout.tag.size))
    raise _BrokenError


def _is_written(file: IO[bytes], layout: _Layout, length: int, tags: Iterator[_Tag]) -> bool:
    """Tell whether all strips and tiles of a page were written; raise if values of its tags are beyond the file."""
    room, written = layout.offset.size, True
    for code, type_, count, value in tags:
        if code not in _NEEDED_TAGS:
            continue
        size = _TYPE_SIZES.get(type_, 0) * count
        if size > room:
            (place,) = layout.offset.unpack(value)
            if place + size > length:
                raise _BrokenError
        if code in _PLACE_TAGS and type_ in _TYPE_CODES:
            if size > room:
                file.seek(place)
                value = file.read(size)
            written &= all(struct.unpack_from(f"{layout.order}{count}{_TYPE_CODES[type_]}", value))
    return written
