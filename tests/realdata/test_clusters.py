"""Clusters of real volumes."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.metrics import LargestClusterFraction, PercolatingFraction, TwoPointCluster, TwoPointCorrelation


def test_percolating_porosity_of_a_piece_of_berea(real_array):
    found = PercolatingFraction()(real_array("berea")[:100, :100, :100])
    # Reference: porosity 0.203317, of which percolating along axis 0 0.202057, both to six digits.
    value = found.value(phase="0", direction="0").value
    assert value * 0.203317 == pytest.approx(0.202057, abs=1e-6)


def test_the_pores_of_berea_are_nearly_one_cluster(real_array):
    # Design §6: largest cluster of Berea .99.
    found = LargestClusterFraction()(real_array("berea")[:200, :200, :200])
    assert found.value(phase="0").value == pytest.approx(0.99, abs=0.01)


@pytest.mark.parametrize("name", ["nmc_cathode", "cast_iron"])
def test_c2_of_dominant_and_of_many_clusters(real_array, name):
    # Where a phase is one cluster, C2 is S2; graphite nodules and binder are many.
    piece = mc.as_volume(real_array(name)[:100, :100, :100])
    found = mc.measure(piece, [TwoPointCluster(), TwoPointCorrelation(radial=False), LargestClusterFraction()])
    for phase in piece.phases:
        c2, s2 = (
            found[metric].profile(phase=phase, direction="mean").y
            for metric in ("two_point_cluster", "two_point_correlation")
        )
        share = found["largest_cluster_fraction"].value(phase=phase).value
        assert (c2 <= s2).all()
        # The pairs inside the largest cluster are a lower bound, those across clusters what is missing.
        assert np.array_equal(c2, s2) == (share == 1)
