"""The lattice: lengths in voxels along each axis."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.core.grid import Grid

pytestmark = pytest.mark.oracle

GRID = Grid((10, 20, 1), (0.5, 2.0, 1.0), "um")


@pytest.mark.parametrize(
    ("length", "voxels"),
    [
        (3, (3, 3, 0)),
        (3.0, (3, 3, 0)),
        (np.int64(3), (3, 3, 0)),
        ("3", (3, 3, 0)),
        ("4um", (8, 2, 0)),
        ("4000 nm", (8, 2, 0)),
        ([1, 2, 3], (1, 2, 0)),
        ("1,4um,7", (1, 2, 0)),
        (["1um", 5, 0], (2, 5, 0)),
        # Rounded to whole voxels, with a unit and without one.
        (2.4, (2, 2, 0)),
        ("2.6", (3, 3, 0)),
        ("2.6voxel", (3, 3, 0)),
        ("1.2um,5.2um,1", (2, 3, 0)),
    ],
)
def test_lengths_become_voxels_along_each_axis(length, voxels):
    assert GRID.to_voxels(length, "r_max") == voxels


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (0, "r_max=0: expected at least one voxel, found 0"),
        (-2, "expected at least one voxel, found -2"),
        ("0.1um", "expected at least one voxel, found 0"),
        ("0.4", "expected at least one voxel, found 0"),
        (float("nan"), "expected a number of voxels or a length such as '5um'"),
        (float("inf"), "expected a number of voxels"),
        (True, "expected a number of voxels"),
        (None, "expected a number of voxels"),
        ([1, 2], "expected one length or one for each of the 3 axes, found 2"),
        ("5 parsec", "r_max='5 parsec': unknown length unit 'parsec'"),
        ("far", "r_max='far': cannot read 'far' as a length"),
    ],
)
def test_what_is_no_length_in_voxels_is_refused(length, message):
    with pytest.raises(mc.InputError, match=message):
        GRID.to_voxels(length, "r_max")


def test_a_length_with_a_unit_needs_a_voxel_size():
    with pytest.raises(mc.InputError, match=r"window='5um': .* the voxel size is not known"):
        Grid((4, 4, 4)).to_voxels("5um", "window")


def test_the_voxel_volume_leaves_out_axes_of_length_one():
    assert GRID.axes == (0, 1)
    assert GRID.voxel_volume == 1.0
    assert Grid((4, 4, 4), (1.0, 2.0, 3.0)).voxel_volume == 6.0
