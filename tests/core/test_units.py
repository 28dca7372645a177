"""Lengths and units: read, converted, written."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.core.units import canonical_unit, convert, parse_length, parse_voxel_size, power_unit, pretty_unit

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize(
    ("given_size", "size", "unit"),
    [
        (None, (1, 1, 1), "voxel"),
        ("0.398um", (0.398,) * 3, "um"),
        ("0.398 µm", (0.398,) * 3, "um"),
        ("0.398 μm", (0.398,) * 3, "um"),
        (" 3e-6 m", (3e-6,) * 3, "m"),
        ("15.2 microns", (15.2,) * 3, "um"),
        ("15.2 micrometres", (15.2,) * 3, "um"),
        ("1, 1, 2 um", (1, 1, 2), "um"),
        ("1um,1um,500nm", (1000, 1000, 500), "nm"),
        (("1um", "2um", "3um"), (1, 2, 3), "um"),
        ((1, 1, "2um"), (1, 1, 2), "um"),
        (np.array([1, 2, 3]), (1, 2, 3), "voxel"),
        (3.0, (3, 3, 3), "voxel"),
        (np.float64(3.0), (3, 3, 3), "voxel"),
        ("1,1,2.5", (1, 1, 2.5), "voxel"),
    ],
)
def test_voxel_sizes_are_read(given_size, size, unit):
    assert parse_voxel_size(given_size) == (size, unit)


@pytest.mark.parametrize(
    ("given_size", "message"),
    [
        ("0um", "greater than 0"),
        (-1.0, "greater than 0"),
        (float("nan"), "greater than 0"),
        ("1,2um", "expected one length or three, found 2"),
        ("3 parsec", "unknown length unit 'parsec': expected one of pm, nm, um"),
        ("three", "cannot read 'three' as a length"),
        ("1e999um", "cannot read"),
        ("", "cannot read"),
        ("1um,1,1", "some lengths have a unit and some have none"),
        ({"x": 1}, "expected a number or a length|cannot read"),
        ((1, None, 1), "found None, expected a number"),
    ],
)
def test_what_is_no_voxel_size_is_refused(given_size, message):
    with pytest.raises(mc.InputError, match=message):
        parse_voxel_size(given_size)


@pytest.mark.parametrize(("shape", "sizes"), [((1, 4, 4), (1, 1, 2)), ((4, 1, 4), (1, 1, 2)), ((4, 4, 1), (1, 2, 1))])
def test_an_image_takes_two_sizes(shape, sizes):
    assert parse_voxel_size("1,2um", shape) == (sizes, "um")
    image = mc.as_volume(np.ones(shape, int), voxel_size=("1um", "2um"))
    assert [image.voxel_size[axis] for axis in image.grid.axes] == [1, 2]
    assert mc.as_volume(image, voxel_size=(3, 4)).grid.voxel_volume == 12


@pytest.mark.parametrize("shape", [(4, 4, 4), (1, 1, 4)])
def test_no_other_volume_takes_two_sizes(shape):
    with pytest.raises(mc.InputError, match=r"expected one length or three.*, found 2"):
        mc.as_volume(np.ones(shape, int), voxel_size="1,2um")


def test_lengths_convert_by_whole_powers_of_ten():
    assert convert(1, "um", "nm") == 1000
    assert convert(0.398, "um", "nm") == 398
    assert convert(398, "nm", "um") == 0.398
    assert convert(2, "voxel", "voxel") == 2
    with pytest.raises(mc.InputError, match="the voxel size is not known; give it with voxel_size="):
        convert(2, "um", "voxel")


def test_units_are_written_for_files_and_for_people():
    assert [power_unit("um", power) for power in (-1, 0, 1, 2)] == ["um^-1", "", "um", "um^2"]
    assert [pretty_unit(unit) for unit in ("um^-1", "", "um", "voxel^2")] == ["µm⁻¹", "", "µm", "voxel²"]
    assert [canonical_unit(unit) for unit in ("µm", "Micron", "px", "nanometers", "mm")] == [
        "um",
        "um",
        "voxel",
        "nm",
        "mm",
    ]
    assert parse_length("5") == (5.0, "voxel")
