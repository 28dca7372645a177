"""Folders and globs of slices, and PNG images."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

import microchar as mc
from images import SHAPE, assert_says, binary_voxels, refusal, voxels, write_slices
from microchar.io.formats._slice_names import natural


@pytest.mark.oracle
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


@pytest.mark.oracle
def test_natural_order_is_that_of_numbers():
    names = ["b2", "a10", "a2", "A1", "a02b3", "a02b20"]
    assert sorted(names, key=natural) == ["A1", "a2", "a02b3", "a02b20", "a10", "b2"]


@pytest.mark.oracle
def test_slices_have_the_voxel_size_of_the_first(tmp_path):
    (tmp_path / "scan").mkdir()
    for place in range(3):
        mc.write_volume(voxels((1, 5, 6)), tmp_path / "scan" / f"{place}.tif", voxel_size="3um")
    volume = mc.read_volume(tmp_path / "scan")
    assert (volume.shape, volume.voxel_size, volume.unit) == ((3, 5, 6), (3, 3, 3), "um")
    assert volume.notes == ("voxel size read from ImageJ metadata, of the slice 0.tif",)


@pytest.mark.oracle
def test_an_existing_name_with_brackets_is_no_glob(tmp_path):
    np.save(tmp_path / "scan[1].npy", voxels())
    assert mc.read_volume(tmp_path / "scan[1].npy").shape == SHAPE


@pytest.mark.oracle
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


def write_named(folder, names):
    """Write a slice for each name; all voxels of a slice have the position of its name, modulo 16."""
    for place, name in enumerate(names):
        Image.fromarray(np.full((2, 3), place % 16, np.uint8)).save(folder / f"{name}.png")


def order_of(path):
    return mc.read_volume(path).values[:, 0, 0].tolist()


@pytest.mark.oracle
@pytest.mark.parametrize(
    "names",
    [
        ["z-10", "z-9", "z-2", "z-1", "z0", "z1", "z2", "z10"],
        ["-02", "-01", "000", "001", "012"],
        ["slice-1", "slice-2", "slice-10"],  # a hyphen in every name is no sign
        ["2024-01-05_1", "2024-01-05_2", "2024-01-05_10"],
        ["scan2_7", "scan2_8", "Scan2_9"],
    ],
)
def test_slices_are_in_the_order_of_signed_numbers(tmp_path, names):
    write_named(tmp_path, names)
    assert order_of(tmp_path) == list(range(len(names)))
    assert order_of(f"{tmp_path}/*.png") == list(range(len(names)))


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([f"s{n:03d}" for n in range(20) if n != 7], "1 of the numbered slices are missing (s007.png)"),
        ([f"a2_s{n}_x" for n in (0, 1, 5, 6, 7)], "3 of the numbered slices are missing (a2_s2_x.png, a2_s3_x.png"),
        ([f"s{n:03d}" for n in range(0, 60, 5) if n != 20], "1 of the numbered slices are missing (s020.png)"),
        ([f"s{n}" for n in range(-3, 5) if n != -2], "1 of the numbered slices are missing (s-2.png)"),
        (["s0", "s1", "s3", "s4", "s10", "s11", "s13"], "(s2.png, s5.png, s6.png, s7.png, s8.png, …)"),
        (["z0", "z10", "z20", "z35"], "z0.png to z35.png rise by unequal steps, of 10 to 15"),
        (["s1", "s2", "s3", "s900"], "rise by unequal steps, of 1 to 897"),
        (["a1_s0", "a1_s1", "a2_s0", "a2_s1"], "are not numbered one by one: are they of several stacks?"),
        (["s1", "s01", "s2"], "are not numbered one by one"),
        (["bottom", "middle", "top"], "have no numbers: they are stacked in alphabetical order"),
    ],
)
def test_what_is_odd_about_the_names_of_slices_is_noted(tmp_path, names, says):
    write_named(tmp_path, names)
    assert any(says in note for note in mc.read_volume(tmp_path).notes)


@pytest.mark.oracle
@pytest.mark.parametrize(
    "names",
    [
        [f"s{n:03d}" for n in range(20)],
        [f"s{n}" for n in range(0, 50, 5)],
        [f"s{n}" for n in range(-3, 3)],
        [f"{n:04d}_t{n * n}" for n in range(6)],  # the time of each slice
        [f"t{100 + n * n * 10}_{n:04d}" for n in range(6)],
        ["s7"],
        ["s7", "s9"],
    ],
)
def test_nothing_is_odd_about_other_names(tmp_path, names):
    write_named(tmp_path, names)
    assert mc.read_volume(tmp_path).notes == ("no voxel size in the file: lengths are in voxels",)


@pytest.mark.property
def test_two_stacks_in_one_folder(tmp_path):
    names = [f"{what}{n:02d}" for what in ("real", "mask") for n in range(16)]
    write_named(tmp_path, names)
    assert_says(
        refusal(tmp_path), "holds 16 images named 'real#.png' and 16 images named 'mask#.png'", "a glob that ends in"
    )
    assert order_of(f"{tmp_path}/real*.png") == list(range(16))
    assert_says(refusal(f"{tmp_path}/*.png"), "'real#.png'", "'mask#.png'")


@pytest.mark.property
def test_an_image_that_is_no_slice(tmp_path):
    write_named(tmp_path, ["overview", "s0", "s1", "s2"])
    assert_says(refusal(tmp_path), "3 images named 's#.png' and 1 images named 'overview.png'", "ends in 's*.png'")


@pytest.mark.property
def test_folder_without_images(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    assert_says(refusal(tmp_path), "no images in this folder of 1 files", "expected slices as .tif, .tiff, .png")


@pytest.mark.property
def test_glob_without_files(tmp_path):
    assert_says(refusal(f"{tmp_path}/*.png"), "no file matches", "expected a glob of 2D slices")


@pytest.mark.property
def test_folder_of_two_kinds(tmp_path):
    Image.fromarray(binary_voxels()[0]).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "b.tif", binary_voxels()[0])
    assert_says(refusal(tmp_path), "holds 1 PNG and 1 TIFF files", f"with a glob, as in '{tmp_path}/*.tif'")


@pytest.mark.property
@pytest.mark.parametrize("other", [binary_voxels((24, 30)), binary_voxels((24, 31), np.uint16)], ids=["shape", "type"])
def test_slices_that_differ(tmp_path, other):
    for place, plane in enumerate([binary_voxels()[0], binary_voxels()[1], other]):
        tifffile.imwrite(tmp_path / f"slice{place}.tif", plane)
    with pytest.raises(mc.InputError) as caught:
        mc.read_volume(tmp_path)
    found = f"shape {other.shape} and type {other.dtype}, the first one (slice0.tif) (24, 31) and uint8"
    assert_says(str(caught.value), str(tmp_path / "slice2.tif"), found, "all slices must have the same shape and type")


@pytest.mark.property
def test_slices_that_are_volumes(tmp_path):
    tifffile.imwrite(tmp_path / "scan.tif", binary_voxels(), photometric="minisblack")
    with pytest.raises(mc.InputError) as caught:
        mc.read_volume(tmp_path)
    assert_says(
        str(caught.value), str(tmp_path / "scan.tif"), "expected a 2D slice", "(5, 24, 31)", "read the file itself"
    )


@pytest.mark.property
def test_a_bad_slice_is_named(tmp_path):
    tifffile.imwrite(tmp_path / "slice1.tif", binary_voxels()[0])
    (tmp_path / "slice2.tif").touch()
    with pytest.raises(mc.InputError) as caught:
        mc.read_volume(tmp_path)
    assert_says(str(caught.value), str(tmp_path / "slice2.tif"), "empty")


@pytest.mark.property
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_colour_png(tmp_path, mode):
    path = tmp_path / "a.png"
    Image.fromarray(binary_voxels()[0]).convert(mode).save(path)
    assert_says(refusal(path), f"found a colour image ({mode}, {len(mode)} values per pixel)", "8-bit grey")


@pytest.mark.property
def test_truncated_png(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)).save(path)
    whole = path.read_bytes()
    for cut in (*range(1, 60), len(whole) // 2):
        path.write_bytes(whole[:cut])
        message = refusal(path)
        assert "truncated or damaged" in message or "not a PNG image" in message


@pytest.mark.property
def test_png_of_too_many_pixels(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(binary_voxels()[0]).save(path)
    huge = bytearray(path.read_bytes())
    huge[16:24] = struct.pack(">II", 10**6, 10**6)
    huge[29:33] = struct.pack(">I", zlib.crc32(huge[12:29]))
    path.write_bytes(bytes(huge))
    assert_says(refusal(path), "too large for PNG", "1000000000000 pixels", "save it as TIFF")
