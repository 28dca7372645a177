"""Voxel sizes that TIFF files state, and those that survive being written."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from images import voxels

pytestmark = pytest.mark.oracle


def imagej_description(**stated):
    return "\n".join(["ImageJ=1.54f", "images=7", "slices=7", *(f"{key}={value}" for key, value in stated.items()), ""])


def ratio(number):
    """Return numerator and denominator as a TIFF holds them: old versions of tifffile round numbers to few digits."""
    if isinstance(number, tuple):
        return number
    return Fraction(number).limit_denominator(int((2**32 - 1) / max(number, 1))).as_integer_ratio()


def write_described(path, description, resolution=None, resolutionunit=None):
    tags = {} if resolution is None else {"resolution": [*map(ratio, resolution)], "resolutionunit": resolutionunit}
    tifffile.imwrite(path, voxels(), photometric="minisblack", metadata=None, description=description, **tags)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32], ids=["ImageJ", "OME"])
@pytest.mark.parametrize("unit", ["pm", "nm", "um", "mm", "cm", "m", "voxel"])
@pytest.mark.parametrize("size", [(3.0, 3.0, 3.0), (15.2, 15.2, 15.2), (1.0, 0.25, 0.3333333), (1e-3, 2e-3, 3e-3)])
def test_voxel_sizes_survive_tiff(tmp_path, dtype, unit, size):
    mc.write_volume(voxels(dtype=dtype), tmp_path / "a.tif", voxel_size=size, unit=unit)
    volume = mc.read_volume(tmp_path / "a.tif")
    if unit == "voxel" and len(set(size)) == 1:
        assert (volume.voxel_size, volume.unit) == ((1, 1, 1), "voxel")  # says nothing without a unit
    else:
        assert volume.unit == unit
        assert volume.voxel_size == pytest.approx(size, rel=1e-8)


@settings(deadline=None, max_examples=50)
@given(digits=st.integers(1, 999999), exponent=st.integers(-9, 3))
def test_decimal_voxel_sizes_survive_tiff_to_the_digit(tmp_path_factory, digits, exponent):
    size = float(f"{digits}e{exponent}")
    path = tmp_path_factory.mktemp("size") / "a.tif"
    mc.write_volume(voxels((1, 2, 2)), path, voxel_size=f"{size!r}um")
    assert mc.read_volume(path).voxel_size == (size, size, size)


@pytest.mark.parametrize(
    ("stated", "resolution", "size", "unit"),
    [
        ({"unit": "\\u00B5m", "spacing": 0.5}, (2.0, 4.0), (0.5, 0.25, 0.5), "um"),
        ({"unit": "micron", "spacing": 2}, (1.0, 1.0), (2, 1, 1), "um"),
        ({"unit": "nm", "spacing": -20.0}, (0.1, 0.1), (20, 10, 10), "nm"),
        ({"unit": "mm", "zunit": "micron", "spacing": 500}, (2.0, 2.0), (0.5, 0.5, 0.5), "mm"),
        ({"unit": "pixel", "spacing": 3}, (1.0, 1.0), (3, 1, 1), "voxel"),
    ],
)
def test_imagej_states_a_voxel_size(tmp_path, stated, resolution, size, unit):
    write_described(tmp_path / "a.tif", imagej_description(**stated), resolution, "none")
    volume = mc.read_volume(tmp_path / "a.tif")
    assert (volume.voxel_size, volume.unit) == (size, unit)
    assert volume.notes == ("voxel size read from ImageJ metadata",)


@pytest.mark.parametrize(("pixels", "size"), [(65789, 15.2), (1428571, 0.7), (333333, 3.0)])
def test_millionths_of_imagej_do_not_show(tmp_path, pixels, size):
    resolution = (pixels, 10**6)
    write_described(tmp_path / "a.tif", imagej_description(unit="um", spacing=size), (resolution, resolution), "none")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages.first.tags["XResolution"].value == resolution
    assert mc.read_volume(tmp_path / "a.tif").voxel_size == (size, size, size)


def test_a_distance_between_planes_that_is_not_stated_is_noted(tmp_path):
    write_described(tmp_path / "a.tif", imagej_description(unit="um"), (2.0, 2.0), "none")
    volume = mc.read_volume(tmp_path / "a.tif")
    assert volume.voxel_size == (0.5, 0.5, 0.5)
    assert "distance between planes not stated" in volume.notes[0]


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ({"unit": "parsec", "spacing": 1}, "ImageJ metadata state lengths in parsec, which is not a known unit"),
        ({"spacing": 2}, "lengths are in voxels"),
        ({"unit": "pixel", "spacing": 0.5}, "lengths are in voxels"),
    ],
)
def test_imagej_without_a_usable_unit_states_none(tmp_path, stated, reason):
    write_described(tmp_path / "a.tif", imagej_description(**stated), (2.0, 2.0), "none")
    volume = mc.read_volume(tmp_path / "a.tif")
    assert (volume.voxel_size, volume.unit) == ((1, 1, 1), "voxel")
    assert reason in volume.notes[0]


@pytest.mark.parametrize(
    ("stated", "size", "unit"),
    [
        ({"PhysicalSizeX": 0.3, "PhysicalSizeY": 0.4, "PhysicalSizeZ": 0.5}, (0.5, 0.4, 0.3), "um"),
        ({"PhysicalSizeX": 300, "PhysicalSizeXUnit": "nm"}, (300, 300, 300), "nm"),
        (
            {"PhysicalSizeX": 0.3, "PhysicalSizeY": 0.3, "PhysicalSizeZ": 500, "PhysicalSizeZUnit": "nm"},
            (0.5, 0.3, 0.3),
            "um",
        ),
        ({"PhysicalSizeX": 1, "PhysicalSizeXUnit": "reference frame"}, (1, 1, 1), "voxel"),
        ({}, (1, 1, 1), "voxel"),
    ],
)
def test_ome_states_a_voxel_size(tmp_path, stated, size, unit):
    tifffile.imwrite(tmp_path / "a.ome.tif", voxels(), ome=True, metadata={"axes": "ZYX", **stated})
    volume = mc.read_volume(tmp_path / "a.ome.tif")
    assert volume.voxel_size == pytest.approx(size, rel=1e-12)
    assert volume.unit == unit
    assert volume.name == "a"


@pytest.mark.parametrize(
    ("arguments", "size", "unit"),
    [
        ({"resolution": (1 / 0.13, 1 / 0.13), "metadata": {"spacing": 0.2, "unit": "um"}}, (0.2, 0.13, 0.13), "um"),
        ({"resolution": (1 / 0.13, 1 / 0.26), "metadata": {"spacing": 20, "unit": "nm"}}, (20, 0.26, 0.13), "nm"),
        ({"resolution": (4, 4), "resolutionunit": "NONE", "metadata": {"unit": "mm"}}, (0.25, 0.25, 0.25), "mm"),
        (
            {
                "resolution": (1e4 / 0.13,) * 2,
                "resolutionunit": "CENTIMETER",
                "metadata": {"spacing": 200, "unit": "nm"},
            },
            (0.2, 0.13, 0.13),
            "um",
        ),
        ({"metadata": {"PhysicalSizeX": 13, "PhysicalSizeXUnit": "nm", "PhysicalSizeZ": 0.2}}, (200, 13, 13), "nm"),
    ],
)
@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}], ids=str)
def test_the_json_of_tifffile_states_a_voxel_size(tmp_path, arguments, size, unit, how):
    arguments = arguments | {"metadata": {"axes": "ZYX", **arguments["metadata"]}}
    tifffile.imwrite(tmp_path / "a.tif", voxels(), photometric="minisblack", **arguments, **how)
    volume = mc.read_volume(tmp_path / "a.tif")
    assert volume.voxel_size == pytest.approx(size, rel=1e-5)  # older versions of tifffile round resolutions
    assert volume.unit == unit
    assert volume.notes[0].startswith("voxel size read from tifffile metadata")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"metadata": {"spacing": 0.2, "unit": "um"}}, "lengths are in voxels"),  # no resolution
        ({"resolution": (1 / 0.13,) * 2, "metadata": {"spacing": 0.2}}, "7.7 dots per inch"),  # no unit
        ({"resolution": (1 / 0.13,) * 2}, "7.7 dots per inch"),
        ({"resolution": (72.5, 72.5)}, "72.5 dots per inch"),
        ({"resolution": (1199.3, 1199.3)}, "1199.3 dots per inch"),
        ({"resolution": (2, 2), "metadata": {"unit": "parsec"}}, "tifffile metadata state lengths in parsec"),
        ({"resolution": (2, 2), "metadata": {"unit": ["um"], "spacing": [1]}}, "lengths are in voxels"),
    ],
)
def test_tifffile_without_unit_or_resolution_states_none(tmp_path, arguments, reason):
    tifffile.imwrite(tmp_path / "a.tif", voxels(), photometric="minisblack", **arguments)
    volume = mc.read_volume(tmp_path / "a.tif")
    assert (volume.voxel_size, volume.unit) == ((1, 1, 1), "voxel")
    assert reason in volume.notes[0]


@pytest.mark.parametrize("dpi", [1, 72, 96, 150, 300, 600, 1200])
@pytest.mark.parametrize("unit", ["inch", "centimeter"])
def test_dots_per_inch_are_no_voxel_size(tmp_path, dpi, unit):
    pixels = dpi if unit == "inch" else round(dpi / 2.54, 2)  # as image software writes it
    write_described(tmp_path / "a.tif", None, (pixels, pixels), unit)
    volume = mc.read_volume(tmp_path / "a.tif")
    assert (volume.voxel_size, volume.unit) == ((1, 1, 1), "voxel")
    assert f"its resolution of {dpi} dots per inch is what image software writes" in volume.notes[0]


@pytest.mark.parametrize(
    ("pixels", "unit", "edge"),
    [(1e4 / 3, "centimeter", 3.0), (25400 / 0.398, "inch", 0.398), (1e4 / 45, "centimeter", 45)],
)
def test_resolution_tags_of_small_voxels_are_believed(tmp_path, pixels, unit, edge):
    write_described(tmp_path / "a.tif", None, (pixels, pixels), unit)
    volume = mc.read_volume(tmp_path / "a.tif")
    assert volume.voxel_size == pytest.approx((edge,) * 3, rel=1e-6)
    assert volume.unit == "um"
    assert "read from the resolution tags (distance between planes not stated" in volume.notes[0]


def test_a_given_voxel_size_goes_before_that_of_the_file(tmp_path):
    mc.write_volume(voxels(), tmp_path / "a.tif", voxel_size="3um")
    volume = mc.read_volume(tmp_path / "a.tif", voxel_size="1,1,2nm")
    assert (volume.voxel_size, volume.unit) == ((1, 1, 2), "nm")
    assert volume.notes == ("voxel size as given, instead of 3 × 3 × 3 um in the file",)
