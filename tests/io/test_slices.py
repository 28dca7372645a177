"""Folders and globs of slices, and PNG images."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import microchar as mc
from images import SHAPE, assert_says, binary_voxels, refusal, voxels, write_slices
from microchar.io.formats.slices import natural


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
    assert sorted(map(Path, names), key=natural) == [Path(n) for n in ("A1", "a2", "a02b3", "a02b20", "a10", "b2")]


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
    found = f"this slice has shape {other.shape} and type {other.dtype}, those before it (24, 31) and uint8"
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
