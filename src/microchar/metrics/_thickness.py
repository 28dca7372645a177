"""Voxels of a phase by their local thickness: counted in a volume, and in one column of it after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product

import numpy as np

from microchar.core.grid import Triple, triple
from microchar.core.progress import Progress, section, silent
from microchar.core.volume import Volume
from microchar.kernels.bits import pack
from microchar.kernels.thickness import Lattice, paint
from microchar.measurement.blocks import thread_pool
from microchar.measurement.executors import is_elsewhere
from microchar.measurement.shared import Shared
from microchar.metrics._spheres import bound, find_pairs, lattice, relative_sizes, slabs, squared_radii

#: Approximate number of spheres painted between two progress reports.
_BATCH = 2**20
#: Approximate number of voxels of a column.
_COLUMN = 2**26
#: Voxels around a column that are read at first. More are read where the spheres are larger.
_HALO = 32

#: Values of the thickness, in ascending order, and the number of voxels with each of them in each cell.
Voxels = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Column:
    """A part of a volume that spans its last axis: where it begins and ends along the first two axes."""

    start: tuple[int, int]
    stop: tuple[int, int]

    def widened(self, by: np.ndarray, shape: Triple) -> Column:
        """Return the column with at least as many voxels more on each side, within a volume."""
        # What is infinite ends at the faces of the volume, too.
        more = np.ceil(np.minimum(by[:2], max(shape))).astype(int).tolist()
        start = [max(0, a - m) for a, m in zip(self.start, more, strict=True)]
        stop = [min(n, b + m) for b, m, n in zip(self.stop, more, shape[:2], strict=True)]
        return Column((start[0], start[1]), (stop[0], stop[1]))

    def within(self, other: Column) -> tuple[slice, slice]:
        """Return where this column lies in one that holds it."""
        one, two = (slice(a - first, b - first) for a, b, first in zip(self.start, self.stop, other.start, strict=True))
        return one, two


def columns(shape: Triple, voxels: int) -> list[Column]:
    """Divide a volume into columns of about as many voxels, nearly square."""
    edge = max(1, int(np.sqrt(voxels / shape[2])))
    whole = shape[0] * shape[1] * shape[2] <= voxels
    lines = [slabs(n, 1 if whole else -(-n // edge)) for n in shape[:2]]
    return [Column((a, c), (b, d)) for (a, b), (c, d) in product(*lines)]


def count_by_columns(
    volume: Volume, phase: int, order: Triple, cells: np.ndarray, shared: Shared, progress: Progress = silent
) -> Voxels:
    """Count the voxels of a phase by their local thickness, in one column of the volume after the other.

    The counts do not depend on the columns. Other processes count several columns at a time.

    Parameters
    ----------
    volume : Volume
        There must be at least one voxel of this phase and one of another phase.
    phase : int
    order : tuple of int
        Order of the axes of the volume. The last axis is not divided.
    cells : ndarray of int, (n0, n1)
        Cell of each row of voxels along the last axis.
    shared : Shared
    progress : callable

    Returns
    -------
    Voxels
    """
    parts = columns(triple(volume.shape[axis] for axis in order), _COLUMN)
    of_part = partial(_count_column, volume, phase, order, cells)
    if is_elsewhere(shared.executor):
        futures = [shared.executor.submit(of_part, part, 1) for part in parts]
        return _added([future.result() for future in futures])
    found = []
    for number, part in enumerate(parts):
        of_column = section(progress, number / len(parts), (number + 1) / len(parts))
        found.append(of_part(part, shared.threads, of_column))
    return _added(found)


def _added(parts: Sequence[Voxels]) -> Voxels:
    thickness = np.unique(np.concatenate([of_part for of_part, _ in parts]))
    voxels = np.zeros((len(thickness), parts[0][1].shape[1]), np.int64)
    for of_part, counts in parts:
        voxels[np.searchsorted(thickness, of_part)] += counts
    return thickness, voxels


def _count_column(
    volume: Volume,
    phase: int,
    order: Triple,
    cells: np.ndarray,
    column: Column,
    threads: int,
    progress: Progress = silent,
) -> Voxels:
    """Count the voxels of a column by their local thickness, which depends on the voxels around it."""
    with thread_pool(threads) as pool:
        reaching = _reaching(column, volume, phase, order, threads, pool)
        n_cells = int(cells.max()) + 1
        if reaching is None:
            return np.empty(0), np.empty((0, n_cells), np.int64)
        around, inside, spheres = reaching
        # Rows around the column are in a cell of their own, which is not returned.
        of_rows = np.full(inside.shape[:2], n_cells)
        of_rows[column.within(around)] = cells[column.start[0] : column.stop[0], column.start[1] : column.stop[1]]
        thickness, voxels = count_painted(inside, spheres, of_rows, threads, pool, progress)
    occurs = voxels[:, :n_cells].any(axis=1)
    return thickness[occurs] * _unit(volume), voxels[occurs, :n_cells]


def _reaching(
    column: Column, volume: Volume, phase: int, order: Triple, threads: int, pool: Executor
) -> tuple[Column, np.ndarray, Spheres] | None:
    """Find the spheres that may reach into a column; return where they are centred, the phase there, and the spheres.

    It is None if there are none.

    They are centred at most the largest radius away from the column, and limited by voxels
    at most twice as far away. Voxels that were not read limit none, so that radii may only be
    too large. If the largest of all is not more than half of what was read around the
    column, then those of the returned spheres are exact.
    """
    shape = triple(volume.shape[axis] for axis in order)
    sizes = relative_sizes(volume.grid)[list(order)]
    halo = float(_HALO)
    while True:
        known = column.widened(halo / sizes, shape)
        labels = _read(volume, known, order)
        squared = squared_radii(labels, phase, sizes, threads, pool)
        largest = float(np.sqrt(squared.max()))
        if 2 * largest <= halo or known == Column((0, 0), shape[:2]):
            break
        halo = 2 * largest
    around = column.widened(largest / sizes, shape)
    place = around.within(known)
    inside = labels[place] == phase
    squared = np.ascontiguousarray(squared[place])
    return (around, inside, find_spheres(squared, sizes, pool)) if inside.any() else None


def _read(volume: Volume, column: Column, order: Triple) -> np.ndarray:
    start, stop = [0, 0, 0], list(volume.shape)
    for axis, first, last in zip(order, column.start, column.stop, strict=False):
        start[axis], stop[axis] = first, last
    return np.ascontiguousarray(volume.read(start, stop).transpose(order))


def _unit(volume: Volume) -> float:
    return min(volume.voxel_size[axis] for axis in volume.grid.axes)


@dataclass(frozen=True, eq=False)
class Spheres:
    """The spheres to paint, from the largest to the smallest, and the geometry of their lattice.

    Parameters
    ----------
    squared : ndarray of float32
        Squared radii.
    centres : ndarray of int64
        Flat indices of the centres.
    boxes : ndarray of int, (spheres, 6)
        What of each sphere no larger one holds lies in this box.
    geometry : Lattice
    """

    squared: np.ndarray
    centres: np.ndarray
    boxes: np.ndarray
    geometry: Lattice


def find_spheres(squared: np.ndarray, sizes: np.ndarray, pool: Executor) -> Spheres:
    """Find the spheres to paint among those around all voxels, given by `squared_radii`."""
    geometry = lattice(sizes, triple(squared.shape), squared.max())
    found = []
    for first, last, pairs in find_pairs(squared, geometry, pool):
        centres, boxes = bound(squared, (first, last), pairs, geometry)
        found.append((squared.reshape(-1)[centres], centres, boxes))
    radii, centres, boxes = (np.concatenate(part) for part in zip(*found, strict=True))
    del found
    order = _descending_order(radii)
    return Spheres(radii[order], centres[order], boxes[order], geometry)


def count_painted(
    inside: np.ndarray,
    spheres: Spheres,
    cells: np.ndarray,
    threads: int,
    pool: Executor,
    progress: Progress = silent,
) -> Voxels:
    """Paint spheres from the largest to the smallest, and count the voxels that each thickness is the first to reach.

    The planes of the volume are divided among threads; each thread paints its planes of
    all spheres. With `find_spheres`, the peak memory is about 8 bytes per voxel.

    Parameters
    ----------
    inside : ndarray of bool, (n0, n1, n2)
        Voxels of the phase.
    spheres : Spheres
    cells : ndarray of int, (n0, n1)
        Cell of each row of voxels along axis 2.
    threads : int
    pool : concurrent.futures.Executor
    progress : callable
        Called with the share of the spheres that have been painted.

    Returns
    -------
    Voxels
        The thickness is in units of the smallest voxel size.
    """
    n_cells = int(cells.max()) + 1
    starts = np.append(np.flatnonzero(np.diff(spheres.squared, prepend=np.inf)), len(spheres.squared))
    bits = np.ascontiguousarray(pack(inside, (inside.shape[2] + 63) // 64).transpose(0, 2, 1))
    painted = np.zeros((len(starts) - 1, n_cells), np.int64)

    def paint_slab(which: slice, n_radii: int, slab: tuple[int, int]) -> np.ndarray:
        counts = np.zeros((n_radii, n_cells), np.int64)
        of = (spheres.squared[which], spheres.centres[which], spheres.boxes[which])
        paint(bits, *of, *slab, inside.shape[2], spheres.geometry, cells, counts)
        return counts

    for radii, which in _batches(starts):
        counts = pool.map(partial(paint_slab, which, len(painted[radii])), slabs(len(inside), threads))
        painted[radii] = np.sum(list(counts), axis=0)
        progress(which.stop / len(spheres.squared), "")
    occurs = painted.any(axis=1)
    thickness = 2 * np.sqrt(spheres.squared[starts[:-1]].astype(float))
    return thickness[occurs][::-1], painted[occurs][::-1]


def _descending_order(squared: np.ndarray) -> np.ndarray:
    """Return the indices that sort squared radii from the largest to the smallest.

    Those of one radius keep their order, which is that in memory: painting is then fastest.
    """
    # The bits of positive floats are in the order of the floats. Numbers are sorted faster than indices.
    keys = (~squared.view(np.uint32)).astype(np.uint64) << np.uint64(32)
    keys |= np.arange(len(keys), dtype=np.uint64)
    keys.sort()
    keys &= np.uint64(2**32 - 1)
    return keys.view(np.int64)


def _batches(starts: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Divide the spheres into batches that do not split a radius; yield the slices of the radii and of the spheres."""
    n = int(starts[-1])
    cuts = np.unique(np.searchsorted(starts, np.arange(0, n + _BATCH, _BATCH).clip(max=n)))
    for first, last in pairwise(cuts.tolist()):
        yield slice(first, last), slice(int(starts[first]), int(starts[last]))
