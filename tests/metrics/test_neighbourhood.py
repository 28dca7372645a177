"""What the metrics of 2 × 2 × 2 windows share: the weights of directions, one count for all, small volumes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from measured import counts_of
from media import media_of_four_phases
from microchar.metrics import (
    EulerCharacteristic,
    InterfacialArea,
    LocalPorosity,
    SpecificSurfaceArea,
    TriplePhaseBoundary,
)
from microchar.metrics._neighbourhood import DIRECTIONS, crofton_weights
from oracles import geometry as naive

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("sizes", [(1.0, 1.0, 1.0), (1.0, 1.0, 2.0), (0.4, 1.0, 1.5)])
@pytest.mark.parametrize("axes", [(0, 1, 2), (0, 1), (0, 2), (1, 2)])
def test_crofton_weights_are_shares_of_directions(sizes, axes):
    chosen, shares = crofton_weights(sizes, axes)
    assert [tuple(DIRECTIONS[direction]) for direction in chosen] == naive.steps_within(axes)
    # 200,000 evenly spread directions resolve a share to about one over their square root of it.
    np.testing.assert_allclose(shares, naive.nearest_shares(sizes, axes), atol=5e-4)
    assert shares.sum() == pytest.approx(1, abs=1e-12)


def test_crofton_weights_of_cubic_voxels_are_the_published_ones():
    chosen, shares = crofton_weights((3.0, 3.0, 3.0), (0, 1, 2))
    published = {1: 0.0457779, 2: 0.0369806, 3: 0.0351956}
    for direction, share in zip(chosen, shares, strict=True):
        assert share / 2 == pytest.approx(published[int(np.abs(DIRECTIONS[direction]).sum())], abs=5e-8)


@settings(deadline=None, max_examples=25)
@given(media_of_four_phases(), st.sampled_from([1, 2, 3]))
def test_blocks_add_up_to_the_whole(medium, edge):
    volume, periodic = medium
    for metric in (SpecificSurfaceArea(periodic=periodic), LocalPorosity(window=2, periodic=periodic)):
        whole, parts = counts_of(metric, volume, 100), counts_of(metric, volume, edge)
        assert whole.keys() == parts.keys()
        for key, number in whole.items():
            np.testing.assert_array_equal(number, parts[key])


def test_the_family_is_counted_once():
    keys = {m().count_key() for m in (SpecificSurfaceArea, InterfacialArea, TriplePhaseBoundary, EulerCharacteristic)}
    assert len(keys) == 1
    assert SpecificSurfaceArea(periodic=(0,)).count_key() not in keys


def test_a_single_phase_has_no_surface_and_no_pairs():
    volume = mc.as_volume(np.zeros((4, 5, 6), int), phases=["pore"])
    surface = SpecificSurfaceArea()(volume)
    assert [value.value for value in surface.values] == [0, 0, 0]
    assert InterfacialArea()(volume).status == "not_applicable"
    assert TriplePhaseBoundary()(volume).status == "not_applicable"
    euler = EulerCharacteristic()(volume)
    assert euler.value(estimator="padded", feature="connectivity_6").value * volume.values.size == pytest.approx(1)


@pytest.mark.parametrize("cls", [SpecificSurfaceArea, EulerCharacteristic, LocalPorosity])
def test_a_line_of_voxels_is_not_applicable(cls):
    assert cls()(mc.as_volume(np.array([[0, 1, 1, 0]]))).status == "not_applicable"
