"""Binary STL: triangles without shared vertices, as printers have always read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microchar.surfaces.surface import Surface

FORMAT = "STL"
SUFFIXES = (".stl",)
SEVERAL = False
UNIT = "mm"

#: How the header begins. A program takes a file that begins with "solid" for one of text.
_MARK = b"microchar surface "
_HEADER, _COUNT = 80, 4
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def write(path: Path, surfaces: Sequence[Surface]) -> None:
    """Write the triangles with their normals."""
    from microchar import __version__

    (surface,) = surfaces
    records = np.zeros(len(surface.triangles), _TRIANGLE)
    records["corners"] = surface.points[surface.triangles]
    sides = np.diff(records["corners"].astype(np.float64), axis=1)
    normal = np.cross(sides[:, 0], sides[:, 1])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    np.divide(normal, length, out=normal, where=length > 0)
    records["normal"] = normal
    about = f"{__version__}, {surface.unit}, {surface.phase}".encode("ascii", "replace")
    with path.open("wb") as file:
        file.write((_MARK + about)[:_HEADER].ljust(_HEADER))
        file.write(np.uint32(len(records)).astype("<u4").tobytes())
        records.tofile(file)


def wrote(path: Path) -> bool:
    """Return whether the header is that of microchar, and the file as long as it says."""
    with path.open("rb") as file:
        header, count = file.read(_HEADER), file.read(_COUNT)
    length = _HEADER + _COUNT + int.from_bytes(count, "little") * _TRIANGLE.itemsize
    return header.startswith(_MARK) and path.stat().st_size == length
