"""How patches copy the training image: positions that would extend a copy, and the share of copied windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microchar.core.grid import Triple
from microchar.generators.multiple_point.cover import Cover, Patch
from microchar.generators.multiple_point.search import Search


def continuations(corner: Triple, placed: Sequence[Patch], search: Search, reach: int, cover: Cover) -> np.ndarray:
    """Mark the positions in the region at which a patch would extend the copy that a neighbour made.

    These positions match best, and using them would copy the entire training
    image. Positions up to `reach` voxels away along every axis are marked too.
    """
    assert search.offset is not None
    marked = np.zeros(search.shape, bool)
    displacements = cover.displacements(corner, [patch.corner for patch in placed])
    near = (np.abs(displacements) <= cover.patch).all(axis=1)
    for number in np.flatnonzero(near).tolist():
        moved = zip(placed[number].origin, displacements[number].tolist(), search.offset, strict=True)
        centre = [origin + step - first for origin, step, first in moved]
        margins = [reach if axis in search.axes else 0 for axis in range(3)]
        box = (slice(max(c - m, 0), max(c + m + 1, 0)) for c, m in zip(centre, margins, strict=True))
        marked[tuple(box)] = True
    return marked


def copied_share(labels: np.ndarray, placed: Sequence[Patch], search: Search, window: Triple, cover: Cover) -> float:
    """Return the share of windows of a volume that one patch copied, voxel by voxel, from the training image."""
    copied = np.zeros(labels.shape, bool)
    if any(w > p for w, p in zip(window, cover.patch, strict=True)):
        return 0.0
    for patch in placed:
        same = labels[cover.box(patch.corner, cover.patch)] == search.box(patch.origin)
        for axis, w in enumerate(window):
            same = np.lib.stride_tricks.sliding_window_view(same, w, axis=axis).all(axis=-1)
        copied[cover.box(patch.corner, same.shape)] |= same
    counted = tuple(
        slice(n) if axis in cover.periodic else slice(n - w + 1)
        for axis, (n, w) in enumerate(zip(labels.shape, window, strict=True))
    )
    return float(copied[counted].mean())
