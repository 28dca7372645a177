"""Cut a volume into blocks, in which every additive metric counts."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple, triple

#: Counts of one block: arrays by name, of integers (or of floats per slice), that are added over the blocks.
Counts = dict[str, np.ndarray]
#: Edges of cells along each axis.
Cuts = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
#: Called after each block with the number of its voxels.
Tick = Callable[[int], None]

#: Longest edge of a box in voxels. The labels and bit planes of such a box fit in the share of the cache that one core
#: has, and the halo is read only once per box.
BOX_EDGE = 256
#: Approximate number of voxels in a column or slab.
_SLAB_VOXELS = 2**22


@dataclass(frozen=True, eq=False)
class Block:
    """A block of a volume, with everything that a metric needs to count in it.

    Parameters
    ----------
    labels : ndarray, 3D
        The core, which begins at index (0, 0, 0), and the halo behind it on each
        axis: the part of the requested halo that lies inside the volume, or all of it
        on periodic axes. The values are labels (uint8, `OUTSIDE` for voxels outside
        the mask) or what `AdditiveMetric.reader` of the metric reads.
    core : tuple of int
        Shape of the core. What is counted belongs to the block in whose core it starts.
    start : tuple of int
        Position of the core in the volume.
    shape : tuple of int
        Shape of the whole volume.
    n_phases : int
        Number of phases of the volume.
    axis : int or None
        Direction of a column or slab; None for a box.
    other : ndarray, optional
        The same box of the second volume, for pair metrics.
    halo : tuple of int
        Halo that the metric requested along each axis.
    cuts : tuple of tuple of int, optional
        For each axis, where the cells within the core begin, and where the last one
        ends; None if the core is a single cell. See `microchar.measurement.cells`.
    """

    labels: np.ndarray
    core: Triple
    start: Triple
    shape: Triple
    n_phases: int
    axis: int | None = None
    other: np.ndarray | None = None
    halo: Triple = (0, 0, 0)
    cuts: Cuts | None = None

    @property
    def cell_edges(self) -> Cuts:
        """Edges of the cells within the core along each axis; the core itself if it is not cut."""
        return self.cuts or triple((0, n) for n in self.core)

    def cells(self) -> list[tuple[Triple, Block]]:
        """Return the cells of the block, each with its index, as blocks with the halo that they need."""
        edges = self.cell_edges
        return [(index, self._cell(index)) for index in map(triple, np.ndindex(*(len(line) - 1 for line in edges)))]

    def _cell(self, index: Triple) -> Block:
        start = triple(line[i] for line, i in zip(self.cell_edges, index, strict=True))
        stop = triple(line[i + 1] for line, i in zip(self.cell_edges, index, strict=True))
        box = tuple(slice(a, b + h) for a, b, h in zip(start, stop, self.halo, strict=True))
        return replace(
            self,
            labels=self.labels[box],
            core=triple(b - a for a, b in zip(start, stop, strict=True)),
            start=triple(a + b for a, b in zip(self.start, start, strict=True)),
            cuts=None,
        )


@dataclass(frozen=True)
class Region:
    """Position and shape of the core of a block; see `Block` for `axis` and `cuts`."""

    start: Triple
    core: Triple
    axis: int | None = None
    cuts: Cuts | None = None

    @property
    def stop(self) -> Triple:
        """Where the core ends."""
        return triple(a + n for a, n in zip(self.start, self.core, strict=True))


def boxes(shape: Triple, edge: int = BOX_EDGE) -> list[Region]:
    """Cut a shape into boxes of nearly equal size, of at most `edge` voxels along each axis."""
    return _regions([_cuts(n, -(-n // edge)) for n in shape], None)


def columns(shape: Triple, voxels: int = _SLAB_VOXELS) -> list[Region]:
    """Cut a shape, once for each direction, into columns that span it along that direction."""
    regions = []
    for axis in _axes(shape):
        split = max((a for a in range(3) if a != axis), key=lambda a: shape[a])
        regions += _regions(_cut_one(shape, split, voxels), axis)
    return regions


def slabs(shape: Triple, voxels: int = _SLAB_VOXELS) -> list[Region]:
    """Cut a shape, once for each direction, into slabs of whole slices normal to that direction.

    A 2D image has one slice, which is normal to the axis of length one.
    """
    axes = _axes(shape) if len(_axes(shape)) == 3 else tuple(a for a in range(3) if shape[a] == 1)[:1]
    regions = []
    for axis in axes:
        regions += _regions(_cut_one(shape, axis, voxels), axis)
    return regions


def rods(shape: Triple, voxels: int) -> list[Region]:
    """Cut a shape along axes 0 and 1 into rods of about equal edges there, of at most `voxels` voxels or one line."""
    area = max(1, voxels // shape[2])
    width = min(shape[1], max(math.isqrt(area), area // shape[0]))
    edges = (min(shape[0], area // width), width, shape[2])
    return _regions([_cuts(n, -(-n // edge)) for n, edge in zip(shape, edges, strict=True)], None)


LAYOUTS: dict[str, Callable[[Triple], list[Region]]] = {"boxes": boxes, "columns": columns, "slabs": slabs}


def _axes(shape: Triple) -> tuple[int, ...]:
    return tuple(a for a in range(3) if shape[a] > 1)


def _cut_one(shape: Triple, axis: int, voxels: int) -> list[list[tuple[int, int]]]:
    pieces = min(shape[axis], -(-int(np.prod(shape, dtype=np.int64)) // voxels))
    return [_cuts(n, pieces if a == axis else 1) for a, n in enumerate(shape)]


def _cuts(n: int, pieces: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, n, pieces + 1).round().astype(int).tolist()
    return list(pairwise(edges))


def _regions(cuts: Sequence[Sequence[tuple[int, int]]], axis: int | None) -> list[Region]:
    return [Region((a0, b0, c0), (a1 - a0, b1 - b0, c1 - c0), axis) for (a0, a1), (b0, b1), (c0, c1) in product(*cuts)]


def halo_stop(region: Region, halo: Triple, shape: Triple, periodic: Sequence[int]) -> Triple:
    """Return where a region with its halo ends; except on periodic axes, the halo is cut at the end of the volume."""
    stop = [s + c + h for s, c, h in zip(region.start, region.core, halo, strict=True)]
    stop = [s if a in periodic else min(s, n) for a, (s, n) in enumerate(zip(stop, shape, strict=True))]
    return triple(stop)


@contextmanager
def thread_pool(threads: int | None) -> Iterator[Executor]:
    """Provide an executor with that many threads; default one for each core that this process may use."""
    if threads is not None and threads < 1:
        raise InputError(f"threads={threads!r}: expected a whole number greater than 0, or None for all cores")
    pool = ThreadPoolExecutor(max_workers=threads or available_cores())
    try:
        yield pool
    finally:
        # After Ctrl-C, do not wait for blocks that have not started.
        pool.shutdown(wait=True, cancel_futures=True)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
