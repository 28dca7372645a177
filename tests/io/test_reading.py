"""What is written is read again, whatever the format; and what files say about voxel sizes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import microchar as mc
from microchar.core.errors import InputError
from microchar.io.crop import crop_box
from microchar.io.formats.slices import natural

SHAPE = (7, 9, 11)


def voxels(shape=SHAPE, dtype=np.uint8, greys=(0, 3, 9), seed=0):
    return np.random.default_rng(seed).choice(np.array(greys, dtype), shape)


def base_of(array):
    while array.base is not None and not isinstance(array, np.memmap):
        array = array.base
    return array


# --- TIFF --------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"metadata": None},
        {"bigtiff": True},
        {"bigtiff": True, "metadata": None, "byteorder": ">"},
        {"byteorder": ">"},
        {"compression": "zlib"},
        {"compression": "zlib", "metadata": None},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"compression": "packbits"},
        {"compression": "zstd"},
        {"compression": "lzma"},
        {"compression": "png"},
        {"compression": "zlib", "bigtiff": True},
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "zlib"},
        {"rowsperstrip": 2, "metadata": None},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"imagej": True, "metadata": {"axes": "TYX"}},
        {"imagej": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_of_any_kind_is_read(tmp_path, how, dtype):
    image = voxels(dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", **how)
    volume = mc.read_volume(tmp_path / "a.tif")
    assert np.array_equal(volume.values, image)
    assert volume.values.dtype.newbyteorder("=") == dtype
    assert np.array_equal(volume.read(), np.searchsorted([0, 3, 9], image))
    assert volume.unit == "voxel"


@pytest.mark.parametrize("how", [{}, {"bigtiff": True, "byteorder": ">"}, {"ome": True}, {"imagej": True}], ids=str)
def test_an_uncompressed_tiff_stays_on_disk(tmp_path, how):
    metadata = {"metadata": {"axes": "ZYX"}} if how.get("ome") or how.get("imagej") else {}
    image = voxels(dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", **how, **metadata)
    volume = mc.read_volume(tmp_path / "a.tif", crop="1:5,:,2:4")
    assert isinstance(base_of(volume.values), np.memmap)
    assert not volume.values.flags.writeable
    assert np.array_equal(volume.read(), np.searchsorted([0, 3, 9], image[1:5, :, 2:4]))


def test_pages_that_do_not_lie_in_one_piece_are_read(tmp_path):
    image = voxels()
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for plane in image:
            file.write(plane, contiguous=False, metadata=None)
    volume = mc.read_volume(tmp_path / "a.tif")
    assert not isinstance(base_of(volume.values), np.memmap)
    assert np.array_equal(volume.values, image)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int16, np.int32, np.uint32, np.float32, np.float64])
def test_tiff_of_any_type_is_read(tmp_path, dtype):
    image = voxels(dtype=dtype, greys=(0, 1))
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack")
    assert np.array_equal(mc.read_volume(tmp_path / "a.tif").read(), image)


def test_a_volume_written_as_channels_is_a_volume(tmp_path):
    image = voxels((20, 9, 11))
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True)  # without axes, ImageJ takes planes for channels
    volume = mc.read_volume(tmp_path / "a.tif")
    assert np.array_equal(volume.values, image)
    assert "what the file calls channels is taken for the planes of a volume" in volume.notes


def test_a_tifffile_of_another_interface_is_not_blamed_on_the_file(tmp_path, monkeypatch):
    def gone(self):
        raise AttributeError("'TiffPageSeries' object has no attribute 'axes'")

    tifffile.imwrite(tmp_path / "a.tif", voxels())
    monkeypatch.setattr(tifffile.TiffPageSeries, "axes", property(gone))
    with pytest.raises(InputError, match=f"tifffile {tifffile.__version__} fails to read the file .*another version"):
        mc.read_volume(tmp_path / "a.tif")


@pytest.mark.parametrize("shape", [(7, 13, 1), (7, 1, 13), (1, 13, 1), (13, 1), (1, 13), (5, 5, 5), (1, 1, 1)])
@pytest.mark.parametrize("how", [{}, {"metadata": None}, {"metadata": {"axes": "ZYX"}}], ids=str)
def test_axes_of_length_one_stay_where_they_are(tmp_path, shape, how):
    image = voxels((1,) * (3 - len(shape)) + shape).reshape(shape)
    if len(shape) == 2 and how.get("metadata"):
        how = {"metadata": {"axes": "YX"}}
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", **how)
    assert np.array_equal(mc.read_volume(tmp_path / "a.tif").values, image.reshape(-1, *shape[-2:]))


@pytest.mark.parametrize("shape", [(7, 9, 11), (1, 7, 13), (7, 1, 13), (7, 13, 1), (3, 5, 7), (5, 7, 3), (1, 1, 1)])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32, np.int32, np.int64, np.float64, np.float16])
@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_what_is_written_is_read(tmp_path, shape, dtype, suffix):
    image = voxels(shape, dtype, greys=(0, 1))
    mc.write_volume(image, tmp_path / f"a{suffix}", voxel_size="0.4,0.5,0.398um")
    volume = mc.read_volume(tmp_path / f"a{suffix}")
    assert volume.shape == shape
    assert np.array_equal(volume.values, image)
    if suffix == ".tif":
        assert (volume.voxel_size, volume.unit) == ((0.4, 0.5, 0.398), "um")
        assert isinstance(base_of(volume.values), np.memmap) or dtype in (np.float16, np.float32, np.float64)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32], ids=["ImageJ", "OME"])
@pytest.mark.parametrize("unit", ["pm", "nm", "um", "mm", "cm", "m", "voxel"])
@pytest.mark.parametrize("size", [(3.0, 3.0, 3.0), (15.2, 15.2, 15.2), (1.0, 0.25, 0.3333333), (1e-6, 2e-6, 3e-6)])
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


def test_a_volume_is_written_as_stored_with_its_voxel_size(tmp_path):
    volume = mc.as_volume(voxels(), voxel_size="1,1,2um", phases="a,b,c")
    mc.write_volume(volume, tmp_path / "a.tif")
    again = mc.read_volume(tmp_path / "a.tif")
    assert np.array_equal(again.values, volume.values)
    assert (again.voxel_size, again.unit, again.phases) == ((1, 1, 2), "um", ("0", "3", "9"))
    mc.write_volume(volume, tmp_path / "a.tif", unit="nm")
    assert mc.read_volume(tmp_path / "a.tif").voxel_size == (1000, 1000, 2000)


def test_writing_replaces_a_file_that_is_being_read(tmp_path):
    path = tmp_path / "a.tif"
    mc.write_volume(voxels(seed=1), path)
    before = mc.read_volume(path)
    mc.write_volume(before.values[::-1], path)
    assert np.array_equal(before.values, voxels(seed=1))
    assert np.array_equal(mc.read_volume(path).values, voxels(seed=1)[::-1])
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]


# --- voxel sizes that TIFF files state -----------------------------------------


def imagej_description(**stated):
    return "\n".join(["ImageJ=1.54f", "images=7", "slices=7", *(f"{key}={value}" for key, value in stated.items()), ""])


def write_described(path, description, resolution=None, resolutionunit=None):
    tags = {} if resolution is None else {"resolution": resolution, "resolutionunit": resolutionunit}
    tifffile.imwrite(path, voxels(), photometric="minisblack", metadata=None, description=description, **tags)


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
        ({"unit": "parsec", "spacing": 1}, "ImageJ metadata state lengths in parsec, which is no known unit"),
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


# --- slices ------------------------------------------------------------------


def write_slices(folder, image, suffix=".png"):
    folder.mkdir()
    for place, plane in enumerate(image, start=1):
        file = folder / f"slice {place}{suffix}"  # 1, 2, 10: not in the order of the alphabet
        Image.fromarray(plane).save(file) if suffix == ".png" else tifffile.imwrite(file, plane)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_slices_are_stacked_in_natural_order(tmp_path, suffix, dtype):
    image = voxels((12, 5, 6), dtype)
    write_slices(tmp_path / "scan.v2", image, suffix)
    (tmp_path / "scan.v2" / "log.txt").write_text("scanned on a Monday")
    (tmp_path / "scan.v2" / ".hidden.png").write_text("of no matter")
    for path in (tmp_path / "scan.v2", tmp_path / "scan.v2" / f"slice*{suffix}"):
        volume = mc.read_volume(path)
        assert np.array_equal(volume.values, image)
        assert volume.values.dtype == dtype
        assert volume.name == "scan.v2"
        assert volume.source["format"] == "slices"


def test_natural_order_is_that_of_numbers():
    names = ["b2", "a10", "a2", "A1", "a02b3", "a02b20"]
    assert sorted(map(Path, names), key=natural) == [Path(n) for n in ("A1", "a2", "a02b3", "a02b20", "a10", "b2")]


def test_slices_have_the_voxel_size_of_the_first(tmp_path):
    (tmp_path / "scan").mkdir()
    for place in range(3):
        mc.write_volume(voxels((1, 5, 6)), tmp_path / "scan" / f"{place}.tif", voxel_size="3um")
    volume = mc.read_volume(tmp_path / "scan")
    assert (volume.shape, volume.voxel_size, volume.unit) == ((3, 5, 6), (3, 3, 3), "um")
    assert volume.notes == ("voxel size read from ImageJ metadata, of the slice 0.tif",)


def test_an_existing_name_with_brackets_is_no_glob(tmp_path):
    np.save(tmp_path / "scan[1].npy", voxels())
    assert mc.read_volume(tmp_path / "scan[1].npy").shape == SHAPE


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16"])
def test_png_of_any_depth_is_an_image(tmp_path, mode):
    labels = voxels((1, 6, 7), greys=(0, 1))[0]
    grey = {"1": labels == 1, "I;16": labels.astype(np.uint16) * 60000}.get(mode, labels * 200)
    image = Image.fromarray(grey)
    if mode == "P":
        image = Image.frombytes("P", labels.shape[::-1], labels.tobytes())
        image.putpalette([255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "a.png")
    volume = mc.read_volume(tmp_path / "a.png")
    assert volume.shape == (1, 6, 7)
    assert np.array_equal(volume.read()[0], labels)


# --- NumPy and raw -----------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<i8", "f4", "?"])
def test_npy_is_mapped(tmp_path, order, dtype):
    image = voxels(dtype=dtype, greys=(0, 1))
    np.save(tmp_path / "a.npy", np.asarray(image, order=order))
    volume = mc.read_volume(tmp_path / "a.npy")
    assert np.array_equal(volume.read(), image)
    assert isinstance(base_of(volume.values), np.memmap) or dtype == "f4"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_is_read_by_key(tmp_path, save, order):
    one, two = (np.asarray(voxels(seed=seed), order=order) for seed in (1, 2))
    save(tmp_path / "two.npz", one=one, two=two)
    save(tmp_path / "one.npz", one)
    assert np.array_equal(mc.read_volume(tmp_path / "one.npz").values, one)
    volume = mc.read_volume(f"{tmp_path}/two.npz:two")
    assert np.array_equal(volume.values, two)
    assert volume.name == "two:two"
    assert volume.source["path"] == f"{tmp_path}/two.npz:two"


@pytest.mark.parametrize("suffix", [".raw", ".bin"])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "<i4", "f4"])
def test_raw_is_read_by_shape_and_type(tmp_path, suffix, dtype):
    image = voxels(dtype=dtype)
    image.tofile(tmp_path / f"a{suffix}")
    for shape in (SHAPE, "7,9,11"):
        volume = mc.read_volume(tmp_path / f"a{suffix}", shape=shape, dtype=dtype)
        assert np.array_equal(volume.values, image)
    image[0].tofile(tmp_path / f"plane{suffix}")
    assert mc.read_volume(tmp_path / f"plane{suffix}", shape=SHAPE[1:], dtype=dtype).shape == (1, 9, 11)


# --- what goes with a volume -------------------------------------------------


@pytest.mark.parametrize(
    ("crop", "box"),
    [
        (None, np.s_[:, :, :]),
        ("1:5,2:9,0:11", np.s_[1:5, 2:9, 0:11]),
        (" : , 2: , :-3 ", np.s_[:, 2:, :-3]),
        ("z=1:5", np.s_[1:5, :, :]),
        ("x=-4:, 1=:3", np.s_[:, :3, -4:]),
        (np.s_[1:5, :, 2:-1], np.s_[1:5, :, 2:-1]),
    ],
)
def test_a_crop_cuts_volume_mask_and_grey_image(tmp_path, crop, box):
    image, mask, grey = voxels(), voxels(greys=(0, 255), seed=1), voxels(dtype=np.uint16, seed=2)
    for name, array in (("a", image), ("mask", mask), ("grey", grey)):
        mc.write_volume(array, tmp_path / f"{name}.tif")
    volume = mc.read_volume(tmp_path / "a.tif", crop=crop, mask=tmp_path / "mask.tif", grey=tmp_path / "grey.tif")
    inside = mask[box] == 255
    assert np.array_equal(volume.mask, inside)
    assert np.array_equal(volume.read()[inside], np.searchsorted([0, 3, 9], image[box])[inside])
    assert np.array_equal(volume.grey_levels(), grey[box])
    assert any("cropped to" in note for note in volume.notes) == (crop is not None)
    assert volume.source["mask"] == str(tmp_path / "mask.tif")
    assert volume.source["grey_sha256"] == hashlib.sha256((tmp_path / "grey.tif").read_bytes()).hexdigest()
    arrays = mc.read_volume(tmp_path / "a.tif", crop=crop, mask=mask, grey=grey)
    assert np.array_equal(arrays.read(), volume.read())


def test_a_crop_of_an_image_may_leave_out_its_plane():
    assert crop_box("2:3,:", (1, 5, 6), "a") == np.s_[0:1, 2:3, 0:6]
    assert crop_box(":,2:3,:", (1, 5, 6), "a") == np.s_[0:1, 2:3, 0:6]


def test_the_grey_image_of_a_segmented_one_is_kept(tmp_path):
    grey = np.random.default_rng(0).normal(100, 30, SHAPE).astype(np.float32)
    mc.write_volume(grey, tmp_path / "a.tif")
    volume = mc.read_volume(tmp_path / "a.tif", threshold=100, phases="pore,solid", crop="1:4,:,:")
    assert np.array_equal(volume.read(), grey[1:4] > 100)
    assert np.array_equal(volume.grey_levels(), grey[1:4])
    assert any("segmented at the grey value 100" in note for note in volume.notes)


def test_phases_and_a_name_are_given(tmp_path):
    np.save(tmp_path / "a.npy", voxels())
    volume = mc.read_volume(tmp_path / "a.npy", phases={"pore": 0, "solid": 3, "binder": 9}, name="real")
    assert (volume.phases, volume.name) == (("pore", "solid", "binder"), "real")


def test_the_source_is_recorded(tmp_path):
    np.save(tmp_path / "a.npy", voxels())
    volume = mc.read_volume(str(tmp_path / "a.npy"))
    checksum = hashlib.sha256((tmp_path / "a.npy").read_bytes()).hexdigest()
    assert volume.source == {"path": str(tmp_path / "a.npy"), "format": "NumPy", "sha256": checksum}
    assert volume.name == "a"
    assert volume.notes == ("no voxel size in the file: lengths are in voxels",)

    write_slices(tmp_path / "scan", voxels((11, 4, 4)))
    files = [tmp_path / "scan" / f"slice {place}.png" for place in range(1, 12)]
    digests = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)
    assert mc.read_volume(tmp_path / "scan").source["sha256"] == hashlib.sha256(digests).hexdigest()


# --- the readers -------------------------------------------------------------


TOY = """
import numpy as np
from microchar.io.image import Image
FORMAT = "toy"
SUFFIXES = (".toy", ".toy/")
def read(path, options):
    files = [path / "slice.png"] if path.is_dir() else [path]
    return Image(np.eye(4, dtype=np.uint8), (1.0, 2.0, 3.0), "nm", "as toys are", ("a folder",) * path.is_dir(), files)
