"""Wavefront OBJ: named objects as text, as programs for drawing in three dimensions read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from microchar.surfaces.surface import Surface
from microchar.surfaces.text_lines import write_rows

FORMAT = "OBJ"
SUFFIXES = (".obj",)
SEVERAL = True
UNIT = ""

_MARK = "# microchar "


def write(path: Path, surfaces: Sequence[Surface]) -> None:
    """Write one object per surface; vertices are numbered through all of them, from 1."""
    from microchar import __version__

    first = 1
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"{_MARK}{__version__}\n# unit {surfaces[0].unit}\n")
        for surface in surfaces:
            name = re.sub(r"\s+", "_", surface.phase)
            file.write(f"o {name}\n")
            write_rows(file, "v %.9g %.9g %.9g\n", surface.points)
            write_rows(file, "f %d %d %d\n", surface.triangles + first)
            first += len(surface.points)


def wrote(path: Path) -> bool:
    """Return whether the first comment is that of microchar."""
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK.encode("ascii")
