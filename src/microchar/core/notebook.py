"""Small HTML of volumes and tables, as a notebook shows them: self-contained and escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from microchar.core.pictures import middle_slices
from microchar.core.text import by

if TYPE_CHECKING:
    from microchar.core.volume import Volume

#: Longest edge of the volume in its pictures, in CSS pixels.
_EDGE = 180


def html_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str] = ()) -> str:
    """Return a table with a caption above it and notes below it.

    Examples
    --------
    >>> html_table("title", ["x"], [["a < b"]]).partition("<tbody>")[2]
    '<tr><td>a &lt; b</td></tr></tbody></table>'
    """
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    header = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    title = f'<caption style="text-align:left">{escape(caption)}</caption>'
    table = f"<table>{title}<thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"
    return table + "".join(f"<p>{escape(note)}</p>" for note in notes)


def volume_html(volume: Volume) -> str:
    """Return the middle slices of a volume in proportion, with its name, shape, voxel size and phases."""
    lengths = [n * size for n, size in zip(volume.shape, volume.voxel_size, strict=True)]
    figures = []
    for axis, (position, png) in middle_slices(volume).items():
        height, width = (_EDGE * lengths[other] / max(lengths) for other in range(3) if other != axis)
        title = f"slice {position} normal to axis {axis}"
        style = f"width:{width:.0f}px;height:{height:.0f}px;image-rendering:pixelated"
        picture = f'<img style="{style}" alt="{title}" src="data:image/png;base64,{png}">'
        figures.append(f'<figure style="display:inline-block">{picture}<figcaption>{title}</figcaption></figure>')
    text = f"{about(volume)}; phases from dark to light: {', '.join(volume.phases)}"
    return f"<div><p>{escape(text)}</p>{''.join(figures)}</div>"


def about(volume: Volume) -> str:
    """Return name, shape and voxel size of a volume."""
    size = by(volume.voxel_size[:1] if len(set(volume.voxel_size)) == 1 else volume.voxel_size)
    return f"{volume.name}: {by(volume.shape)} voxels" + (f" of {size} {volume.unit}" if volume.unit != "voxel" else "")
