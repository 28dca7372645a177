"""Which edges of a closed surface of triangles may be collapsed together."""

from __future__ import annotations

import numpy as np

from microchar.kernels.jit import inner, kernel

#: A triangle may turn by at most the angle of this cosine when one of its corners moves.
_COSINE = 0.2


@kernel
def choose_collapses(edges, targets, points, triangles, start, around, most):  # type: ignore[no-untyped-def]
    """Choose edges, in their order, whose collapses do not touch each other and keep the surface a closed manifold.

    An edge is chosen if its ends have two neighbours in common and no more (Dey et al.,
    1999, Publications de l'Institut Mathématique 66, 23–45), if it does not belong to a
    tetrahedron, and if no triangle turns over.

    Parameters
    ----------
    edges : int32, (edges, 2)
    targets : float64, (edges, 3)
        Point that the two ends of each edge would become.
    points : float64, (vertices, 3)
    triangles : int32, (triangles, 3)
    start : int64, (vertices + 1,)
    around : int32, (3 triangles,)
        The triangles around vertex v are ``around[start[v]:start[v + 1]]``.
    most : int
        Largest number of edges to choose.

    Returns
    -------
    ndarray of bool, (edges,)
        Whether each edge was chosen.
    """
    chosen = np.zeros(len(edges), np.bool_)
    touched = np.zeros(len(points), np.bool_)
    seen = np.full(len(points), -1, np.int32)
    count = 0
    for e in range(len(edges)):
        if count == most:
            break
        a, b = edges[e]
        if touched[a] or touched[b]:
            continue
        n_a, n_b = start[a + 1] - start[a], start[b + 1] - start[b]
        if (n_a == 3 and n_b == 3) or _common(a, b, e, triangles, start, around, seen) != 2:
            continue
        if _turns(a, b, targets[e], points, triangles, start, around):
            continue
        if _turns(b, a, targets[e], points, triangles, start, around):
            continue
        for v in (a, b):
            for t in around[start[v] : start[v + 1]]:
                for corner in range(3):
                    touched[triangles[t, corner]] = True
        chosen[e] = True
        count += 1
    return chosen


@inner
def _common(a, b, mark, triangles, start, around, seen):  # type: ignore[no-untyped-def]
    """Count the vertices that are neighbours of both a and b."""
    for t in around[start[a] : start[a + 1]]:
        for corner in range(3):
            seen[triangles[t, corner]] = mark
    # In a closed surface two triangles around b share each of its neighbours: count those that follow b.
    count = 0
    for t in around[start[b] : start[b + 1]]:
        for corner in range(3):
            if triangles[t, corner] == b:
                v = triangles[t, (corner + 1) % 3]
                count += v != a and seen[v] == mark
    return count


@inner
def _turns(a, b, target, points, triangles, start, around):  # type: ignore[no-untyped-def]
    """Return whether a triangle around a that does not touch b turns over, or vanishes, as a moves."""
    for t in around[start[a] : start[a + 1]]:
        corner = 0
        while triangles[t, corner] != a:
            corner += 1
        v, w = triangles[t, (corner + 1) % 3], triangles[t, (corner + 2) % 3]
        if b in (v, w):
            continue
        x, y, z = _normal(points[v], points[w], points[a])
        i, j, k = _normal(points[v], points[w], target)
        length = i * i + j * j + k * k
        if length == 0 or x * i + y * j + z * k < _COSINE * np.sqrt((x * x + y * y + z * z) * length):
            return True
    return False


@inner
def _normal(p, q, r):  # type: ignore[no-untyped-def]
    """Return the vector product of two sides of a triangle."""
    a, b, c = q[0] - p[0], q[1] - p[1], q[2] - p[2]
    d, e, f = r[0] - p[0], r[1] - p[1], r[2] - p[2]
    return b * f - c * e, c * d - a * f, a * e - b * d
