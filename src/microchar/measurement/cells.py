"""Cut a volume into a grid of cells, whose counts give every value of an additive metric its standard error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from microchar.core.grid import Triple, triple
from microchar.core.volume import Volume
from microchar.measurement.blocks import BOX_EDGE, Counts, Region

#: Number of cells along each axis that is cut.
_CELLS = 8
#: An axis is cut only if it has this many voxels.
_LEAST_LENGTH = 2
#: Rods lie along axis 2, where 64 voxels share a word, unless that axis is this many times longer than another one.
_LONG = 2
#: Approximate limit of the number of voxels in a column.
_COLUMN_VOXELS = 2**25


@dataclass(frozen=True)
class CellGrid:
    """Where the cells of a volume begin and end.

    A volume is cut along two axes into rods, an image along its two axes into rectangles.
    Cubes give no better estimate, because the counts of neighbouring cells are
    correlated, and cost more, because correlation functions read a halo around each cell.

    Parameters
    ----------
    edges : tuple of tuple of int
        For each axis, the beginning of each cell and the end of the last one.
    """

    edges: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]

    @classmethod
    def of(cls, volume: Volume) -> CellGrid:
        """Return the cells of a volume.

        The box that holds the mask is cut evenly, and the outer cells reach to the faces of the
        volume: empty cells would hide the fluctuations of the others.
        """
        bounds = mask_bounds(volume)
        lengths = triple(b - a for a, b in bounds)
        cut = _axes_to_cut(lengths)
        edges = []
        for axis, ((first, last), n) in enumerate(zip(bounds, volume.shape, strict=True)):
            number = min(_CELLS, last - first) if axis in cut else 1
            inner = np.linspace(first, last, number + 1).round().astype(int).tolist()[1:-1]
            edges.append((0, *inner, n))
        return cls(triple(edges))

    @property
    def numbers(self) -> Triple:
        """Number of cells along each axis."""
        return triple(len(edges) - 1 for edges in self.edges)

    def regions(self, layout: str) -> list[tuple[Triple, Region]]:
        """Return regions that consist of cells or of parts of a cell, each with the index of its first cell."""
        if layout == "boxes":
            return _products([_groups(edges, BOX_EDGE) for edges in self.edges], None)
        regions = []
        volume = math.prod(edges[-1] for edges in self.edges)
        for axis, edges in enumerate(self.edges):
            if edges[-1] > 1:
                parts = [_columns(other, _COLUMN_VOXELS * _CELLS // volume * other[-1]) for other in self.edges]
                parts[axis] = [(0, edges)]
                regions += _products(parts, axis)
        return regions


def mask_bounds(volume: Volume) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Return where the smallest box that holds the mask begins and ends along each axis.

    Without a mask, or if no voxel is inside, it is the volume.
    """
    if volume.mask is None or not volume.mask.any():
        return triple((0, n) for n in volume.shape)
    bounds = []
    for axis in range(3):
        inside = np.flatnonzero(volume.mask.any(axis=tuple(a for a in range(3) if a != axis)))
        bounds.append((int(inside[0]), int(inside[-1]) + 1))
    return triple(bounds)


def mask_lengths(volume: Volume) -> tuple[float, float, float]:
    """Return the lengths of the edges of that box."""
    return triple((b - a) * size for (a, b), size in zip(mask_bounds(volume), volume.voxel_size, strict=True))


def _axes_to_cut(shape: Triple) -> list[int]:
    long = [axis for axis, n in enumerate(shape) if n >= _LEAST_LENGTH]
    if len(long) < 3:
        return long
    shortest = min(shape[0], shape[1])
    if shape[2] <= _LONG * shortest:
        return [0, 1]
    return [axis for axis in long if axis != (0 if shape[0] == shortest else 1)]


def _groups(edges: tuple[int, ...], longest: int) -> list[tuple[int, tuple[int, ...]]]:
    """Group consecutive cells to at most about `longest` voxels, or cut longer cells; with the index of the first."""
    cells = len(edges) - 1
    widest = max(b - a for a, b in pairwise(edges))
    if widest > longest:
        pieces = -(-widest // longest)
        cuts = [np.linspace(a, b, pieces + 1).round().astype(int).tolist() for a, b in pairwise(edges)]
        return [(cell, pair) for cell, line in enumerate(cuts) for pair in pairwise(line)]
    groups = np.array_split(np.arange(cells), min(cells, -(-edges[-1] // longest)))
    return [(int(group[0]), tuple(edges[group[0] : group[-1] + 2])) for group in groups]


def _columns(edges: tuple[int, ...], longest: int) -> list[tuple[int, tuple[int, ...]]]:
    """Return each cell by itself; an axis that is not cut into cells is cut at `longest` voxels."""
    if len(edges) == 2:
        return _groups(edges, max(longest, 1))
    return list(enumerate(pairwise(edges)))


def _products(groups: list[list[tuple[int, tuple[int, ...]]]], axis: int | None) -> list[tuple[Triple, Region]]:
    regions = []
    for parts in product(*groups):
        cuts = triple(tuple(edge - edges[0] for edge in edges) for _, edges in parts)
        region = Region(
            start=triple(edges[0] for _, edges in parts),
            core=triple(edges[-1] - edges[0] for _, edges in parts),
            axis=axis,
            cuts=cuts,
        )
        regions.append((triple(cell for cell, _ in parts), region))
    return regions


def add_up_cells(cells: CellGrid, first: Sequence[Triple], counted: Iterable[Counts]) -> Counts:
    """Add the counts of each cell.

    Parameters
    ----------
    cells : CellGrid
    first : sequence of tuple of int
        Index of the first cell of each region.
    counted : iterable of dict
        Counts in the cells of each region.

    Returns
    -------
    dict of str to ndarray
        Counts with three leading axes: the cells along axes 0, 1 and 2.
    """
    total: Counts = {}
    for start, counts in zip(first, counted, strict=True):
        for name, array in counts.items():
            if name not in total:
                total[name] = np.zeros((*cells.numbers, *array.shape[3:]), array.dtype)
            box = tuple(slice(a, a + n) for a, n in zip(start, array.shape[:3], strict=True))
            total[name][box] += array
    return total
