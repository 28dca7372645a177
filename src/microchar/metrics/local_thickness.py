"""Local thickness: the diameter of the largest sphere inside the phase that holds the voxel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from microchar.core.grid import Grid
from microchar.core.progress import Progress, section, silent
from microchar.core.result import Profile, Result, Status, Value
from microchar.core.volume import OUTSIDE, Volume
from microchar.kernels.bits import pack
from microchar.kernels.thickness import REDUNDANT, find_neighbours, paint
from microchar.measurement.blocks import thread_pool
from microchar.measurement.metric import Shared, WholeMetric

_QUANTILES = (0.1, 0.5, 0.9)
_FEATURES = ("mean", "standard_deviation", *(f"quantile_{q}" for q in _QUANTILES))
#: Planes whose neighbours are found at a time.
_PLANES = 16
#: About how many spheres are painted between two reports of progress.
_BATCH = 2**20
#: Steps to the voxels around one.
_STEPS = np.array([step for step in np.ndindex(3, 3, 3) if step != (1, 1, 1)]) - 1


@dataclass(frozen=True)
class LocalThickness(WholeMetric):
    r"""Distribution of the local thickness of each phase, by volume.

    The local thickness at a point of the phase is the diameter of the largest
    sphere that lies inside the phase and holds the point (not necessarily at its
    centre),

    .. math:: t(\mathbf x) = 2 \max \{ r : \mathbf x \in B(\mathbf c, r) \subset \text{phase} \} .

    It is large in the body of a grain or pore as well as in its corners that a
    large sphere reaches, and small in throats and cracks.

    Notes
    -----
    *Profile*: ``cdf``, the share of the phase's volume with that thickness or
    less, at multiples of the smallest voxel size. *Values*: ``mean`` and
    ``standard_deviation`` over the volume of the phase, and quantiles (the
    smallest thickness with at least that share in the cdf).

    *Estimator*: exact on the lattice. Spheres are centred on voxels; the radius is
    the distance from the centre of that voxel to the centre of the nearest voxel
    of another phase, and the sphere holds the voxels whose centres are nearer than
    that. In an image it is discs. *Bias*: a slab of an even number of voxels reads
    that number, one of an odd number reads one voxel more. A round body reads up to
    one voxel more where its centre is that of a voxel, and up to 1.7 voxels less
    where its centre is where eight voxels meet. Phases a few voxels thick are
    therefore known to about a voxel. *Boundary*: the faces of the sample, and of the
    mask, are not an obstacle: a sphere is centred inside but may reach out of the
    sample as if the phase went on, so that the phase reads too thick near them.
    The larger the sample, the smaller this part; only equal shapes may be
    compared.

    References
    ----------
    .. [1] T. Hildebrand and P. Rüegsegger, "A new method for the model-independent
       assessment of thickness in three-dimensional images", J. Microscopy 185, 67
       (1997).

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> slab = np.zeros((10, 5, 5), int)
    >>> slab[3:7] = 1
    >>> found = mc.metrics.LocalThickness()(mc.as_volume(slab, voxel_size="2um"))
    >>> found.value(phase="1", feature="mean").value
    8.0
    """

    id = "local_thickness"
    title = "Local thickness"
    symbol = "t"
    summary = "diameter of the largest sphere inside the phase that holds the point"
    kind = "distribution"
    length_power = 1
    abscissa_power = 1
    size_dependent = True
    periodic_supported = False
    cost = 300.0

    def convention(self, volume: Volume) -> dict[str, str]:
        """Add what a sphere is, and where it ends."""
        return super().convention(volume) | {
            "radius": "from the centre of a voxel to that of the nearest voxel of another phase",
            "outer boundary": "no obstacle: spheres are centred in the sample and may reach out of it",
            "denominator": "voxels of the phase",
        }

    def compute(self, volume: Volume, shared: Shared) -> Result:
        """Paint the spheres of one phase after the other."""
        labels = volume.read()
        values: list[Value] = []
        profiles: list[Profile] = []
        for phase, name in enumerate(volume.phases):
            obstacle = _obstacle(labels, phase)
            if obstacle is not None:
                status, message = obstacle
                values += [
                    self.scalar(volume.grid, None, phase=name, feature=feature, status=status, message=message)
                    for feature in _FEATURES
                ]
                continue
            progress = section(shared.progress, phase / volume.n_phases, (phase + 1) / volume.n_phases)
            thickness, voxels = thickness_counts(labels, phase, volume.grid, shared.threads, progress)
            values += [
                self.scalar(volume.grid, value, phase=name, feature=feature)
                for feature, value in zip(_FEATURES, _statistics(thickness, voxels), strict=True)
            ]
            x, y = _distribution_function(volume.grid, thickness, voxels)
            profiles.append(self.curve(volume.grid, x, y, power=0, phase=name, feature="cdf"))
        return self.result(volume, values, profiles)


def _obstacle(labels: np.ndarray, phase: int) -> tuple[Status, str] | None:
    inside = labels == phase
    if not inside.any():
        return Status.ABSENT_PHASE, "the phase has no voxels"
    if (inside | (labels == OUTSIDE)).all():
        return Status.UNDEFINED, "no voxel of another phase ends the spheres of this one"
    return None


def _statistics(thickness: np.ndarray, voxels: np.ndarray) -> list[float]:
    """Return mean, standard deviation and quantiles."""
    mean = np.average(thickness, weights=voxels)
    deviation = np.sqrt(np.average((thickness - mean) ** 2, weights=voxels))
    reached = np.cumsum(voxels)
    # A share of 0.1 of 10 voxels is 1 voxel, whatever the rounding.
    places = [np.searchsorted(reached, q * reached[-1] * (1 - 1e-12)) for q in _QUANTILES]
    return [mean, deviation, *thickness[places]]


def _distribution_function(grid: Grid, thickness: np.ndarray, voxels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return multiples of the smallest voxel size, and the share of the voxels with that thickness or less."""
    step = min(grid.voxel_size[axis] for axis in grid.axes)
    x = np.arange(int(np.ceil(thickness[-1] / step - 1e-9)) + 1) * step
    share = np.concatenate([[0.0], np.cumsum(voxels) / voxels.sum()])
    return x, share[np.searchsorted(thickness, x * (1 + 1e-9), side="right")]