"""


def test_another_format_comes_by_adding_a_module(tmp_path, monkeypatch):
    import microchar.io.formats
    from microchar.io.dispatch import readers

    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.setattr(microchar.io.formats, "__path__", [*microchar.io.formats.__path__, str(tmp_path)])
    readers.cache_clear()
    try:
        (tmp_path / "a.toy").write_text("x")
        (tmp_path / "b.toy").mkdir()
        (tmp_path / "b.toy" / "slice.png").write_text("no slice")
        volume = mc.read_volume(tmp_path / "a.toy")
        assert (volume.voxel_size, volume.unit, volume.source["format"]) == ((1, 2, 3), "nm", "toy")
        assert volume.notes == ("as toys are",)
        assert mc.read_volume(tmp_path / "b.toy").notes == ("as toys are", "a folder")
    finally:
        readers.cache_clear()
        sys.modules.pop("microchar.io.formats.toy", None)


def test_reading_numpy_files_loads_no_other_library(tmp_path):
    np.save(tmp_path / "a.npy", voxels())
    heavy = ["tifffile", "PIL", "imagecodecs", "skimage", "scipy", "numba", "pandas", "matplotlib", "torch"]
    code = f"import sys, microchar as mc; mc.read_volume(sys.argv[1]); sys.exit(set(sys.modules) & set({heavy}) or 0)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.npy")], check=True)
