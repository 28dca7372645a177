"""Shared code of the cluster metrics: finding the clusters of all phases, block by block, and joining them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple, triple
from microchar.core.result import Status, Value
from microchar.core.scratch import GrowingArray
from microchar.core.volume import OUTSIDE, Volume
from microchar.kernels.clusters import count_row_runs, find_pieces, flatten, join_across, paint, survey
from microchar.measurement.blocks import Region, rods, thread_pool
from microchar.measurement.metric import Kind, Metric, Shared, WholeMetric

#: Approximate number of voxels in which a thread finds clusters at a time.
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
class Runs:
    """Runs of equal labels along the rows of a volume, and the pieces of clusters that they belong to.

    There are far fewer of them than voxels. What is large nevertheless is on disk.

    Parameters
    ----------
    rows : int64, (n0, n1)
        Number of the first run of each row.
    end : int32, (runs,)
        Where each run ends. The next one begins there; the last run of a row ends with the row.
    piece : uint32, (runs,)
        Number of the piece of each run; 0 for none.
    length : int
        Length of a row.
    """

    rows: np.ndarray
    end: np.ndarray
    piece: np.ndarray
    length: int

    @property
    def shape(self) -> Triple:
        """Shape of the volume."""
        return (*self.rows.shape, self.length)  # type: ignore[return-value]

    def read(self, value: np.ndarray, start: Triple, stop: Triple) -> np.ndarray:
        """Return the value of the piece of each voxel of a box; coordinates beyond the volume wrap around.

        Parameters
        ----------
        value : ndarray of uint8 or uint32, (1 + pieces,)
        start, stop : tuple of int
        """
        box = np.empty([b - a for a, b in zip(start, stop, strict=True)], value.dtype)
        paint(self.rows, self.end, self.piece, self.length, start, value, box)
        return box

    def plane(self, value: np.ndarray, axis: int, index: int) -> np.ndarray:
        """Return the values of the voxels of a plane normal to an axis."""
        start = triple(index if axis == other else 0 for other in range(3))
        stop = triple(index + 1 if axis == other else n for other, n in enumerate(self.shape))
        return self.read(value, start, stop).squeeze(axis)


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of a non-periodic volume.

    Parameters
    ----------
    runs : Runs
        The pieces of clusters, which were found in blocks.
    numbers : uint32, (1 + pieces,)
        Number of the cluster of each piece.
    table : ClusterTable
        Table of the clusters.
    connectivity : {6, 26}
    """

    runs: Runs
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
        shape = self.runs.shape
        axes = [axis for axis in periodic if shape[axis] > 1]
        if not axes:
            return self.numbers, self.table
        parent = np.arange(len(self.table.size), dtype=np.uint32)
        for axis in axes:
            last, first = (self.runs.plane(self.numbers, axis, end) for end in (shape[axis] - 1, 0))
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
    rows = np.empty(volume.shape[:2], np.int64)
    end, piece = GrowingArray(np.int32), GrowingArray(np.uint32)
    tables = [_empty_table(0)]
    first = 0
    with thread_pool(shared.threads) as pool:
        batch = 2 * shared.threads  # so that there is work for the others while a block is added
        for n in range(0, len(regions), batch):
            # The numbers do not depend on which thread is first: the blocks are added in their order.
            for block in pool.map(partial(_Block.find, volume, connectivity), regions[n : n + batch]):
                if first + len(block.table.size) >= 2**32:
                    raise InputError(
                        f"{volume.name}: found more than 2^32 clusters, expected fewer; crop the volume (--crop)"
                    )
                rows[block.place] = block.rows + len(end)
                end.append(block.end)
                piece.append(np.where(block.piece > 0, block.piece + np.uint32(first), np.uint32(0)))
                tables.append(block.table)
                first += len(block.table.size)
    table = ClusterTable(*(np.concatenate(columns) for columns in zip(*map(_columns, tables), strict=True)))
    runs = Runs(rows, end.array(), piece.array(), volume.shape[2])
    parent = np.arange(len(table.size), dtype=np.uint32)
    own = parent.copy()
    for axis in (0, 1):
        for place in sorted({region.start[axis] for region in regions} - {0}):
            before, behind = (runs.plane(own, axis, index) for index in (place - 1, place))
            _join_planes(parent, before, behind, table.phase, connectivity, (False, False))
    flatten(parent)
    return Clusters(runs, parent, _merged(table, parent), connectivity)


@dataclass(frozen=True, eq=False)
class _Block:
    """The rows of a block, its runs, numbered from 0, and its pieces of clusters, numbered from 1."""

    place: tuple[slice, slice]
    rows: np.ndarray
    end: np.ndarray
    piece: np.ndarray
    table: ClusterTable

    @classmethod
    def find(cls, volume: Volume, connectivity: int, region: Region) -> _Block:
        labels = volume.read(region.start, region.stop)
        n_runs = count_row_runs(labels)
        rows = np.empty(labels.shape[:2], np.int64)
        end, label, piece = (np.empty(n_runs + 1, dtype) for dtype in (np.int32, np.uint8, np.uint32))
        table = _empty_table(int(find_pieces(labels, _reach(connectivity), rows, end, label, piece)))
        survey(rows, end, label, piece, region.start, labels.shape[2], *_columns(table))
        (a0, a1, _), (b0, b1, _) = region.start, region.stop
        place = slice(a0, b0), slice(a1, b1)
        return cls(place, rows - 1, end[1:], piece[1:], ClusterTable(*(column[1:] for column in _columns(table))))


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
