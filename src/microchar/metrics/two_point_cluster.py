"""Two-point cluster function C2 of each phase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from microchar.core.grid import Triple
from microchar.core.result import Profile, Result
from microchar.core.scratch import scratch_array
from microchar.core.volume import OUTSIDE, Volume
from microchar.kernels.cluster_pairs import count_kept, count_same, keep_runs
from microchar.measurement.blocks import Block, Counts, thread_pool
from microchar.measurement.metric import Shared
from microchar.metrics._clusters import (
    ClusterTable,
    Runs,
    check_connectivity,
    connectivity_record,
    find_clusters,
)
from microchar.metrics._directional import DirectionalMetric, ratio
from microchar.metrics.two_point_correlation import TwoPointCorrelation

#: Number of planes that one task counts.
_PLANES = 8
#: Clusters with a largest lag between two of these are counted together: the rows of small clusters, which may be many,
#: are not compared at the many lags of large ones.
_LONGEST_LAGS = (0, 4, 16, 64, np.inf)


@dataclass(frozen=True, kw_only=True)
class TwoPointCluster(DirectionalMetric):
    r"""Two-point cluster function :math:`C_2(r)` of each phase.

    The probability that two points at a distance :math:`r` lie in the same
    cluster of the phase. It is the connected part of the two-point correlation
    function, so that

    .. math:: L(r) \le C_2(r) \le S_2(r) ,

    where :math:`L` is the lineal-path function. The three are equal at :math:`r = 0`
    and, with connectivity 6, at a lag of one voxel. :math:`S_2` measures how much of
    the phase there is at a distance; :math:`C_2` measures how much of it can be
    reached within the phase.

    Parameters
    ----------
    r_max : int, str, or three of them, optional
        Largest lag: a number of voxels, or a string with a unit. It is at most the
        length of the axis minus one voxel. Default: half of each axis, at most 100
        voxels.
    connectivity : {6, 26}
        Which voxels are neighbours: those with a common face (6, default), or those
        with a common face, edge or corner (26). In a 2D image they stand for 4 and 8.
    periodic : tuple of int
        Axes along which the volume repeats. Clusters that touch across these faces
        are joined.

    Notes
    -----
    *Estimator*: along each axis, the number of pairs of voxels at lag :math:`k` that
    are in one cluster divided by the number of all pairs at that lag.

    *Denominator*: pairs with both voxels inside the volume and its mask, as for
    :math:`S_2`.

    *Direction* ``mean`` is the mean over the axes.

    *Bias*: clusters are those of the complete volume. Points that are connected only
    by a path outside the volume count as not connected. The value therefore increases
    with the size of the volume, and only equal shapes may be compared.

    Some papers call the pair correlation :math:`g_2` by the name :math:`C_2`.

    References
    ----------
    .. [1] S. Torquato, J. D. Beasley and Y. C. Chiew, "Two-point cluster function
       for continuum percolation", J. Chem. Phys. 88, 6540 (1988).
       https://doi.org/10.1063/1.454440
    .. [2] Y. Jiao, F. H. Stillinger and S. Torquato, "A superior descriptor of
       random textures and its predictive capacity", PNAS 106, 17634 (2009).
       https://doi.org/10.1073/pnas.0905919106

    Examples
    --------
    >>> import microchar as mc
    >>> volume = mc.as_volume([[1, 1, 0, 1]])
    >>> c2 = mc.metrics.TwoPointCluster(r_max=3)(volume).profile(phase="1", direction="2")
    >>> c2.y * [4, 3, 2, 1]
    array([3., 1., 0., 0.])
    """

    id = "two_point_cluster"
    title = "Two-point cluster function"
    symbol = "C_2(r)"
    summary = "probability that two points at a given distance are in the same cluster of the phase"
    size_dependent = True
    # Errors from the counts of blocks would keep the clusters fixed and miss the variation of the connections.
    error_source = "subvolumes"
    cost = 60.0
    reads_shared = True

    connectivity: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        check_connectivity(self.id, self.connectivity)

    def convention(self, volume: Volume) -> dict[str, str]:
        """Add the connectivity, clusters, estimator and denominator to the record."""
        return super().convention(volume) | {
            "connectivity": connectivity_record(self.connectivity, volume),
            "clusters": "of the whole volume",
            "estimator": "pairs of voxels in one cluster of the phase",
            "denominator": "pairs with both voxels inside the volume and its mask",
        }

    def reader(self, volume: Volume, shared: Shared) -> Callable[[Triple, Triple], np.ndarray]:
        """Return a reader of the labels of the largest cluster of each phase; `whole` counts the other clusters."""
        clusters = find_clusters(volume, shared, self.connectivity)
        numbers, table = clusters.joined(self.periodic)
        # The voxels of the other clusters become an additional phase, which is not counted.
        label = np.where(_is_largest(table), table.phase, np.uint8(volume.n_phases))
        label[0] = OUTSIDE
        return partial(clusters.runs.read, label[numbers])

    def count(self, block: Block) -> Counts:
        """Count the pairs within the largest cluster of each phase, with the method for pairs within a phase."""
        return TwoPointCorrelation(r_max=self.r_max, periodic=self.periodic, radial=False).count(block)

    def whole(self, volume: Volume, shared: Shared) -> Counts:
        """Count the pairs within all other clusters, most of which are small."""
        clusters = find_clusters(volume, shared, self.connectivity)
        numbers, table = clusters.joined(self.periodic)
        periodic = np.isin(range(3), self.periodic)
        limit = np.stack([_longest_lags(table, a, volume.shape[a], self.reach[a], bool(periodic[a])) for a in range(3)])
        limit = np.ascontiguousarray(limit.T)
        counts = np.zeros((3, volume.n_phases, max(self.reach) + 1), np.int64)

        def count(runs: tuple[np.ndarray, ...], first: int) -> np.ndarray:
            of_planes = np.zeros_like(counts)
            last = min(first + _PLANES, volume.shape[0])
            count_same(*runs, volume.shape, first, last, periodic, table.phase, limit, of_planes)
            return of_planes

        longest = limit.max(axis=1)
        with thread_pool(shared.threads) as pool:
            for low, high in pairwise(_LONGEST_LAGS):
                kept = (low <= longest) & (longest < high)
                if kept.any():
                    runs = _runs_of(clusters.runs, numbers, kept)
                    counts += sum(pool.map(partial(count, runs), range(0, volume.shape[0], _PLANES)))
        return {f"rest {axis}": counts[axis, :, : self.reach[axis] + 1] for axis in volume.grid.axes}

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Divide the number of pairs within clusters by the number of all pairs."""
        profiles: list[Profile] = []
        for phase, name in enumerate(volume.phases):
            by_axis = {
                axis: ratio(counts[f"pairs {axis}"][phase] + counts[f"rest {axis}"][phase], counts[f"valid {axis}"])
                for axis in volume.grid.axes
            }
            profiles += self.profiles(volume.grid, by_axis, phase=name)
        return self.result(volume, profiles=profiles)


