"""Binary PLY: vertices and triangles, as ParaView, MeshLab and Blender read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microchar.surfaces.surface import Surface

FORMAT = "PLY"
SUFFIXES = (".ply",)
SEVERAL = False
UNIT = ""

_MARK = "ply\nformat binary_little_endian 1.0\ncomment microchar "
_HEADER = """{version}
comment phase {phase}
comment unit {unit}
element vertex {vertices}
property float x
property float y
property float z
element face {faces}
property list uchar int vertex_indices
end_header
"""
_TRIANGLE = np.dtype([("corners", "u1"), ("vertices", "<i4", 3)])


def write(path: Path, surfaces: Sequence[Surface]) -> None:
    """Write the vertices, and the triangles by their vertices."""
    from microchar import __version__

    (surface,) = surfaces
    records = np.empty(len(surface.triangles), _TRIANGLE)
    records["corners"], records["vertices"] = 3, surface.triangles
    counts = {"vertices": len(surface.points), "faces": len(records)}
    phase = surface.phase.encode("ascii", "backslashreplace").decode()
    header = _MARK + _HEADER.format(version=__version__, phase=phase, unit=surface.unit, **counts)
    with path.open("wb") as file:
        file.write(header.encode("ascii"))
        surface.points.astype("<f4").tofile(file)
        records.tofile(file)


def wrote(path: Path) -> bool:
    """Return whether the first comment is that of microchar."""
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK.encode("ascii")
