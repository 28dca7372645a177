"""Smoothing that keeps the volume that each closed surface encloses, and the sides of the volume flat."""

from __future__ import annotations

import numpy as np

#: Taubin's factors: each shrinking step is followed by a slightly larger growing one, so that only what is rough on the
#: scale of a few voxels is damped.
_SHRINK, _GROW = 0.5, -0.53
#: Largest distance, in voxels, that a vertex moves in one step to restore the enclosed volume.
_LARGEST_STEP = 0.25


def smoothed(points: np.ndarray, triangles: np.ndarray, free: np.ndarray, passes: int) -> np.ndarray:
    """Return the points after some passes of Taubin's smoothing, each with the enclosed volumes restored.

    Parameters
    ----------
    points : ndarray, (vertices, 3)
    triangles : ndarray of int, (triangles, 3)
        A closed surface, or several.
    free : ndarray of bool, (vertices, 3)
        Coordinates that may change.
    passes : int

    References
    ----------
    Taubin, G. (1995), A signal processing approach to fair surface design, SIGGRAPH 95, 351–358.
    """
    from scipy.sparse.csgraph import connected_components

    links = adjacency(triangles, len(points))
    piece = connected_components(links, directed=False)[1]
    target = enclosed_volumes(points, triangles, piece)
    degree = np.diff(links.indptr)[:, None]
    for _ in range(passes):
        for factor in (_SHRINK, _GROW):
            points = points + factor * free * (links @ points / degree - points)
        points = _restored(points, triangles, free, piece, target)
    return points


def adjacency(triangles: np.ndarray, n_points: int):
    """Return the sparse matrix of ones between vertices that share an edge."""
    from scipy.sparse import csr_array

    # In a closed surface each edge runs once in each direction.
    rows, columns = triangles.ravel(), np.roll(triangles, -1, axis=1).ravel()
    return csr_array((np.ones(rows.size, np.float32), (rows, columns)), shape=(n_points, n_points))


def enclosed_volumes(points: np.ndarray, triangles: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """Return the signed volume that each piece of a surface encloses: that of a cavity is negative."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    return np.bincount(piece[triangles[:, 0]], np.einsum("ij,ij->i", a, np.cross(b, c)) / 6)


def _restored(points, triangles, free, piece, target):
    """Return the points moved along the normals, by one distance for each piece, to where it encloses the target."""
    area = _vertex_areas(points, triangles) * free
    size = np.linalg.norm(area, axis=1, keepdims=True)
    normal = np.divide(area, size, out=np.zeros_like(area), where=size > 0)
    gain = np.bincount(piece, np.einsum("ij,ij->i", normal, area))
    missing = target - enclosed_volumes(points, triangles, piece)
    step = np.divide(missing, gain, out=np.zeros_like(gain), where=gain > 1e-9)
    return points + np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)[piece, None] * normal


def _vertex_areas(points, triangles):
    """Return the gradient of the enclosed volume at each vertex: a third of the areas around it, along the normals."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    third = np.cross(b - a, c - a) / 6
    return np.stack([np.bincount(triangles.ravel(), np.repeat(third[:, i], 3), len(points)) for i in range(3)], axis=1)