def _runs_of(runs: Runs, numbers: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return rows, beginnings, ends and clusters of the runs of some clusters, as `count_same` takes them."""
    keep = kept[numbers]
    n = count_kept(runs.piece, keep)
    rows = np.empty(runs.rows.size + 1, np.int64)
    of_runs = tuple(scratch_array((n,), dtype) for dtype in (np.int32, np.int32, np.uint32))
    keep_runs(runs.rows, runs.end, runs.piece, runs.length, numbers, keep, rows, *of_runs)
    return rows, *of_runs


def _is_largest(table: ClusterTable) -> np.ndarray:
    largest = np.zeros(len(table.size), bool)
    largest[[table.largest(int(phase)) for phase in np.unique(table.phase[1:])]] = True
    return largest


def _longest_lags(table: ClusterTable, axis: int, n: int, reach: int, periodic: bool) -> np.ndarray:
    """Return the largest lag of pairs within each cluster; -1 for the clusters that `count` handles."""
    spread = table.upper[:, axis] - table.lower[:, axis]
    limit = np.minimum(spread, reach)
    if periodic:
        # Across the boundary, the two outermost voxels of a cluster are n - spread apart.
        limit[spread + reach >= n] = reach
    limit[_is_largest(table)] = -1
    limit[0] = -1
    return limit
