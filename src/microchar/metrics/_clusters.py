"""Shared code of the cluster metrics: labelling the clusters of all phases and joining them across periodic faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.result import Status, Value
from microchar.core.volume import OUTSIDE, Volume
from microchar.kernels.clusters import survey
from microchar.measurement.metric import Kind, Metric, Shared, WholeMetric


@dataclass(frozen=True, eq=False)
class ClusterTable:
    """Phase, size and bounding box of each cluster; row 0 stands for the voxels outside the mask."""

    phase: np.ndarray
    size: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def of_phase(self, phase: int) -> np.ndarray:
        """Return the numbers of the clusters of a phase."""
        return np.flatnonzero(self.phase == phase)

    def voxels(self, phase: int) -> int:
        """Count the voxels of a phase."""
        return int(self.size[self.phase == phase].sum())

    def largest(self, phase: int) -> int:
        """Return the number of the largest cluster of a phase that is present."""
        numbers = self.of_phase(phase)
        return int(numbers[self.size[numbers].argmax()])


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of a non-periodic volume: the cluster number of each voxel (uint32, 0 for none) and the table."""

    labels: np.ndarray
    table: ClusterTable
    connectivity: int

    def joined(self, periodic: Sequence[int]) -> tuple[np.ndarray, ClusterTable]:
        """Join clusters that touch across the faces of periodic axes.

        Returns
        -------
        numbers : ndarray of uint32, (clusters,)
            Number of the joined cluster that contains each cluster.
        table : ClusterTable
            Table of the joined clusters.
        """
        axes = [axis for axis in periodic if self.labels.shape[axis] > 1]
        if not axes:
            return np.arange(len(self.table.size), dtype=np.uint32), self.table
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        pairs = np.concatenate([_wrapped_neighbours(self, axis, axes) for axis in axes], axis=1)
        a, b = pairs[:, self.table.phase[pairs[0]] == self.table.phase[pairs[1]]] - 1
        n = len(self.table.size) - 1
        _, part_of = connected_components(coo_array((np.ones(len(a), bool), (a, b)), (n, n)), directed=False)
        numbers = np.concatenate([[0], part_of + 1]).astype(np.uint32)
        return numbers, _merged(self.table, numbers)


def find_clusters(volume: Volume, shared: Shared, connectivity: int) -> Clusters:
    """Return the clusters of all phases of a volume; all metrics of a measurement share them."""
    return shared.get(("clusters", connectivity), lambda: _find(volume, connectivity))


def check_connectivity(metric: str, connectivity: int) -> None:
    """Raise `InputError` unless the connectivity is 6 or 26."""
    if connectivity not in (6, 26):
        raise InputError(
            f"{metric}: connectivity={connectivity!r}: expected 6 (common faces) or 26 (common faces, edges or "
            "corners); in a 2D image they stand for 4 and 8"
        )


def connectivity_record(connectivity: int, volume: Volume) -> str:
    """Return the entry of the convention record that states which voxels are neighbours."""
    if volume.grid.ndim == 3:
        return "6 (common faces)" if connectivity == 6 else "26 (common faces, edges or corners)"
    return "4 (common edges)" if connectivity == 6 else "8 (common edges or corners)"


@dataclass(frozen=True, kw_only=True)
class ClusterMetric(WholeMetric):
    """A metric with one value for each phase, computed from the clusters of the phase.

    Parameters
    ----------
    connectivity : {6, 26}
        Which voxels are neighbours: those with a common face (6), or those with a
        common face, edge or corner (26). In a 2D image they stand for 4 and 8.
    """

    kind: ClassVar[Kind] = "scalar"
    size_dependent: ClassVar[bool] = True
    cost: ClassVar[float] = 5.0

    connectivity: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        check_connectivity(self.id, self.connectivity)

    def convention(self, volume: Volume) -> dict[str, str]:
        """Add the connectivity to the record."""
        return super().convention(volume) | {"connectivity": connectivity_record(self.connectivity, volume)}


def share_of_phase(metric: Metric, volume: Volume, share: float | None, phase: str, direction: str = "all") -> Value:
    """Make the `Value` of a share of a phase; `share` is None if the phase has no voxels."""
    status = Status.ABSENT_PHASE if share is None else Status.OK
    message = "the phase has no voxels" if share is None else ""
    return metric.scalar(volume.grid, share, phase=phase, direction=direction, status=status, message=message)


def _find(volume: Volume, connectivity: int) -> Clusters:
    import cc3d

    labels = volume.read()
    # Voxels outside the mask have label 255; 255 + 1 overflows to 0, the background of cc3d.
    clusters = cc3d.connected_components(labels + np.uint8(1), connectivity=connectivity)  # type: ignore[call-overload]
    clusters = np.ascontiguousarray(clusters, dtype=np.uint32)
    n = int(clusters.max()) + 1
    table = ClusterTable(
        phase=np.full(n, OUTSIDE, np.uint8),
        size=np.zeros(n, np.int64),
        lower=np.full((n, 3), np.iinfo(np.int64).max),
        upper=np.full((n, 3), -1, np.int64),
    )
    survey(clusters, labels, table.phase, table.size, table.lower, table.upper)
    return Clusters(clusters, table, connectivity)


def _wrapped_neighbours(clusters: Clusters, axis: int, periodic: Sequence[int]) -> np.ndarray:
    """Return the cluster numbers (2, pairs) of voxels that are neighbours across the faces normal to `axis`."""
    last, first = clusters.labels.take(-1, axis), clusters.labels.take(0, axis)
    reach = 0 if clusters.connectivity == 6 else 1
    for side, other in enumerate(a for a in range(3) if a != axis):
        width = [(0, 0), (0, 0)]
        width[side] = (reach, reach)
        first = np.pad(first, width, mode="wrap") if other in periodic else np.pad(first, width)
    rows, columns = last.shape
    shifts = range(2 * reach + 1)
    seconds = [first[i : i + rows, j : j + columns] for i in shifts for j in shifts]
    pairs = np.stack([np.tile(last.ravel(), len(seconds)), np.concatenate(seconds, axis=None)])
    return pairs[:, (pairs > 0).all(axis=0)]


def _merged(table: ClusterTable, numbers: np.ndarray) -> ClusterTable:
    n = int(numbers.max()) + 1
    phase = np.empty(n, np.uint8)
    size = np.zeros(n, np.int64)
    lower, upper = np.full((n, 3), np.iinfo(np.int64).max), np.full((n, 3), -1, np.int64)
    phase[numbers] = table.phase
    np.add.at(size, numbers, table.size)
    np.minimum.at(lower, numbers, table.lower)
    np.maximum.at(upper, numbers, table.upper)
    return ClusterTable(phase, size, lower, upper)
