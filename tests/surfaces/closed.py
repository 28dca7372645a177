"""Whether triangles make a closed surface, told from what every file has: the places of their corners."""

from __future__ import annotations

import numpy as np


def assert_closed(points, triangles) -> None:
    """Expect two triangles at every edge, which run along it in opposite directions, also where places decide."""
    places, place = np.unique(points, axis=0, return_inverse=True)
    for corners in (np.asarray(triangles), place.ravel()[triangles]):
        sides = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]).astype(np.int64)
        assert (sides[:, 0] != sides[:, 1]).all()
        directed, counts = np.unique(sides[:, 0] * len(points) + sides[:, 1], return_counts=True)
        assert (counts == 1).all()
        back = np.unique(sides[:, 1] * len(points) + sides[:, 0])
        assert np.array_equal(directed, back)
    assert len(places) == len(points)


def enclosed(points, triangles) -> float:
    """Return the volume inside a closed surface."""
    a, b, c = (np.asarray(points, float)[triangles[:, corner]] for corner in range(3))
    return float((a * np.cross(b, c)).sum() / 6)
