"""Blocks cover a volume once, and see as far as their halo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microchar.measurement.blocks import Region, boxes, columns, halo_stop, rods, slabs

pytestmark = pytest.mark.property

SHAPES = st.tuples(*[st.integers(1, 12)] * 3)


def coverage(shape, regions):
    seen = np.zeros(shape, int)
    for region in regions:
        seen[tuple(slice(a, a + n) for a, n in zip(region.start, region.core, strict=True))] += 1
    return seen


@settings(deadline=None, max_examples=30)
@given(shape=SHAPES, edge=st.integers(1, 7))
def test_boxes_cover_a_volume_once_and_are_no_longer_than_asked(shape, edge):
    regions = boxes(shape, edge)
    assert (coverage(shape, regions) == 1).all()
    assert max(max(region.core) for region in regions) <= edge


@settings(deadline=None, max_examples=30)
@given(shape=SHAPES, voxels=st.integers(1, 200))
def test_columns_and_slabs_cover_a_volume_once_for_each_direction(shape, voxels):
    long = [axis for axis in range(3) if shape[axis] > 1]
    for cut, spans in ((columns, lambda a, axis: a == axis), (slabs, lambda a, axis: a != axis)):
        regions = cut(shape, voxels)
        for axis in {region.axis for region in regions}:
            of_axis = [region for region in regions if region.axis == axis]
            assert (coverage(shape, of_axis) == 1).all()
            assert all(region.core[a] == shape[a] for region in of_axis for a in range(3) if spans(a, axis))
    assert {region.axis for region in columns(shape, voxels)} == set(long)
    if len(long) == 3:
        assert {region.axis for region in slabs(shape, voxels)} == {0, 1, 2}


def test_the_halo_ends_with_the_volume_unless_the_axis_is_periodic():
    region = Region((0, 4, 8), (4, 4, 2))
    assert halo_stop(region, (3, 3, 3), (10, 10, 10), ()) == (7, 10, 10)
    assert halo_stop(region, (3, 3, 3), (10, 10, 10), (1, 2)) == (7, 11, 13)


@settings(deadline=None, max_examples=30)
@given(shape=SHAPES, voxels=st.integers(1, 300))
def test_rods_cover_a_volume_once_and_span_the_last_axis(shape, voxels):
    regions = rods(shape, voxels)
    assert (coverage(shape, regions) == 1).all()
    assert {region.core[2] for region in regions} == {shape[2]}
    assert max(region.core[0] * region.core[1] for region in regions) <= max(1, voxels // shape[2])
