"""`Mesh`: the closed surface of a set of voxels while it is made, in voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(eq=False)
class Mesh:
    """A closed surface, or several, of triangles.

    Parameters
    ----------
    points : ndarray of float64, (vertices, 3)
        Where the vertices are, along axes 2, 1, 0 = x, y, z, in voxels from the corner
        of the volume.
    triangles : ndarray of int32, (triangles, 3)
        Vertices of each triangle, counterclockwise as seen from outside.
    free : ndarray of bool, (vertices, 3)
        Coordinates that may change: those on the sides of the volume may not.
    piece : ndarray of int, (vertices,)
        Number of the closed surface that a vertex belongs to.
    """

    points: np.ndarray
    triangles: np.ndarray
    free: np.ndarray
    piece: np.ndarray

    @property
    def corners(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points of the first, the second and the third corner of each triangle."""
        return self.points[self.triangles[:, 0]], self.points[self.triangles[:, 1]], self.points[self.triangles[:, 2]]

    def volumes(self) -> np.ndarray:
        """Return the volume that each piece encloses; that of a cavity is negative."""
        a, b, c = self.corners
        return np.bincount(self.piece[self.triangles[:, 0]], np.einsum("ij,ij->i", a, np.cross(b, c)) / 6)

    def around_vertices(self, of_triangles: np.ndarray) -> np.ndarray:
        """Return, for each vertex, the sum of a vector over the triangles around it."""
        corners, n = self.triangles.ravel(), len(self.points)
        return np.stack([np.bincount(corners, np.repeat(part, 3), n) for part in of_triangles.T], axis=1)


def links(triangles: np.ndarray, n_points: int) -> Any:
    """Return the sparse matrix of ones between vertices that share an edge."""
    from scipy.sparse import csr_array

    # In a closed surface each edge runs once in each direction.
    here, there = triangles.ravel(), np.roll(triangles, -1, axis=1).ravel()
    return csr_array((np.ones(here.size, np.float32), (here, there)), shape=(n_points, n_points))
