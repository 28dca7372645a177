"""What the metrics of 2x2x2 neighbourhoods share: one set of counts, and the areas that follow from it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from microchar.core.grid import Grid, Triple
from microchar.core.result import Status, Value
from microchar.core.volume import OUTSIDE
from microchar.kernels.neighbourhood import count_neighbourhoods
from microchar.measurement.blocks import Block, Counts
from microchar.measurement.metric import AdditiveMetric

#: The 13 directions of a pair of neighbours, the three axes among them.
DIRECTIONS = np.array([step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)])
#: Offset of each corner of a window.
_CORNERS = np.array(list(product((0, 1), repeat=3)))

_PLACE = np.array([4, 2, 1])
_STARTS = (DIRECTIONS < 0).astype(np.int64)
_ENDS = np.stack([_STARTS @ _PLACE, (_STARTS + DIRECTIONS) @ _PLACE], axis=1)
#: Place in `DIRECTIONS` of each axis.
_AXES = [DIRECTIONS.tolist().index(step) for step in np.eye(3, dtype=int).tolist()]
_LOOPS = np.array([np.flatnonzero(_CORNERS[:, axis] == 0) for axis in range(3)])


@dataclass(frozen=True)
class NeighbourhoodMetric(AdditiveMetric):
    """A metric whose counts are those of `count_neighbourhoods`.

    A 2D image is counted as a slab of two equal planes: windows, pairs and edges
    are then those of the image, and nothing else need know of it.
    """

    def count_key(self) -> Hashable:
        """All metrics of the family are counted once."""
        return "neighbourhood", self.periodic

    def halo(self, grid: Grid) -> Triple:
        """One voxel."""
        h0, h1, h2 = (int(n > 1) for n in grid.shape)
        return (h0, h1, h2)

    def count(self, block: Block) -> Counts:
        """Count windows, pairs and edges whose lowest corner lies in the core."""
        n = block.n_phases
        counts = {
            "voxels": np.zeros(n + 1, np.int64),
            "windows": np.zeros(2, np.int64),
            "configurations": np.zeros((2, n, 256), np.int64),
            "pairs": np.zeros((len(_ENDS), n + 1, n + 1), np.int64),
            "edges": np.zeros((2, 3), np.int64),
            "triplets": np.zeros((3, n, n, n), np.int64),
        }
        window, two = np.empty(8, np.int64), np.zeros((n + 1, n + 1, 256), np.int64)
        count_neighbourhoods(self._framed(block), n, _ENDS, _LOOPS, window, two, *counts.values())
        return counts | {"voxels": counts["voxels"][:n], "pairs": counts["pairs"][:, :n, :n]}

    def density(self, grid: Grid, value: float | None, **labels: Any) -> Value:
        """Make a value; None, where nothing could be counted, is undefined."""
        if value is not None:
            return self.scalar(grid, value, **labels)
        why = "the voxels that count are too few or too scattered: some neighbourhood it needs never occurs"
        return self.scalar(grid, None, status=Status.UNDEFINED, message=why, **labels)

    def _framed(self, block: Block) -> np.ndarray:
        """Return the labels with a voxel of no phase beyond each face of the volume, so that every voxel is a corner.

        The windows that begin before the volume belong to its first blocks.
        """
        labels = block.labels
        frame = [(0, 0)] * 3
        for axis, n in enumerate(block.shape):
            if n == 1:
                labels = np.repeat(labels, 2, axis=axis)
            elif axis not in self.periodic:
                frame[axis] = (int(block.start[axis] == 0), int(block.labels.shape[axis] == block.core[axis]))
        return np.pad(labels, frame, constant_values=OUTSIDE)


def crofton_density(counts: Counts, grid: Grid) -> np.ndarray | None:
    """Interface between each two phases per volume, from the pairs of neighbours in all directions.

    Returns
    -------
    ndarray, (n_phases, n_phases), symmetric with zeros on the diagonal, or None
        None where some direction has no pairs.
    """
    chosen, weights = crofton_weights(grid.voxel_size, grid.axes)
    pairs = counts["pairs"][list(chosen)]
    valid = pairs.sum(axis=(1, 2))
    if not valid.all():
        return None
    lengths = np.linalg.norm(DIRECTIONS[list(chosen)] * grid.voxel_size, axis=1)
    factor = 2.0 if grid.ndim == 3 else np.pi / 2
    return factor * np.tensordot(weights / (valid * lengths), _crossings(pairs), axes=1)


def face_density(counts: Counts, grid: Grid) -> np.ndarray | None:
    """Area of the voxel faces between each two phases per volume of the voxels that count; as `crofton_density`."""
    voxels = counts["voxels"].sum()
    if not voxels:
        return None
    pairs = counts["pairs"][[_AXES[axis] for axis in grid.axes]]
    spacing = np.array([grid.voxel_size[axis] for axis in grid.axes])
    return np.tensordot(1 / (voxels * spacing), _crossings(pairs), axes=1)


def _crossings(pairs: np.ndarray) -> np.ndarray:
    return (pairs + pairs.transpose(0, 2, 1)) * ~np.eye(pairs.shape[1], dtype=bool)


@cache
def crofton_weights(
    voxel_size: tuple[float, float, float], axes: tuple[int, ...]
) -> tuple[tuple[int, ...], np.ndarray]:
    """Return which directions lie in the axes that count, and the share of all directions nearest to each (sum 1)."""
    chosen = tuple(d for d in range(len(DIRECTIONS)) if all(DIRECTIONS[d, a] == 0 or a in axes for a in range(3)))
    steps = (DIRECTIONS[list(chosen)] * voxel_size)[:, list(axes)]
    units = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    shares = _sphere_shares(units) if len(axes) == 3 else _circle_shares(units)
    return chosen, shares


def _sphere_shares(units: np.ndarray) -> np.ndarray:
    from scipy.spatial import SphericalVoronoi

    areas = SphericalVoronoi(np.concatenate([units, -units])).calculate_areas()
    return np.asarray(areas[: len(units)] / (2 * np.pi))


def _circle_shares(units: np.ndarray) -> np.ndarray:
    angles = np.arctan2(units[:, 1], units[:, 0]) % np.pi
    order = np.argsort(angles)
    gaps = np.diff(angles[order], append=angles[order[0]] + np.pi)
    shares = np.empty(len(units))
    shares[order] = (gaps + np.roll(gaps, 1)) / (2 * np.pi)
    return shares
