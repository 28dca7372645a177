"""The closed surface of a set of voxels, as triangles of which exactly two meet at every edge.

The faces between the voxels of the set and all others become triangles. Where two voxels of the set touch in an edge
only, four faces meet; there each pair of faces of the same voxel is joined, so that the voxels are apart, and each pair
gets a vertex of its own in the middle of the edge. Where parts of the surface touch in a point only, each part has a
vertex of its own. The set is thus connected across faces, as it is for clusters, and the rest across faces and edges.
"""

from __future__ import annotations

import numpy as np

from microchar.surfaces.mesh import Mesh, links

#: The corners of a unit face, in the two axes after its normal, counterclockwise as seen from where the normal points.
_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])


def voxel_surface(inside: np.ndarray) -> Mesh:
    """Return the surface of the voxels where a 3D array of bool is true; outside the array there are none.

    Examples
    --------
    >>> import numpy as np
    >>> surface = voxel_surface(np.ones((1, 1, 1), bool))
    >>> surface.points.shape, surface.triangles.shape
    ((8, 3), (12, 3))
    """
    from scipy.sparse.csgraph import connected_components

    nodes, voxels = _faces(inside.transpose(2, 1, 0))
    shape = np.array(inside.shape[::-1])
    first, second, split = _pairs(np.ravel_multi_index(tuple(np.moveaxis(nodes, 2, 0)), tuple(shape + 1)), voxels)
    vertex = _vertices(first, second, 4 * len(nodes))
    points = np.empty((vertex.max() + 1, 3))
    points[vertex] = nodes.reshape(-1, 3)
    middles, middle_points = _middles(first[split], second[split], nodes, len(points))
    triangles = _triangles(vertex.reshape(-1, 4), middles, len(points) + len(middle_points))
    centres = nodes[(middles >= 0).any(axis=1)].mean(axis=1)
    points = np.concatenate([points, middle_points, centres])
    piece = connected_components(links(triangles, len(points)), directed=False)[1]
    return Mesh(points, triangles, (points > 0) & (points < shape), piece)


def _faces(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the four corners of each face, counterclockwise as seen from outside, and the number of its voxel."""
    padded = np.pad(inside, 1)
    corners, voxels = [], []
    for axis in range(3):
        others = [(axis + 1) % 3, (axis + 2) % 3]
        for side in (0, 1):
            shifted = np.roll(padded, 1 - 2 * side, axis)
            place = np.argwhere((padded & ~shifted)[1:-1, 1:-1, 1:-1]).astype(np.int32)
            four = np.repeat(place[:, None], 4, axis=1)
            four[:, :, axis] += side
            four[:, :, others] += _CORNERS if side else _CORNERS[::-1]
            corners.append(four)
            voxels.append(np.ravel_multi_index(tuple(place.T), inside.shape))
    return np.concatenate(corners), np.concatenate(voxels)


def _pairs(keys: np.ndarray, voxels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the sides of faces that are joined, pair by pair, and whether a pair shares its edge with another pair.

    Side 4 f + k of face f leads from its corner k to the next.
    """
    ends = np.stack([keys, np.roll(keys, -1, axis=1)], axis=-1).reshape(-1, 2)
    low, high = ends.min(axis=1), ends.max(axis=1)
    # Of the faces at an edge, those of the same voxel come one after the other.
    order = np.lexsort((np.repeat(voxels, 4), high, low))
    first, second = order[::2], order[1::2]
    same = (low[first][1:] == low[first][:-1]) & (high[first][1:] == high[first][:-1])
    return first, second, np.append(same, False) | np.append(False, same)


def _vertices(first: np.ndarray, second: np.ndarray, n_corners: int) -> np.ndarray:
    """Return the vertex at each corner of each face: corners that follow each other across joined sides are one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # The sides of a pair run in opposite directions: one begins where the other ends.
    rows, columns = np.concatenate([first, second]), np.concatenate([_next(second), _next(first)])
    joined = coo_array((np.ones(rows.size, bool), (rows, columns)), shape=(n_corners, n_corners))
    return connected_components(joined, directed=False)[1]


def _next(corner: np.ndarray) -> np.ndarray:
    return corner - corner % 4 + (corner + 1) % 4


def _middles(first: np.ndarray, second: np.ndarray, nodes: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertex in the middle of each side of each face, -1 where there is none, and the points of these."""
    flat = nodes.reshape(-1, 3)
    middles = np.full(len(flat), -1)
    middles[first] = middles[second] = start + np.arange(len(first))
    return middles.reshape(-1, 4), (flat[first] + flat[_next(first)]) / 2


def _triangles(vertex: np.ndarray, middles: np.ndarray, start: int) -> np.ndarray:
    """Cut each face in two; cut faces with vertices in the middle of sides into a fan around a vertex in the centre."""
    fan = (middles >= 0).any(axis=1)
    plain = vertex[~fan][:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    here, there, middle = vertex[fan], np.roll(vertex[fan], -1, axis=1), middles[fan]
    centre = np.broadcast_to(start + np.arange(len(here))[:, None], here.shape)
    whole = middle < 0
    parts = [
        np.stack([one[chosen], other[chosen], centre[chosen]], axis=1)
        for one, other, chosen in ((here, there, whole), (here, middle, ~whole), (middle, there, ~whole))
    ]
    return np.concatenate([plain, *parts]).astype(np.int32)
