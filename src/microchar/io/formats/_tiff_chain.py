"""The chain of pages of a TIFF file: is it whole, and are there voxels behind every strip and tile."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from microchar.core.errors import InputError

#: Tags that say how voxels are stored: size of image, strips and tiles; type and coding of the values; the sample's
#: meaning, order, and number.
_LAYOUT_TAGS = frozenset({256, 257, 258, 259, 262, 266, 277, 278, 284, 317, 322, 323, 339})
#: Tags that are read: these, description, position of the voxels, resolution.
_NEEDED_TAGS = _LAYOUT_TAGS | {270, 273, 279, 282, 283, 296, 324, 325}
#: Offset and length in bytes of each strip, and of each tile.
_PLACE_TAGS = frozenset({273, 279, 324, 325})
#: Bytes per value of the TIFF types: byte and text, short, long, rational, BigTIFF's long.
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 16: 8}
#: Their codes in `struct`, of those that are whole numbers.
_TYPE_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}
#: All types that a tag can have. tifffile leaves a tag of another type out.
_TYPES = frozenset({*range(1, 14), 16, 17, 18})
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


@dataclass(frozen=True)
class ChainedPage:
    """What a page of the chain says of its voxels.

    Parameters
    ----------
    number : int
        1 for the first page.
    layout : frozenset
        The tags that say how its voxels are stored, with their values.
    span : tuple of int, optional
        Where its bytes begin and end, if all strips follow each other.
    written : bool
        Whether all strips and tiles were written.
    """

    number: int
    layout: frozenset[tuple[int, int, bytes]]
    span: tuple[int, int] | None
    written: bool


def sound_chain(path: Path) -> list[ChainedPage]:
    """Follow the chain of pages to its end; raise InputError if it is broken, or if voxels were never written.

    tifffile would stop at the break and return fewer pages, and return zeros in place
    of strips and tiles without voxels.
    """
    length = path.stat().st_size
    pages: list[ChainedPage] = []
    with path.open("rb") as file:
        layout = _layout(file.read(8), path)
        try:
            pages.extend(
                _chained(file, layout, length, tags, number)
                for number, tags in enumerate(_pages(file, layout, length), start=1)
            )
        except _BrokenError:
            raise InputError(
                f"{path}: the TIFF file is truncated or damaged: what describes its page {len(pages) + 1} or the next "
                f"one lies beyond the {length} bytes of the file, or makes no sense; copy or export it again"
            ) from None
    empty = [page.number for page in pages if not page.written]
    if empty:
        raise InputError(
            f"{path}: {len(empty)} of {len(pages)} pages ({_named(empty)}) have strips or tiles that were never "
            "written, with offset or length 0; the file is sparse or half-written: write it again, with all its voxels"
        )
    return pages


def refuse_unlike(pages: Sequence[ChainedPage], path: Path, *, plain: bool) -> None:
    """Raise InputError if pages store their voxels unlike the first one; tifffile reads all in the way of the first.

    `plain` says that the voxels are not compressed. Then strips that follow each
    other in the first page must do so in all.
    """
    scattered = plain and pages[0].span is not None
    unlike = [page.number for page in pages if page.layout != pages[0].layout or (scattered and page.span is None)]
    if unlike:
        raise InputError(
            f"{path}: {len(unlike)} of {len(pages)} pages ({_named(unlike)}) store their voxels unlike the first one "
            "(size, type, compression, or place of the strips); the file is damaged or mixes images: export it again"
        )


def follow_each_other(pages: Sequence[ChainedPage], start: int, size: int) -> bool:
    """Return whether the bytes of all pages follow each other, from `start` on and `size` for each page."""
    return all(page.span == (start + i * size, start + (i + 1) * size) for i, page in enumerate(pages))


def _named(numbers: Sequence[int]) -> str:
    return ", ".join(str(one) for one in numbers[:_NAMED]) + (", …" if len(numbers) > _NAMED else "")


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


def _chained(file: IO[bytes], layout: _Layout, length: int, tags: Iterator[_Tag], number: int) -> ChainedPage:
    """Read what the tags of a page say; raise if their values are beyond the file, or of no type."""
    room = layout.offset.size
    stored: set[tuple[int, int, bytes]] = set()
    places: dict[int, tuple[int, ...]] = {}
    for code, type_, count, value in tags:
        if code not in _NEEDED_TAGS:
            continue
        size = _TYPE_SIZES.get(type_, 0) * count
        if type_ not in _TYPES:
            raise _BrokenError
        if size > room:
            (place,) = layout.offset.unpack(value)
            if place + size > length:
                raise _BrokenError
        if code in _PLACE_TAGS and type_ in _TYPE_CODES:
            if size > room:
                file.seek(place)
                value = file.read(size)
            places[code] = struct.unpack_from(f"{layout.order}{count}{_TYPE_CODES[type_]}", value)
        elif code in _LAYOUT_TAGS and size <= room:
            stored.add((code, count, value[:size]))
    return ChainedPage(number, frozenset(stored), _span(places), all(all(values) for values in places.values()))


def _span(places: Mapping[int, tuple[int, ...]]) -> tuple[int, int] | None:
    offsets, lengths = places.get(273, ()), places.get(279, ())
    if not offsets or len(offsets) != len(lengths):
        return None
    ends = [offset + length for offset, length in zip(offsets, lengths, strict=True)]
    return (offsets[0], ends[-1]) if list(offsets[1:]) == ends[:-1] else None
