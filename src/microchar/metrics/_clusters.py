"""Shared code of the cluster metrics: finding the clusters of all phases, block by block, and joining them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import ClassVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.result import Status, Value
from microchar.core.scratch import scratch_array
from microchar.core.volume import OUTSIDE, Volume
from microchar.kernels.clusters import count_row_runs, find_pieces, flatten, join_across, survey
from microchar.measurement.blocks import Region, rods, thread_pool
from microchar.measurement.metric import Kind, Metric, Shared, WholeMetric

#: Approximate number of voxels in which a thread finds clusters at a time, which takes up to 13 bytes for each.
_BLOCK_VOXELS = 2**22


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
    """Clusters of a non-periodic volume.

    Parameters
    ----------
    pieces : uint32, 3D
        Number of the piece of a cluster that each voxel belongs to; 0 for none. The pieces
        were found in blocks. A large array is on disk.
    numbers : uint32, (1 + pieces,)
        Number of the cluster of each piece.
    table : ClusterTable
        Table of the clusters.
    connectivity : {6, 26}
    """

    pieces: np.ndarray
    numbers: np.ndarray
    table: ClusterTable
    connectivity: int

    def joined(self, periodic: Sequence[int]) -> tuple[np.ndarray, ClusterTable]:
        """Join clusters that touch across the faces of periodic axes.

        Returns
        -------
        numbers : ndarray of uint32, (1 + pieces,)
            Number of the joined cluster that contains each piece.
        table : ClusterTable
            Table of the joined clusters.
        """
        axes = [axis for axis in periodic if self.pieces.shape[axis] > 1]
        if not axes:
            return self.numbers, self.table
        parent = np.arange(len(self.table.size), dtype=np.uint32)
        for axis in axes:
            last, first = (self.numbers[self.pieces.take(end, axis)] for end in (-1, 0))
            wraps = [other in axes for other in range(3) if other != axis]
            _join_planes(parent, last, first, self.table.phase, self.connectivity, wraps)
        flatten(parent)
        return parent[self.numbers], _merged(self.table, parent)


def find_clusters(volume: Volume, shared: Shared, connectivity: int) -> Clusters:
    """Return the clusters of all phases of a volume; all metrics of a measurement share them."""
    return shared.get(("clusters", connectivity), lambda: _find(volume, shared, connectivity))


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
    in_blocks: ClassVar[bool] = True
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


def _find(volume: Volume, shared: Shared, connectivity: int) -> Clusters:
    """Find the pieces of clusters in each block, and join those that touch across the faces between blocks."""
    regions = rods(volume.shape, _BLOCK_VOXELS)
    pieces = scratch_array(volume.shape, np.uint32)
    tables = [_empty_table(0)]
    with thread_pool(shared.threads) as pool:
        for n in range(0, len(regions), shared.threads):
            found = list(pool.map(partial(_PiecesOfBlock.find, volume, connectivity), regions[n : n + shared.threads]))
            # The numbers do not depend on which thread is first.
            firsts = list(accumulate([block.n for block in found], initial=sum(len(t.size) for t in tables) - 1))
            tables += pool.map(lambda block, first: block.write(pieces, first), found, firsts[:-1])
            if firsts[-1] >= 2**32:
                raise InputError(
                    f"{volume.name}: found more than 2^32 clusters, expected fewer; crop the volume (--crop)"
                )
    table = ClusterTable(*(np.concatenate(columns) for columns in zip(*map(_columns, tables), strict=True)))
    parent = np.arange(len(table.size), dtype=np.uint32)
    for axis in (0, 1):
        for place in sorted({region.start[axis] for region in regions} - {0}):
            last, first = (pieces.take(index, axis) for index in (place - 1, place))
            _join_planes(parent, last, first, table.phase, connectivity, (False, False))
    flatten(parent)
    return Clusters(pieces, parent, _merged(table, parent), connectivity)


@dataclass(frozen=True, eq=False)
class _PiecesOfBlock:
    """The clusters of a block by itself: labels, the run of each voxel, piece and end of each run, number of pieces."""

    region: Region
    labels: np.ndarray
    runs: np.ndarray
    piece: np.ndarray
    end: np.ndarray
    n: int

    @classmethod
    def find(cls, volume: Volume, connectivity: int, region: Region) -> _PiecesOfBlock:
        labels = volume.read(region.start, region.stop)
        n_runs = count_row_runs(labels)
        runs = np.empty(labels.shape, np.uint32)
        piece, end = np.zeros(n_runs + 1, np.uint32), np.zeros(n_runs + 1, np.int32)
        return cls(region, labels, runs, piece, end, int(find_pieces(labels, _reach(connectivity), runs, piece, end)))

    def write(self, pieces: np.ndarray, first: int) -> ClusterTable:
        """Write the numbers of the pieces, from `first` + 1, and return their table."""
        box = tuple(slice(a, b) for a, b in zip(self.region.start, self.region.stop, strict=True))
        table = _empty_table(self.n)
        survey(self.labels, self.region.start, self.runs, self.piece, self.end, first, pieces[box], *_columns(table))
        return ClusterTable(*(column[1:] for column in _columns(table)))


def _empty_table(n: int) -> ClusterTable:
    return ClusterTable(
        phase=np.full(n + 1, OUTSIDE, np.uint8),
        size=np.zeros(n + 1, np.int64),
        lower=np.full((n + 1, 3), np.iinfo(np.int32).max, np.int32),
        upper=np.full((n + 1, 3), -1, np.int32),
    )


def _columns(table: ClusterTable) -> Iterator[np.ndarray]:
    yield from (table.phase, table.size, table.lower, table.upper)


def _reach(connectivity: int) -> int:
    return 0 if connectivity == 6 else 1


def _join_planes(
    parent: np.ndarray,
    before: np.ndarray,
    behind: np.ndarray,
    phase: np.ndarray,
    connectivity: int,
    wraps: Sequence[bool],
) -> None:
    """Join what touches across two neighbouring planes; `wraps` says whether their axes are periodic."""
    reach = _reach(connectivity)
    for axis, wrap in enumerate(wraps):
        width = [(reach, reach) if axis == other else (0, 0) for other in (0, 1)]
        behind = np.pad(behind, width, mode="wrap" if wrap else "constant")
    join_across(before, behind, phase, reach, parent)


def _merged(table: ClusterTable, numbers: np.ndarray) -> ClusterTable:
    merged = _empty_table(int(numbers.max()))
    merged.phase[numbers] = table.phase
    np.add.at(merged.size, numbers, table.size)
    np.minimum.at(merged.lower, numbers, table.lower)
    np.maximum.at(merged.upper, numbers, table.upper)
    return merged
