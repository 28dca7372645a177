"""Files and arrays that cannot be used: the message names the file, what was found, what was expected, what to do."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import microchar as mc

SHAPE = (5, 24, 31)


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def voxels(shape=SHAPE, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 2, shape).astype(dtype)


def refusal(path, **how):
    """Return the message with which a path is refused; it must begin with the path as given."""
    with pytest.raises(mc.InputError) as caught:
        mc.read_volume(path, **how)
    message = str(caught.value)
    assert message.startswith(str(path))
    return message


def assert_says(message, *parts):
    for part in parts:
        assert part in message


# --- files -------------------------------------------------------------------


def test_missing_file(folder):
    assert_says(refusal(folder / "none.tif"), "no such file or folder")
    assert_says(refusal(f"{folder}/none.npz:key"), "no such file or folder")


@pytest.mark.parametrize("suffix", [".tif", ".npy", ".npz", ".png", ".raw"])
def test_empty_file(folder, suffix):
    path = folder / f"a{suffix}"
    path.touch()
    assert_says(refusal(path, shape=(1, 1, 1), dtype="u1"), "the file is empty (0 bytes)", "copy or export it again")


@pytest.mark.parametrize("suffix", [".tif", ".npy", ".npz", ".png"])
def test_not_an_image(folder, suffix):
    path = folder / f"a{suffix}"
    path.write_text("Dear professor,\nhere are the volumes.\n")
    assert_says(refusal(path), "not a")


def test_unknown_format(folder):
    path = folder / "a.xyz"
    path.write_text("x")
    assert_says(refusal(path), "cannot tell the format by the name; microchar reads", ".tif", ".npy", ".raw", "folder")


def test_unreadable_file(folder, monkeypatch):
    path = folder / "a.npy"
    np.save(path, voxels())

    def denied(*arguments, **keywords):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert_says(refusal(path), "cannot be read (Permission denied)")


# --- TIFF --------------------------------------------------------------------

KINDS = {
    "contiguous": {},
    "pages": {"metadata": None},
    "BigTIFF": {"bigtiff": True},
    "zlib": {"compression": "zlib"},
    "zlib pages": {"compression": "zlib", "metadata": None},
    "tiles": {"tile": (16, 16)},
    "ImageJ": {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 2, "unit": "um"}},
    "ImageJ zlib": {"imagej": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
    "OME": {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 1.0}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_tiff_is_never_read_in_part(folder, kind):
    """What is cut off is missed, unless it is nothing that is read, such as the name of the software."""
    path = folder / "a.tif"
    tifffile.imwrite(path, voxels(), photometric="minisblack", **KINDS[kind])
    whole = path.read_bytes()
    expected = mc.read_volume(path)
    refused = 0
    cuts = [*range(1, 40, 3), *range(40, len(whole), max(len(whole) // 60, 1)), *range(len(whole) - 30, len(whole))]
    for cut in cuts:
        path.write_bytes(whole[:cut])
        try:
            volume = mc.read_volume(path)
        except mc.InputError as error:
            message = str(error)
            refused += 1
            assert_says(message, str(path))
            assert any(word in message for word in ("truncated", "damaged", "not a TIFF", "promises"))
        else:
            assert np.array_equal(volume.values, expected.values)
            assert volume.notes == expected.notes
    assert refused > len(cuts) - 20


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_tiff_is_refused_or_read_and_nothing_else(folder, kind, seed):
    path = folder / "a.tif"
    tifffile.imwrite(path, voxels(), photometric="minisblack", **KINDS[kind])
    whole = path.read_bytes()
    rng = np.random.default_rng(seed)
    for _ in range(30):
        damaged = bytearray(whole)
        for place in rng.integers(0, min(len(damaged), 900), 3):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(bytes(damaged))
        with contextlib.suppress(mc.InputError):
            mc.read_volume(path)


@pytest.mark.parametrize(("big", "compression"), [(False, 1), (False, 8), (True, 1), (True, 8)])
def test_a_header_that_promises_a_million_million_voxels(folder, big, compression):
    """One page of 10^6 x 10^6 pixels, a strip of ten bytes."""
    path = folder / "huge.tif"
    n, long = 10**6, 4
    tags = [(256, n), (257, n), (258, 8), (259, compression), (262, 1), (273, 500), (277, 1), (278, n), (279, 10)]
    if big:
        header = struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, len(tags))
        entries = b"".join(struct.pack("<HHQQ", tag, long, 1, value) for tag, value in tags) + struct.pack("<Q", 0)
    else:
        header = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
        entries = b"".join(struct.pack("<HHII", tag, long, 1, value) for tag, value in tags) + struct.pack("<I", 0)
    path.write_bytes((header + entries).ljust(510, b"\0"))
    message = refusal(path)
    assert_says(message, "promises", "1000000 × 1000000 = 1e+12 voxels of type uint8")
    if compression == 1:
        assert_says(message, "for which it would have 1000000000500 bytes, and has 510", "truncated or damaged")
    else:
        assert_says(message, "931.3 GiB", "into memory, of which there is", "Save it uncompressed")


def test_metadata_that_promise_more_planes_than_there_are(folder):
    path = folder / "a.tif"
    for description in ('{"shape": [90, 24, 31]}', "ImageJ=1.54f\nimages=90\nslices=90\n"):
        tifffile.imwrite(path, voxels(), photometric="minisblack", metadata=None, description=description)
        assert_says(refusal(path), "truncated or damaged", "copy or export it again")


def test_colour_tiff(folder):
    path = folder / "a.tif"
    tifffile.imwrite(path, voxels((5, 24, 31, 3)), photometric="rgb")
    assert_says(refusal(path), "found a colour image (RGB, 3 values per pixel)", "expected grey values", "8-bit grey")


def test_channels(folder):
    path = folder / "a.tif"
    tifffile.imwrite(path, voxels((5, 2, 24, 31)), imagej=True, metadata={"axes": "ZCYX"})
    assert_says(refusal(path), "found 2 channels (axes ZCYX of shape (5, 2, 24, 31)), expected one", "save one channel")
    tifffile.imwrite(path, voxels((2, 24, 31)), imagej=True, metadata={"axes": "CYX"})
    assert_says(refusal(path), "found 2 channels")


def test_four_axes(folder):
    path = folder / "a.tif"
    tifffile.imwrite(path, voxels((2, 5, 24, 31)), imagej=True, metadata={"axes": "TZYX"})
    assert_says(refusal(path), "expected a 3D volume or a 2D image, found 4 axes TZYX", "(2, 5, 24, 31)", "time step")
    np.save(folder / "a.npy", voxels((2, 5, 24, 31)))
    assert_says(refusal(folder / "a.npy"), "found 4 axes of shape (2, 5, 24, 31)", "select one channel or time step")


def test_several_images(folder):
    path = folder / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(voxels(), metadata=None)
        file.write(voxels((8, 9)), metadata=None)
    assert_says(refusal(path), "found 2 images of different kinds (5 × 24 × 31, 8 × 9), expected one volume")


def test_zero_size_axis(folder):
    np.save(folder / "a.npy", np.zeros((4, 0, 5), np.uint8))
    assert_says(refusal(folder / "a.npy"), "an axis has no voxels, the shape is (4, 0, 5)")


# --- values ------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_float_image_with_nan(folder, value):
    path = folder / "a.tif"
    image = voxels(dtype=np.float32)
    image[2, 3, 4] = value
    tifffile.imwrite(path, image)
    for how in ({}, {"threshold": 0.5}, {"threshold": "otsu"}):
        assert_says(refusal(path, **how), "NaN or infinite values", "replace them, or exclude those voxels with a mask")


def test_float_image_with_fractions(folder):
    path = folder / "a.tif"
    tifffile.imwrite(path, np.random.default_rng(0).random((5, 6, 7), np.float32))
    assert_says(refusal(path), "found fractional grey values (float32, 0.0", "segment the image", "--threshold")


@pytest.mark.parametrize(("dtype", "number"), [(np.uint8, 17), (np.uint16, 300), (np.float32, 300), (np.int64, 70000)])
def test_more_than_sixteen_grey_values(folder, dtype, number):
    path = folder / "a.npy"
    np.save(path, np.arange(number).astype(dtype).reshape(1, 1, -1))
    found = f"found {number}{'+' if number > 65536 else ''} distinct grey values"
    assert_says(refusal(path), found, "expected at most 16", "threshold='otsu'", "--threshold")
    assert mc.read_volume(path, threshold="otsu").n_phases == 2


def test_phases_that_do_not_fit(folder):
    path = folder / "a.npy"
    np.save(path, voxels() * 255)
    assert_says(
        refusal(path, phases={"pore": 0, "solid": 1}), "grey values 255 are in the volume", "name every grey value"
    )
    assert_says(refusal(path, phases=["a", "b", "c"]), "3 phase names ['a', 'b', 'c'] for 2 grey values 0, 255")


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ({"a": 0, "b": 0}, "two phases have the same grey value"),
        ({"a": 0, "b": 0.5}, "expected a whole grey value for each name"),
        ({}, "expected a whole grey value for each name"),
        (["a", "a"], "expected different names"),
        (["a", ""], "expected different names, none empty"),
        (["a", "b|c"], "none with a '|'"),
        ("a=0,b", "found 'b', expected each name once"),
        ("a=0,a=1", "found 'a=1', expected each name once"),
        ("a=0,b=x", "found 'b=x', expected each name once"),
        ({str(k): k for k in range(17)}, "found 17 distinct grey values, expected at most 16"),
    ],
)
def test_phases_that_make_no_sense(phases, message):
    with pytest.raises(mc.InputError) as caught:
        mc.as_volume(voxels(), phases=phases)
    assert_says(str(caught.value), message)


def test_a_threshold_that_makes_no_sense():
    for threshold in ("otto", float("nan"), None, []):
        if threshold is not None:
            with pytest.raises(mc.InputError, match="expected 'otsu' or a grey value"):
                mc.as_volume(voxels(), threshold=threshold)
    with pytest.raises(mc.InputError, match=r"after the threshold the grey values are 0 \(up to 3\) and 1 \(above\)"):
        mc.as_volume(voxels(), threshold=3, phases={"pore": 0, "solid": 255})
    with pytest.raises(mc.InputError, match="segmented already"):
        mc.as_volume(mc.as_volume(voxels()), threshold=3)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2), complex), "found the data type complex128"),
        (np.array([["a", "b"]]), "expected integer grey values, found the data type <U1"),
        ([[1, 2], [3]], "cannot make an array of a list"),
        (np.arange(4), "expected a 3D volume or a 2D image, found 1 axes"),
        (np.full((2, 2), 1e30), "fractional|expected"),
    ],
)
def test_arrays_that_are_no_volume(array, message):
    with pytest.raises(mc.InputError, match=message):
        mc.as_volume(array)


def test_a_mask_or_grey_image_on_other_voxels(folder):
    np.save(folder / "a.npy", voxels())
    np.save(folder / "other.npy", voxels((5, 24, 30)))
    for what, name in (("mask", "mask"), ("grey", "grey image")):
        message = refusal(folder / "a.npy", **{what: folder / "other.npy"}, crop="0:2,0:2,0:2")
        assert_says(message, f"the {name} has shape (5, 24, 30), the volume (5, 24, 31)", "same voxels")
        with pytest.raises(mc.InputError, match=f"the {name} has shape"):
            mc.as_volume(voxels(), **{what: voxels((5, 24, 30))})


def test_a_mask_of_nothing(folder):
    np.save(folder / "a.npy", voxels())
    assert_says(refusal(folder / "a.npy", mask=np.zeros(SHAPE)), "the mask is zero everywhere", "nonzero where voxels")


def test_a_grey_image_with_nan():
    grey = np.zeros(SHAPE)
    grey[0, 0, 0] = np.nan
    with pytest.raises(mc.InputError, match="grey image: the image holds NaN"):
        mc.as_volume(voxels(), grey=grey)
    with pytest.raises(mc.InputError, match="grey image: expected numbers"):
        mc.as_volume(voxels(), grey=grey.astype(complex))


# --- crop --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crop", "message"),
    [
        ("0:100,:,:", "cannot crop 0:100 along axis 0, which has 5 voxels"),
        (":,24:,:", "cannot crop 24:24 along axis 1, which has 24 voxels"),
        ("x=5:2", "cannot crop 5:2 along axis 2, which has 31 voxels"),
        (":,:,-32:", "cannot crop -32:31 along axis 2"),
        (np.s_[:, :, 0:40], "cannot crop 0:40 along axis 2"),
    ],
)
def test_a_crop_outside_the_volume(folder, crop, message):
    np.save(folder / "a.npy", voxels())
    assert_says(refusal(folder / "a.npy", crop=crop), message)


@pytest.mark.parametrize(
    ("crop", "message"),
    [
        ("0:2,0:2", "expected 3 ranges, one for each axis, found 2"),
        ("0:2", "expected 3 ranges"),
        ("0:2:2,:,:", "expected a range for each axis"),
        ("1,:,:", "expected a range for each axis"),
        ("", "expected a range for each axis"),
        ("z=0:2,:", "expected a range for each axis"),
        ("z=0:2,0=0:3", "expected a range for each axis"),
        ("w=0:2", "or named ones, 'z=0:100'"),
        ((slice(0, 2, 2), slice(None), slice(None)), "expected slices without a step"),
        ((0, 1, 2), "expected slices without a step"),
    ],
)
def test_a_crop_that_cannot_be_understood(folder, crop, message):
    np.save(folder / "a.npy", voxels())
    with pytest.raises(mc.InputError) as caught:
        mc.read_volume(folder / "a.npy", crop=crop)
    assert_says(str(caught.value), "crop=", message)


# --- slices ------------------------------------------------------------------


def test_folder_without_images(folder):
    (folder / "notes.txt").write_text("nothing here")
    assert_says(refusal(folder), "no images in this folder of 1 files", "expected slices as .tif, .tiff, .png")


def test_glob_without_files(folder):
    assert_says(refusal(f"{folder}/*.png"), "no file matches", "expected a glob of 2D slices")


def test_folder_of_two_kinds(folder):
    Image.fromarray(voxels()[0]).save(folder / "a.png")
    tifffile.imwrite(folder / "b.tif", voxels()[0])
    assert_says(refusal(folder), "holds 1 PNG and 1 TIFF files", f"with a glob, as in '{folder}/*.tif'")


@pytest.mark.parametrize("other", [voxels((24, 30)), voxels((24, 31), np.uint16)], ids=["shape", "type"])
def test_slices_that_differ(folder, other):
    for place, plane in enumerate([voxels()[0], voxels()[1], other]):
        tifffile.imwrite(folder / f"slice{place}.tif", plane)
    with pytest.raises(mc.InputError) as caught:
        mc.read_volume(folder)
    found = f"this slice has shape {other.shape} and type {other.dtype}, those before it (24, 31) and uint8"
    assert_says(str(caught.value), str(folder / "slice2.tif"), found, "all slices must be alike")


def test_slices_that_are_volumes(folder):
    tifffile.imwrite(folder / "scan.tif", voxels(), photometric="minisblack")
    with pytest.raises(mc.InputError) as caught:
        mc.read_volume(folder)
    assert_says(
        str(caught.value), str(folder / "scan.tif"), "expected a 2D slice", "(5, 24, 31)", "read the file itself"
    )


def test_a_bad_slice_is_named(folder):
    tifffile.imwrite(folder / "slice1.tif", voxels()[0])
    (folder / "slice2.tif").touch()
    with pytest.raises(mc.InputError) as caught:
        mc.read_volume(folder)
    assert_says(str(caught.value), str(folder / "slice2.tif"), "empty")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_colour_png(folder, mode):
    path = folder / "a.png"
    Image.fromarray(voxels()[0]).convert(mode).save(path)
    assert_says(refusal(path), f"found a colour image ({mode}, {len(mode)} values per pixel)", "8-bit grey")


def test_truncated_png(folder):
    path = folder / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)).save(path)
    whole = path.read_bytes()
    for cut in (*range(1, 60), len(whole) // 2):
        path.write_bytes(whole[:cut])
        message = refusal(path)
        assert "truncated or damaged" in message or "not a PNG image" in message


def test_png_of_too_many_pixels(folder):
    path = folder / "a.png"
    Image.fromarray(voxels()[0]).save(path)
    huge = bytearray(path.read_bytes())
    huge[16:24] = struct.pack(">II", 10**6, 10**6)
    huge[29:33] = struct.pack(">I", zlib.crc32(huge[12:29]))
    path.write_bytes(bytes(huge))
    assert_says(refusal(path), "too large for PNG", "1000000000000 pixels", "save it as TIFF")


# --- NumPy and raw -----------------------------------------------------------


def test_truncated_npy(folder):
    path = folder / "a.npy"
    np.save(path, voxels())
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    says = ["promises 5 × 24 × 31 = 3720 voxels", f"it would have {len(whole)} bytes, and has {len(whole) - 1}"]
    assert_says(refusal(path), *says, "truncated or damaged")
    path.write_bytes(whole[:40])
    assert_says(refusal(path), "not a NumPy array file", "save it again with np.save")


@pytest.mark.parametrize(
    ("array", "found"), [(np.array([[{}, None]]), "Python objects"), (np.zeros((2, 2), [("a", int)]), "records")]
)
def test_objects_are_not_loaded(folder, array, found):
    np.save(folder / "a.npy", array, allow_pickle=True)
    np.savez(folder / "a.npz", array)
    for name in ("a.npy", "a.npz"):
        message = refusal(folder / name)
        assert_says(message, f"holds {found}, expected an array of numbers", "loads no pickles", "np.save")


def test_archive_of_several_arrays(folder):
    path = folder / "a.npz"
    np.savez(path, real=voxels(), fake=voxels())
    assert_says(refusal(path), "holds 2 arrays (fake, real), expected one", f"name one, as in '{path}:fake'")
    with pytest.raises(mc.InputError, match="has no array 'none'; it holds fake, real"):
        mc.read_volume(f"{path}:none")
    np.savez(path)
    assert_says(refusal(path), "holds 0 arrays")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_truncated_archive(folder, save):
    path = folder / "a.npz"
    save(path, voxels())
    whole = path.read_bytes()
    for cut in (5, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert_says(refusal(path), "not a NumPy archive, or damaged", "np.savez_compressed")


def test_archive_that_promises_too_much(folder):
    import zipfile

    path = folder / "a.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("a.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (10**4,) * 3})
    assert_says(refusal(path), "promises 10000 × 10000 × 10000 = 1e+12 voxels of type uint8", "931.3 GiB")


def test_raw_without_shape(folder):
    path = folder / "a.raw"
    voxels().tofile(path)
    for how in ({}, {"shape": SHAPE}, {"dtype": "u1"}):
        assert_says(refusal(path, **how), "give shape= and dtype=", "--shape 400,400,400", "the file has 3720 bytes")


def test_raw_of_another_shape(folder):
    path = folder / "a.raw"
    voxels().tofile(path)
    assert_says(
        refusal(path, shape=(5, 24, 32), dtype="u1"),
        "shape (5, 24, 32) of uint8 needs 3840 bytes, the file has 3720",
        "check shape and dtype",
    )


@pytest.mark.parametrize("shape", ["5,24", "5,x,31", (5, 24, 0), (1, 2, 3, 4), 5, "5x24x31"])
def test_shape_that_makes_no_sense(folder, shape):
    (folder / "a.raw").write_bytes(b"x" * 7)
    with pytest.raises(mc.InputError, match=r"expected two or three whole numbers|needs 120 bytes, the file has 7"):
        mc.read_volume(folder / "a.raw", shape=shape, dtype="u1")


@pytest.mark.parametrize("dtype", ["voxels", "O", "S1", "V2", "c8"])
def test_dtype_that_makes_no_sense(folder, dtype):
    (folder / "a.raw").write_bytes(b"x")
    with pytest.raises(mc.InputError, match=f"dtype='{dtype}': expected a type of numbers, such as uint8"):
        mc.read_volume(folder / "a.raw", shape=(1, 1, 1), dtype=dtype)


# --- writing -----------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(folder, suffix, monkeypatch):
    path = folder / f"a{suffix}"
    mc.write_volume(voxels(), path)
    old = path.read_bytes()

    def full(*arguments, **keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(mc.InputError, match=r"a\.\w+: cannot be written \(No space left on device\)"):
        mc.write_volume(1 - voxels(), path)
    assert path.read_bytes() == old
    assert list(folder.iterdir()) == [path]


def test_an_interrupted_write_leaves_nothing(folder, monkeypatch):
    def interrupted(file, *arguments, **keywords):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(tifffile, "imwrite", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mc.write_volume(voxels(), folder / "a.tif")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".npz", ".raw", ".jpg", ""])
def test_formats_that_are_not_written(folder, suffix):
    with pytest.raises(mc.InputError, match=r"microchar writes .*\.npy, \.nrrd, \.tif, \.tiff, \.vti, \.zarr only"):
        mc.write_volume(voxels(), folder / f"a{suffix}")
    assert list(folder.iterdir()) == []


def test_writing_into_no_folder(folder):
    with pytest.raises(
        mc.InputError, match=r"a\.tif: the folder .*none does not exist; make it first, or choose another one"
    ):
        mc.write_volume(voxels(), folder / "none" / "a.tif")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2, 2, 2)), "found 4 axes"),
        (np.zeros((2, 2), complex), "expected numbers to write, found the data type complex128"),
        (np.array([[0, 2**40]]), "grey values from 0 to 1099511627776 do not fit in a TIFF; write .npy"),
    ],
)
def test_arrays_that_cannot_be_written(folder, array, message):
    with pytest.raises(mc.InputError, match=message):
        mc.write_volume(array, folder / "a.tif")
    assert list(folder.iterdir()) == []
