"""Count in the regions of a volume, on threads of this process or in others, and add up what was counted.

Regions are counted in batches, tasks of about a second. A volume whose voxels stay on disk travels to other
processes, which read their regions themselves; of another one, its blocks are sent.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np

from microchar.core.grid import Triple
from microchar.core.stored_voxels import StoredVoxels
from microchar.core.volume import Volume
from microchar.measurement.blocks import Block, Counts, Region, Tick, halo_stop
from microchar.measurement.executors import is_elsewhere, workers
from microchar.measurement.shared import Shared

if TYPE_CHECKING:
    from microchar.measurement.metric import AdditiveMetric

Reader = Callable[[Triple, Triple], np.ndarray]
#: Approximate number of voxels of a task; smaller tasks cost more on the way than they compute.
_TASK_VOXELS = 2**26
#: Least number of tasks into which the regions of a volume are grouped, so that there is work for all.
_LEAST_TASKS = 16


@dataclass(frozen=True)
class Counting:
    """What is counted in the regions of a volume.

    Parameters
    ----------
    metric : AdditiveMetric
    volume : Volume
    other : Volume, optional
        The second volume of a pair metric.
    in_cells : bool
        Whether the counts of each cell are kept apart.
    token : str
        Tells a process that it has the readers of this counting already.
    """

    metric: AdditiveMetric = field(compare=False)
    volume: Volume = field(compare=False)
    other: Volume | None = field(default=None, compare=False)
    in_cells: bool = field(default=False, compare=False)
    token: str = field(default_factory=lambda: uuid4().hex)

    @property
    def travels(self) -> bool:
        """Whether other processes can read the voxels themselves."""
        arrays = [array for v in (self.volume, self.other) if v is not None for array in (v.values, v.mask, v.grey)]
        stays = all(array is None or isinstance(array, StoredVoxels) for array in arrays)
        return stays and not self.metric.reads_shared

    def readers(self, shared: Shared) -> list[Reader]:
        """Return the functions that read the voxels of a block, of each volume."""
        return [self.metric.reader(volume, shared) for volume in (self.volume, self.other) if volume is not None]

    def block(self, region: Region, readers: Sequence[Reader]) -> Block:
        """Read the block of a region."""
        volume = self.volume
        halo = self.metric.halo(volume.grid)
        stop = halo_stop(region, halo, volume.shape, self.metric.periodic)
        labels, *other = (read(region.start, stop) for read in readers)
        return Block(
            labels=labels,
            core=region.core,
            start=region.start,
            shape=volume.shape,
            n_phases=volume.n_phases,
            axis=region.axis,
            other=other[0] if other else None,
            halo=halo,
            cuts=region.cuts,
        )

    def batches(self, regions: Sequence[Region]) -> list[Sequence[Region]]:
        """Group regions into tasks: always the same ones, whoever counts them.

        All have a power of two of regions, but the last one, so that the sums of their
        counts are branches of one tree; see `tree_sum`.
        """
        mean = sum(math.prod(region.core) for region in regions) / len(regions)
        most = min(_TASK_VOXELS / mean, len(regions) / _LEAST_TASKS)
        size = 2 ** int(math.log2(most)) if most >= 1 else 1
        return [regions[first : first + size] for first in range(0, len(regions), size)]


def count_batch(metric: AdditiveMetric, in_cells: bool, blocks: Iterable[Block]) -> list[Counts]:
    """Count in the blocks of a task: return the counts in the cells of each block, or the sum over the blocks."""
    return list(map(metric.count_cells, blocks)) if in_cells else [tree_sum(map(metric.count, blocks))]


def counted(counting: Counting, regions: Sequence[Region], shared: Shared, tick: Tick) -> Iterator[list[Counts]]:
    """Yield what is counted in each batch of regions, in their order; what is in the journal is not counted again."""
    submit = _submitter(counting, shared)
    journal = shared.journal
    name = "" if journal is None else journal.name(counting.metric, counting.volume, counting.in_cells)
    waiting: deque[tuple[int, int, list[Counts] | Future[list[Counts]]]] = deque()
    in_flight = 2 * workers(shared.executor)

    def take() -> list[Counts]:
        number, voxels, found = waiting.popleft()
        if isinstance(found, Future):
            found = found.result()
            if journal is not None:
                journal.keep(name, number, found)
        tick(voxels)
        return found

    try:
        for number, batch in enumerate(counting.batches(regions)):
            kept = None if journal is None else journal.kept(name, number)
            voxels = sum(math.prod(region.core) for region in batch)
            waiting.append((number, voxels, submit(batch) if kept is None else kept))
            if len(waiting) >= in_flight:
                yield take()
        while waiting:
            yield take()
    finally:  # after an error, do not let the other blocks take memory from the next metric
        futures = [found for _, _, found in waiting if isinstance(found, Future)]
        for future in futures:
            future.cancel()
        wait(futures)


def _submitter(counting: Counting, shared: Shared) -> Callable[[Sequence[Region]], Future[list[Counts]]]:
    """Return the function that has a batch counted: by whom the voxels are read depends on where that is."""
    executor, metric, in_cells = shared.executor, counting.metric, counting.in_cells
    elsewhere = is_elsewhere(executor)
    if elsewhere and counting.travels:
        return lambda batch: executor.submit(_count_elsewhere, counting, batch)
    readers = counting.readers(shared)

    def count_here(batch: Sequence[Region]) -> list[Counts]:
        return count_batch(metric, in_cells, (counting.block(region, readers) for region in batch))

    def send(batch: Sequence[Region]) -> Future[list[Counts]]:
        blocks = [counting.block(region, readers) for region in batch]
        return executor.submit(count_batch, metric, in_cells, blocks)

    return send if elsewhere else lambda batch: executor.submit(count_here, batch)


def _count_elsewhere(counting: Counting, batch: Sequence[Region]) -> list[Counts]:
    readers = _readers_of(counting)
    return count_batch(counting.metric, counting.in_cells, (counting.block(region, readers) for region in batch))


@lru_cache(maxsize=4)
def _readers_of(counting: Counting) -> list[Reader]:
    """Return the readers, which are made once in every process."""
    with ThreadPoolExecutor(1) as pool:
        return counting.readers(Shared(pool, 1))


def tree_sum(counted: Iterable[Counts]) -> Counts:
    """Add up counts in pairs, then the sums in pairs, and so on, in an order that depends on their number only.

    Sums over runs of 2, 4, 8, … counts are branches of the tree, whoever adds them up.
    """
    branches: list[tuple[int, Counts]] = []
    for counts in counted:
        height = 0
        while branches and branches[-1][0] == height:
            counts = _sum(branches.pop()[1], counts)
            height += 1
        branches.append((height, counts))
    total: Counts = {}
    for _, branch in reversed(branches):
        total = _sum(branch, total) if total else branch
    return total


def _sum(first: Counts, second: Counts) -> Counts:
    return {name: array + second[name] for name, array in first.items()}
