"""Slow and obvious versions of what the viewer shows."""

from __future__ import annotations

import base64
import zlib
from itertools import product

import numpy as np


def unpacked(packed):
    """Return the labels of a packed volume."""
    lengths, labels = (zlib.decompress(base64.b64decode(text)) for text in (packed.lengths, packed.labels))
    found, waiting = [], list(lengths)
    for label in labels:
        length = 255
        while length == 255:
            length = waiting.pop(0)
            found += [label] * length
    assert not waiting
    return np.array(found).reshape(packed.shape)


def blocks(shape, edges):
    """Yield place and box of each block of a grid, the last ones cut."""
    counts = [-(-n // edge) for n, edge in zip(shape, edges, strict=True)]
    for place in product(*map(range, counts)):
        yield place, tuple(slice(p * edge, (p + 1) * edge) for p, edge in zip(place, edges, strict=True))


def most_frequent(labels, factor):
    """Return the most frequent label of each cube, the lowest of several."""
    found = np.zeros([-(-n // factor) for n in labels.shape], int)
    for place, box in blocks(labels.shape, (factor,) * 3):
        found[place] = np.bincount(labels[box].ravel()).argmax()
    return found


def unlike_neighbours(labels, edges):
    """Return the share of unlike pairs of neighbours whose first lies in the window, without those of a 255."""
    found = {}
    for place, box in blocks(labels.shape, edges):
        pairs = unlike = 0
        for voxel in product(*(range(*part.indices(n)) for part, n in zip(box, labels.shape, strict=True))):
            for axis in range(3):
                other = tuple(v + (a == axis) for a, v in enumerate(voxel))
                if other[axis] < labels.shape[axis] and 255 not in (labels[voxel], labels[other]):
                    pairs += 1
                    unlike += labels[voxel] != labels[other]
        found[place] = unlike / max(pairs, 1)
    return found
