"""The largest spheres inside a phase, used by the local thickness and the intrusion curve."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from itertools import pairwise

import numpy as np

from microchar.core.grid import Grid, Triple
from microchar.core.result import Status
from microchar.core.volume import OUTSIDE
from microchar.kernels.distances import measure_columns, measure_rows
from microchar.kernels.thickness import REDUNDANT, Lattice, bound_spheres, find_containing, find_neighbours

#: Steps from a voxel to its 26 neighbours, those through faces first.
STEPS: np.ndarray = np.array(sorted(np.ndindex(3, 3, 3), key=lambda step: sum(abs(x - 1) for x in step))[1:]) - 1
#: Number of planes that one task handles.
_PLANES = 16
#: Approximate limit of the number of rows of `Lattice.needed`.
_ROWS = 2**16


def obstacle_to_spheres(voxels: np.ndarray, phase: int) -> tuple[Status, str] | None:
    """Return why there are no spheres inside a phase, or None if there are; `voxels` has the numbers of all phases."""
    if voxels[phase] == 0:
        return Status.ABSENT_PHASE, "the phase has no voxels"
    if voxels[phase] == voxels.sum():
        return Status.UNDEFINED, "no voxel of another phase ends the spheres of this one"
    return None


def relative_sizes(grid: Grid) -> np.ndarray:
    """Return the voxel size in units of its smallest edge, with 1 along axes of one voxel."""
    unit = min(grid.voxel_size[axis] for axis in grid.axes)
    return np.array([size / unit if axis in grid.axes else 1.0 for axis, size in enumerate(grid.voxel_size)])


def squared_radii(labels: np.ndarray, phase: int, sizes: np.ndarray, threads: int, pool: Executor) -> np.ndarray:
    """Return the squared radius of the largest sphere around each voxel of a phase, and 0 for other voxels.

    The radius is the distance to the nearest voxel of another phase. The faces of the
    volume and of the mask do not limit it.

    Parameters
    ----------
    labels : ndarray of uint8, (n0, n1, n2)
    phase : int
    sizes : ndarray of float, (3,)
        Voxel size from `relative_sizes`, which is the unit of the radius.
    threads : int
    pool : concurrent.futures.Executor

    Returns
    -------
    ndarray of float32, (n0, n1, n2)
    """
    squared = np.empty(labels.shape, np.float32)
    planes, rows = (slabs(n, threads) for n in labels.shape[:2])
    list(pool.map(lambda slab: measure_rows(labels, phase, OUTSIDE, *slab, sizes[2], squared), planes))
    list(pool.map(lambda slab: measure_columns(squared, 1, *slab, sizes[1]), planes))
    list(pool.map(lambda slab: measure_columns(squared, 0, *slab, sizes[0]), rows))
    for plane, here in zip(squared, labels, strict=True):
        plane[here == OUTSIDE] = 0
    return squared


def slabs(planes: int, parts: int) -> list[tuple[int, int]]:
    """Divide planes into as many ranges, none of them empty."""
    return list(pairwise(np.unique(np.linspace(0, planes, parts + 1).round().astype(int)).tolist()))


def lattice(sizes: np.ndarray, shape: Triple, largest: float) -> Lattice:
    """Return the geometry of the neighbours of a voxel, for spheres up to the given squared radius."""
    shrink, gap = _margins(sizes)
    # A power of 2, so that squared radii times it are exact.
    bins = 2.0 ** -max(0, int(np.ceil(np.log2(largest / _ROWS))))
    steps = STEPS * sizes
    lengths = np.linalg.norm(steps, axis=1)
    along = -steps / lengths[:, None]
    return Lattice(
        sizes=sizes,
        shrink=shrink,
        gap=gap,
        steps=STEPS,
        offsets=STEPS @ [shape[1] * shape[2], shape[2], 1],
        lengths=lengths,
        cosines=along @ along.T,
        caps=np.stack([along, np.sqrt(np.clip(1 - along**2, 0, None))], axis=2),
        bins=bins,
        needed=_needed(sizes, shape, int(np.ceil(largest * bins)) + 1, bins, shrink, gap),
    )


def _margins(sizes: np.ndarray) -> tuple[float, float]:
    """Return the constants `shrink` and `gap` of `microchar.kernels.thickness`.

    For cubic voxels, squared distances are integers, so that "less than n" is "at most
    n - 1". Otherwise the radii shrink a little, so that rounding cannot add voxels.
    """
    return (1.0, 1.0) if (sizes == 1).all() else (1 - 1e-6, 0.0)


def _needed(sizes: np.ndarray, shape: Triple, rows: int, bins: float, shrink: float, gap: float) -> np.ndarray:
    """Return `Lattice.needed`; steps that differ in sign only need the same."""
    corners, corner = np.unique(np.abs(STEPS), axis=0, return_inverse=True)
    containing = np.zeros((rows, len(corners)))
    find_containing(corners, sizes, np.array(shape) - 1, bins, containing)
    # The shrinking is taken twice, so that rounding to single precision cannot make a radius too small.
    needed = ((containing + gap) / shrink**2).astype(np.float32)
    # In a thin volume a sphere may hold all voxels of a larger one.
    larger = np.nextafter((np.arange(rows) / bins).astype(np.float32), np.float32(np.inf))
    return np.maximum(needed, larger[:, None])[:, corner.reshape(-1)]


def find_pairs(squared: np.ndarray, geometry: Lattice, pool: Executor) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield, for slab after slab of planes, where it begins and ends, and the pairs of neighbours of its spheres."""

    def find(slab: tuple[int, int]) -> tuple[int, int, np.ndarray]:
        pairs = np.empty((slab[1] - slab[0], *squared.shape[1:]), np.uint16)
        find_neighbours(squared, *slab, geometry, pairs)
        return *slab, pairs

    return iter(pool.map(find, slabs(len(squared), -(-len(squared) // _PLANES))))


def bound(
    squared: np.ndarray, slab: tuple[int, int], pairs: np.ndarray, geometry: Lattice
) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat indices of the centres of the spheres of a slab that must be painted, and the box of each."""
    spheres = int(np.count_nonzero(pairs != REDUNDANT))
    # One more, because the box of a sphere is written before it is known to be empty.
    kind = np.int16 if max(squared.shape) < 2**15 else np.int32
    centres, boxes = np.empty(spheres + 1, np.int64), np.empty((spheres + 1, 6), kind)
    number = bound_spheres(squared, pairs, *slab, geometry, centres, boxes)
    return centres[:number].copy(), boxes[:number].copy()
