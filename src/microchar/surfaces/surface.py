"""`Surface`: the closed surface of a phase, in units of length."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from microchar.core.units import convert


@dataclass(frozen=True, eq=False)
class Surface:
    """The closed surface of a phase: triangles of which exactly two meet at every edge.

    `microchar.phase_surface` makes one; `microchar.write_surfaces` writes it.

    Parameters
    ----------
    points : ndarray of float32, (vertices, 3)
        Where the vertices are, along x, y, z, which are axes 2, 1, 0 of the volume, from
        its corner. No two are in the same place.
    triangles : ndarray of int32, (triangles, 3)
        Vertices of each triangle, counterclockwise as seen from outside the phase.
    phase : str
        Name of the phase.
    label : int
        Label of the phase, by which files choose its colour.
    extent : tuple of float
        Edges of the whole volume along x, y, z.
    unit : str
        Unit of length; "voxel" if the voxel size is not known.
    pieces : int
        Number of closed surfaces that do not touch: parts of the phase, and cavities in them.
    """

    points: np.ndarray
    triangles: np.ndarray
    phase: str
    label: int
    extent: tuple[float, float, float]
    unit: str = "voxel"
    pieces: int = 1

    @property
    def enclosed_volume(self) -> float:
        """Volume inside the surface, in the third power of the unit."""
        points = self.points.astype(np.float64)
        a, b, c = (points[self.triangles[:, corner]] for corner in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)

    def scaled(self, factor: float, unit: str) -> Surface:
        """Return the surface with all lengths multiplied by a factor, in a unit."""
        x, y, z = (edge * factor for edge in self.extent)
        return replace(self, points=(self.points * np.float64(factor)).astype(np.float32), extent=(x, y, z), unit=unit)

    def in_unit(self, unit: str) -> Surface:
        """Return the surface in another unit; a voxel of unknown size stands for one of that unit."""
        return self.scaled(1.0 if self.unit == "voxel" else convert(1.0, self.unit, unit), unit)
