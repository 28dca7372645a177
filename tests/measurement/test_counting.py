"""Counts of regions add up to the same digits whoever counts them, and few blocks are in memory at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from microchar.measurement.blocks import boxes
from microchar.measurement.counting import Counting, counted, tree_sum
from microchar.measurement.metric import AdditiveMetric
from microchar.measurement.shared import Shared

pytestmark = pytest.mark.property

VOLUME = mc.as_volume((np.random.default_rng(0).random((40, 6, 4)) < 0.5).astype(np.uint8))


@dataclass(frozen=True, kw_only=True)
class Watched(AdditiveMetric):
    """Counts voxels of phase 1, and how many blocks are in memory."""

    id = "watched"

    def __post_init__(self):
        object.__setattr__(self, "lock", threading.Lock())
        object.__setattr__(self, "memory", [0, 0])

    def reader(self, volume, shared):
        def read(start, stop):
            with self.lock:
                self.memory[0] += 1
                self.memory[1] = max(self.memory)
            return volume.read(start, stop)

        return read

    def count(self, block):
        with self.lock:
            self.memory[0] -= 1
        return {"voxels": np.array([(block.labels == 1).sum()]), "blocks": np.array([1])}

    def finish(self, counts, volume):
        raise NotImplementedError


def test_counts_add_up_and_few_blocks_are_in_memory_at_a_time():
    metric, regions, ticks = Watched(), boxes(VOLUME.shape, 2), []
    with ThreadPoolExecutor(2) as pool:
        batches = list(counted(Counting(metric, VOLUME), regions, Shared(pool, 2), ticks.append))
    total = tree_sum(counts for batch in batches for counts in batch)
    assert (total["voxels"], total["blocks"]) == (VOLUME.read().sum(), len(regions))
    assert sum(ticks) == VOLUME.values.size
    assert metric.memory[1] <= 2
    assert len(batches) < len(regions) / 3


@settings(deadline=None, max_examples=50)
@given(n=st.integers(1, 70), size=st.sampled_from([1, 2, 4, 8, 16]))
def test_sums_of_runs_are_branches_of_the_same_tree(n, size):
    numbers = np.random.default_rng(n).random(n) * 10.0 ** np.random.default_rng(n).integers(-8, 8, n)
    leaves = [{"sum": np.array([number])} for number in numbers]
    runs = [tree_sum(leaves[first : first + size]) for first in range(0, n, size)]
    assert tree_sum(runs) == tree_sum(leaves)


@pytest.mark.parametrize("n", [1, 3, 64, 100, 1000])
def test_batches_depend_on_the_regions_only_and_leave_work_for_all(n, monkeypatch):
    counting = Counting(Watched(), VOLUME)
    regions = (boxes(VOLUME.shape, 1) * 2)[:n]
    batches = counting.batches(regions)
    assert [region for batch in batches for region in batch] == regions
    assert len(batches) >= min(n, 16)
    assert len({len(batch) for batch in batches[:-1]}) <= 1
    monkeypatch.setattr("microchar.measurement.counting._TASK_VOXELS", 1)
    assert len(counting.batches(regions)) == n