def thickness_counts(
    labels: np.ndarray, phase: int, grid: Grid, threads: int, progress: Progress = silent
) -> tuple[np.ndarray, np.ndarray]:
    """Count the voxels of a phase by their local thickness.

    Spheres are painted from the largest to the smallest, so that the first one to
    reach a voxel gives its thickness; the planes of the volume are shared out
    among threads, each of which paints its part of all spheres. Needs about
    18 bytes of memory for each voxel at its peak.

    Parameters
    ----------
    labels : ndarray of uint8, (n0, n1, n2)
        Phase of each voxel, `OUTSIDE` where none; at least one voxel of this phase
        and one of another.
    phase : int
    grid : Grid
        For the voxel size.
    threads : int
    progress : callable
        Called with the share of the spheres that is painted.

    Returns
    -------
    thickness : ndarray of float
        All values, ascending.
    voxels : ndarray of int
        How many voxels have each of them.
    """
    unit = min(grid.voxel_size[axis] for axis in grid.axes)
    sizes = np.array([size / unit if axis in grid.axes else 1.0 for axis, size in enumerate(grid.voxel_size)])
    # Squared distances between cubes are integers, so "less than" is "at most one less". Others are rounded.
    shrink, gap = (1.0, 1.0) if (sizes == 1).all() else (1 - 1e-6, 0.0)
    lattice = (_STEPS, sizes, shrink, gap)
    squared = _squared_radii(labels, phase, sizes, threads)
    bits = np.zeros((*labels.shape[:2], (labels.shape[2] + 63) // 64 + 1), np.uint64)
    pack(labels, np.uint8(phase), bits)
    n = len(labels)
    with thread_pool(threads) as pool:
        neighbour = np.full(labels.shape, REDUNDANT, np.uint8)

        def find(first: int) -> None:
            find_neighbours(squared, first, min(first + _PLANES, n), *lattice, neighbour)

        list(pool.map(find, range(0, n, _PLANES)))
        centres, starts = _descending(squared, neighbour)
        painted = np.zeros(len(starts) - 1, np.int64)
        slabs = list(pairwise(np.linspace(0, n, threads + 1).round().astype(int).tolist()))

        def paint_slab(spheres: slice, n_radii: int, slab: tuple[int, int]) -> np.ndarray:
            counts = np.zeros(n_radii, np.int64)
            paint(bits, squared, neighbour, centres[spheres], *slab, *lattice, counts)
            return counts

        for radii, spheres in _batches(starts):
            counts = pool.map(partial(paint_slab, spheres, len(painted[radii])), slabs)
            painted[radii] = np.sum(list(counts), axis=0)
            progress(spheres.stop / len(centres), "")
    thickness = 2 * unit * np.sqrt(squared.ravel()[centres[starts[:-1]]].astype(float))
    found = painted > 0
    return thickness[found][::-1], painted[found][::-1]


def _squared_radii(labels: np.ndarray, phase: int, sizes: np.ndarray, threads: int) -> np.ndarray:
    import edt

    free = (labels == phase) | (labels == OUTSIDE)
    squared = edt.edtsq(free, anisotropy=tuple(sizes), black_border=False, parallel=threads)
    squared[labels == OUTSIDE] = 0
    return np.ascontiguousarray(squared, dtype=np.float32)


def _descending(squared: np.ndarray, neighbour: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres of the spheres that matter, largest first, and where each radius begins (and the end)."""
    centres = np.flatnonzero(neighbour != REDUNDANT)
    radii = squared.ravel()[centres]
    order = np.argsort(-radii, kind="stable")
    starts = np.flatnonzero(np.diff(radii[order], prepend=np.inf))
    return centres[order], np.append(starts, len(order))


def _batches(starts: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Cut spheres into batches of whole radii: a slice of the radii and one of the spheres each."""
    n = int(starts[-1])
    cuts = np.unique(np.searchsorted(starts, np.arange(0, n + _BATCH, _BATCH).clip(max=n)))
    for first, last in pairwise(cuts.tolist()):
        yield slice(first, last), slice(int(starts[first]), int(starts[last]))
