"""Fewer triangles for a closed surface, which stays closed and manifold.

Edges are collapsed in sweeps: each sweep takes the cheapest of the edges whose collapses do not touch each other. The
cost of a collapse is the sum of squared distances to the planes of the original triangles (Garland and Heckbert, 1997,
SIGGRAPH 97, 209–216). On rocks, the libraries that accept a number of triangles
leave edges at which four triangles meet.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microchar.core.errors import InputError
from microchar.core.progress import Progress
from microchar.surfaces.mesh import Mesh

#: Weight, relative to the planes, that draws a vertex to the middle of its edge where the planes leave it free.
_MIDDLE = 1e-3
#: Share of the edges that one sweep collapses at most, so that it takes none that is much dearer than the next sweep's.
_SHARE = 1 / 30


def decimated(mesh: Mesh, most: int, progress: Progress) -> Mesh:
    """Return a mesh with at most `most` triangles.

    Raises
    ------
    InputError
        If the mesh cannot have so few.
    """
    from microchar.kernels.collapses import choose_collapses

    quadrics = _quadrics(mesh)
    first = len(mesh.triangles)
    while (now := len(mesh.triangles)) > most:
        progress((first - now) / (first - most), f"decimation: {now} triangles")
        edges, targets = _by_cost(mesh, quadrics)
        start, around = _fans(mesh)
        # Each collapse removes two triangles.
        wanted = min(-(-(now - most) // 2), max(int(_SHARE * len(edges)), 1))
        chosen = choose_collapses(edges, targets, mesh.points, mesh.triangles, start, around, wanted)
        if not chosen.any():
            raise InputError(
                f"faces={most}: the surface has {mesh.piece.max() + 1} closed pieces and needs {now} triangles to keep "
                "them, their holes, and the sides of the volume; allow more"
            )
        mesh, quadrics = _collapsed(mesh, quadrics, edges[chosen], targets[chosen])
    return mesh


def _quadrics(mesh: Mesh) -> np.ndarray:
    """Return for each vertex the matrix (4 × 4) of the sum of squared distances to its planes, weighted by area."""
    a, b, c = mesh.corners
    normal = np.cross(b - a, c - a)
    plane = np.column_stack([normal, -np.einsum("ij,ij->i", normal, a)])
    # The unit normal times the root of the area.
    plane /= np.sqrt(np.maximum(2 * np.linalg.norm(normal, axis=1), np.finfo(float).tiny))[:, None]
    products = plane[:, :, None] * plane[:, None, :]
    return mesh.around_vertices(products.reshape(-1, 16)).reshape(-1, 4, 4)


def _by_cost(mesh: Mesh, quadrics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges in ascending order of cost, and the points that they would become."""
    ends = np.stack([mesh.triangles, np.roll(mesh.triangles, -1, axis=1)], axis=-1).reshape(-1, 2)
    edges = ends[ends[:, 0] < ends[:, 1]]  # in a closed surface each edge runs once in each direction
    a, b = mesh.points[edges[:, 0]], mesh.points[edges[:, 1]]
    a_free, b_free = mesh.free[edges[:, 0]], mesh.free[edges[:, 1]]
    quadric = quadrics[edges[:, 0]] + quadrics[edges[:, 1]]
    weight = _MIDDLE * np.trace(quadric[:, :3, :3], axis1=1, axis2=2)[:, None]
    matrix = quadric[:, :3, :3] + weight[:, :, None] * np.eye(3)
    right = weight * (a + b) / 2 - quadric[:, :3, 3]
    targets = np.linalg.solve(matrix, right[:, :, None])[:, :, 0]
    # A vertex on a side, an edge or a corner of the volume stays there.
    targets = np.where(a_free, np.where(b_free, targets, b), a)
    full = np.column_stack([targets, np.ones(len(targets))])
    cost = np.einsum("ei,eij,ej->e", full, quadric, full)
    apart = (~a_free & ~b_free & (a != b)).any(axis=1)  # ends on two opposite sides of the volume
    order = np.argsort(np.where(apart, np.inf, cost), kind="stable")[: len(cost) - np.count_nonzero(apart)]
    return edges[order], targets[order]


def _fans(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Return where the triangles around each vertex start in a list, and the list."""
    corners = mesh.triangles.ravel()
    start = np.zeros(len(mesh.points) + 1, np.int64)
    start[1:] = np.cumsum(np.bincount(corners, minlength=len(mesh.points)))
    return start, (np.argsort(corners, kind="stable") // 3).astype(np.int32)


def _collapsed(mesh: Mesh, quadrics: np.ndarray, edges: np.ndarray, targets: np.ndarray) -> tuple[Mesh, np.ndarray]:
    """Return the mesh and its quadrics with each of the edges in one point."""
    kept, lost = edges.T
    points, free, number = mesh.points.copy(), mesh.free.copy(), np.arange(len(mesh.points))
    points[kept] = targets
    free[kept] &= free[lost]
    quadrics[kept] += quadrics[lost]
    number[lost] = kept
    triangles = number[mesh.triangles]
    a, b, c = triangles.T
    stays = np.ones(len(points), bool)
    stays[lost] = False
    triangles = (np.cumsum(stays) - 1)[triangles[(a != b) & (b != c) & (c != a)]].astype(np.int32)
    mesh = replace(mesh, points=points[stays], triangles=triangles, free=free[stays], piece=mesh.piece[stays])
    return mesh, quadrics[stays]
