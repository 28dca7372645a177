"""Shared code of the metrics of small neighbourhoods: one set of counts, and the interface areas computed from it."""

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
from microchar.kernels.wedges import count_wedges
from microchar.measurement.blocks import Block, Counts
from microchar.measurement.metric import AdditiveMetric

#: The 13 directions of a pair of neighbours; they include the three axes.
DIRECTIONS = np.array([step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)])
#: Offset of each of the eight corners of a window.
_CORNERS = np.array(list(product((0, 1), repeat=3)))

#: The corner at offset (i, j, k) has the number 4 i + 2 j + k.
_PLACE = np.array([4, 2, 1])
_STARTS = (DIRECTIONS < 0).astype(np.int64)
#: The two corners of a window that form the pair along each direction.
_ENDS = np.stack([_STARTS @ _PLACE, (_STARTS + DIRECTIONS) @ _PLACE], axis=1)
#: Index of each axis in `DIRECTIONS`.
_AXES = [DIRECTIONS.tolist().index(step) for step in np.eye(3, dtype=int).tolist()]
#: The four corners around the lattice edge along each axis.
_LOOPS = np.array([np.flatnonzero(_CORNERS[:, axis] == 0) for axis in range(3)])


@dataclass(frozen=True)
class NeighbourhoodMetric(AdditiveMetric):
    """A metric that is computed from the counts of `count_neighbourhoods` and `count_wedges`.

    A 2D image is counted as a slab of equal planes. The windows, pairs, edges and
    cubes of the slab are those of the image, so that 2D needs no other special case.
    """

    def count_key(self) -> Hashable:
        """Return one key for the whole family, whose metrics share their counts."""
        return "neighbourhood", self.periodic

    def halo(self, grid: Grid) -> Triple:
        """Return two voxels, the reach of a 3x3x3 cube, per axis longer than one voxel."""
        h0, h1, h2 = (2 * int(n > 1) for n in grid.shape)
        return (h0, h1, h2)

    def count(self, block: Block) -> Counts:
        """Count the windows, pairs, edges and cubes whose lowest corner lies in the core."""
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
        count_neighbourhoods(self._framed(block, 2), n, _ENDS, _LOOPS, window, two, *counts.values())
        wedges = np.zeros((len(_ENDS), n, n), np.int64)
        if n > 2:
            labels = self._framed(block, 3)
            bits = np.append(1 << np.arange(n), np.zeros(256 - n)).astype(np.uint16)[labels]
            count_wedges(labels, bits, n, DIRECTIONS, np.empty(labels.shape[2], np.uint16), wedges)
        return counts | {"voxels": counts["voxels"][:n], "pairs": counts["pairs"][:, :n, :n], "wedges": wedges}

    def density(self, grid: Grid, value: float | None, **key: Any) -> Value:
        """Make a `Value`; it is undefined if `value` is None, that is, if there was nothing to count."""
        if value is not None:
            return self.scalar(grid, value, **key)
        why = "too few voxels inside the mask are adjacent: a required neighbourhood does not occur"
        return self.scalar(grid, None, status=Status.UNDEFINED, message=why, **key)

    def _framed(self, block: Block, edge: int) -> np.ndarray:
        """Return the labels of all windows of an edge, padded with no phase at each non-periodic face of the volume.

        With one voxel of padding before the volume, every voxel is a corner of eight
        windows of edge 2, and the centre of a cube of edge 3. The windows that begin in
        this padding belong to the first blocks of the volume.
        """
        labels = block.labels[tuple(slice(n + edge - 1) for n in block.core)]
        frame = [(0, 0)] * 3
        for axis, n in enumerate(block.shape):
            if n == 1:
                labels = np.repeat(labels, edge, axis=axis)
            elif axis not in self.periodic:
                missing = block.core[axis] + edge - 1 - labels.shape[axis]
                frame[axis] = (int(block.start[axis] == 0), missing)
        return np.pad(labels, frame, constant_values=OUTSIDE)


def crofton_density(counts: Counts, grid: Grid, *, wedges: bool = False) -> np.ndarray | None:
    """Return the interface between each two phases per volume, from the pairs of neighbours in all directions.

    Parameters
    ----------
    counts : mapping
        Counts of `NeighbourhoodMetric`.
    grid : Grid
    wedges : bool
        Whether to add what is hidden at the tips of wedges; see `InterfacialArea`.

    Returns
    -------
    ndarray, (n_phases, n_phases), or None
        Symmetric matrix with zeros on the diagonal; None if some direction has no pairs.
    """
    chosen, weights = crofton_weights(grid.voxel_size, grid.axes)
    pairs = counts["pairs"][list(chosen)]
    valid = pairs.sum(axis=(1, 2))
    if not valid.all():
        return None
    lengths = np.linalg.norm(DIRECTIONS[list(chosen)] * grid.voxel_size, axis=1)
    factor = 2.0 if grid.ndim == 3 else np.pi / 2
    crossings = _crossings(pairs)
    if wedges:
        crossings = crossings + _crossings(counts["wedges"][list(chosen)]) / 2
    return factor * np.tensordot(weights / (valid * lengths), crossings, axes=1)


def face_density(counts: Counts, grid: Grid) -> np.ndarray | None:
    """Return the area of the voxel faces between each two phases per volume inside the mask; see `crofton_density`."""
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
    """Return the directions within the given axes, and the share of all directions nearest to each (sum 1)."""
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
