"""A limit of memory: metrics that need more are refused before they begin, all others give the same."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.core.result import Status
from microchar.measurement.limit import threads_within

GB = 10**9


@pytest.mark.oracle
def test_what_fits_into_the_limit_is_measured_as_without_one():
    volume = np.random.default_rng(0).random((20, 21, 22)) < 0.4
    metrics = ["volume_fraction", "two_point_cluster", "percolating_fraction", "local_thickness", "intrusion"]
    free, within = mc.measure(volume, metrics), mc.measure(volume, metrics, max_memory=2 * GB)
    for name in metrics:
        assert [v.value for v in free[name].values] == [v.value for v in within[name].values]
    (note,) = within.notes
    assert "block by block: volume_fraction, two_point_cluster, local_thickness, percolating_fraction" in note
    assert "as a whole: intrusion" in note


@pytest.mark.property
@pytest.mark.parametrize("needing", ["effective_diffusivity", "permeability"])
def test_a_system_of_equations_that_is_too_large_is_refused_with_what_it_needs(needing, monkeypatch):
    monkeypatch.setattr("microchar.metrics._transport.BYTES_PER_NODE", 10**7)
    monkeypatch.setattr("microchar.metrics.permeability.BYTES_PER_NODE", 10**7)
    volume = np.zeros((8, 8, 8), int)
    volume[:, :4] = 1
    volume[:, 0] = 0  # 320 and 192 voxels
    measured = mc.measure(volume, ["volume_fraction", needing], max_memory=GB)
    assert measured["volume_fraction"].status == Status.OK
    refused = measured[needing]
    assert refused.status == Status.REFUSED
    assert refused.message.startswith("needs about 3.2 GB of memory, max_memory (--max-memory) allows 1 GB")
    assert f"refused: {needing}, which needs about 3.2 GB" in measured.notes[0]
    assert list(measured) == ["volume_fraction", needing]


@pytest.mark.property
def test_a_comparison_is_refused_the_same():
    a, b = np.random.default_rng(1).random((2, 12, 12, 12)) < 0.5
    compared = mc.compare(a, b, ["volume_fraction", "psnr"], max_memory=GB)
    assert "block by block: volume_fraction, psnr" in compared.notes[-1]


@pytest.mark.property
def test_threads_are_as_many_as_the_limit_has_room_for():
    assert threads_within(None, None) is None
    assert threads_within(None, 3) == 3
    assert threads_within(GB, 8) == 1
    assert threads_within(2 * GB, 8) == 6
    assert threads_within(64 * GB, 8) == 8


@pytest.mark.property
@pytest.mark.parametrize("limit", [1e8, float("nan"), float("inf")])
def test_a_limit_that_cannot_be_kept_is_refused(limit):
    with pytest.raises(mc.InputError, match="expected at least 1 GB"):
        mc.measure(np.eye(3, dtype=int), max_memory=limit)
