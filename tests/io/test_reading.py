"""What goes with a volume of any format: crop, mask, grey image, phases, source; files and values that are refused."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import microchar as mc
from images import BINARY_SHAPE, SHAPE, assert_says, binary_voxels, refusal, voxels, write_slices
from microchar.io.crop import crop_box

TOY = """
import numpy as np
from microchar.io.image import Image
FORMAT = "toy"
SUFFIXES = (".toy", ".toy/")
def read(path, options):
    files = [path / "slice.png"] if path.is_dir() else [path]
    return Image(np.eye(4, dtype=np.uint8), (1.0, 2.0, 3.0), "nm", "as toys are", ("a folder",) * path.is_dir(), files)
"""


@pytest.mark.oracle
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


@pytest.mark.oracle
def test_a_crop_of_an_image_may_leave_out_its_plane():
    assert crop_box("2:3,:", (1, 5, 6), "a") == np.s_[0:1, 2:3, 0:6]
    assert crop_box(":,2:3,:", (1, 5, 6), "a") == np.s_[0:1, 2:3, 0:6]


@pytest.mark.oracle
def test_the_grey_image_of_a_segmented_one_is_kept(tmp_path):
    grey = np.random.default_rng(0).normal(100, 30, SHAPE).astype(np.float32)
    mc.write_volume(grey, tmp_path / "a.tif")
    volume = mc.read_volume(tmp_path / "a.tif", threshold=100, phases="pore,solid", crop="1:4,:,:")
    assert np.array_equal(volume.read(), grey[1:4] > 100)
    assert np.array_equal(volume.grey_levels(), grey[1:4])
    assert any("segmented at the grey value 100" in note for note in volume.notes)


@pytest.mark.oracle
def test_phases_and_a_name_are_given(tmp_path):
    np.save(tmp_path / "a.npy", voxels())
    volume = mc.read_volume(tmp_path / "a.npy", phases={"pore": 0, "solid": 3, "binder": 9}, name="real")
    assert (volume.phases, volume.name) == (("pore", "solid", "binder"), "real")


@pytest.mark.oracle
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


@pytest.mark.oracle
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


@pytest.mark.property
def test_missing_file(tmp_path):
    assert_says(refusal(tmp_path / "none.tif"), "no such file or folder")
    assert_says(refusal(f"{tmp_path}/none.npz:key"), "no such file or folder")


@pytest.mark.property
@pytest.mark.parametrize("suffix", [".tif", ".npy", ".npz", ".png", ".raw"])
def test_empty_file(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.touch()
    assert_says(refusal(path, shape=(1, 1, 1), dtype="u1"), "the file is empty (0 bytes)", "copy or export it again")


@pytest.mark.property
@pytest.mark.parametrize("suffix", [".tif", ".npy", ".npz", ".png"])
def test_not_an_image(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("Dear professor,\nhere are the volumes.\n")
    assert_says(refusal(path), "not a")


@pytest.mark.property
def test_unknown_format(tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text("x")
    assert_says(refusal(path), "cannot tell the format by the name; microchar reads", ".tif", ".npy", ".raw", "folder")
    assert_says(refusal(path), 'some with pip install "microchar[formats]" only')


@pytest.mark.property
def test_unreadable_file(tmp_path, monkeypatch):
    path = tmp_path / "a.npy"
    np.save(path, binary_voxels())

    def denied(*arguments, **keywords):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert_says(refusal(path), "cannot be read (Permission denied)")


@pytest.mark.property
def test_zero_size_axis(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 0, 5), np.uint8))
    assert_says(refusal(tmp_path / "a.npy"), "an axis has no voxels, the shape is (4, 0, 5)")


@pytest.mark.property
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_float_image_with_nan(tmp_path, value):
    path = tmp_path / "a.tif"
    image = binary_voxels(dtype=np.float32)
    image[2, 3, 4] = value
    tifffile.imwrite(path, image)
    for how in ({}, {"threshold": 0.5}, {"threshold": "otsu"}):
        assert_says(refusal(path, **how), "NaN or infinite values", "replace them, or exclude those voxels with a mask")


@pytest.mark.property
def test_float_image_with_fractions(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.random.default_rng(0).random((5, 6, 7), np.float32))
    assert_says(refusal(path), "found fractional grey values (float32, 0.0", "segment the image", "--threshold")


@pytest.mark.property
@pytest.mark.parametrize(("dtype", "number"), [(np.uint8, 17), (np.uint16, 300), (np.float32, 300), (np.int64, 70000)])
def test_more_than_sixteen_grey_values(tmp_path, dtype, number):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(number).astype(dtype).reshape(1, 1, -1))
    found = f"found {number}{'+' if number > 65536 else ''} distinct grey values"
    assert_says(refusal(path), found, "expected at most 16", "threshold='otsu'", "--threshold")
    assert mc.read_volume(path, threshold="otsu").n_phases == 2


@pytest.mark.property
def test_phases_that_do_not_fit(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, binary_voxels() * 255)
    assert_says(
        refusal(path, phases={"pore": 0, "solid": 1}), "grey values 255 are in the volume", "name every grey value"
    )
    assert_says(refusal(path, phases=["a", "b", "c"]), "3 phase names ['a', 'b', 'c'] for 2 grey values 0, 255")


@pytest.mark.property
def test_a_mask_or_grey_image_on_other_voxels(tmp_path):
    np.save(tmp_path / "a.npy", binary_voxels())
    np.save(tmp_path / "other.npy", binary_voxels((5, 24, 30)))
    for what, name in (("mask", "mask"), ("grey", "grey image")):
        message = refusal(tmp_path / "a.npy", **{what: tmp_path / "other.npy"}, crop="0:2,0:2,0:2")
        assert_says(message, f"the {name} has shape (5, 24, 30), the volume (5, 24, 31)", "same shape")
        with pytest.raises(mc.InputError, match=f"the {name} has shape"):
            mc.as_volume(binary_voxels(), **{what: binary_voxels((5, 24, 30))})


@pytest.mark.property
def test_a_mask_of_nothing(tmp_path):
    np.save(tmp_path / "a.npy", binary_voxels())
    assert_says(
        refusal(tmp_path / "a.npy", mask=np.zeros(BINARY_SHAPE)), "the mask is zero everywhere", "nonzero where voxels"
    )


@pytest.mark.property
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
def test_a_crop_outside_the_volume(tmp_path, crop, message):
    np.save(tmp_path / "a.npy", binary_voxels())
    assert_says(refusal(tmp_path / "a.npy", crop=crop), message)


@pytest.mark.property
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
def test_a_crop_that_cannot_be_understood(tmp_path, crop, message):
    np.save(tmp_path / "a.npy", binary_voxels())
    with pytest.raises(mc.InputError) as caught:
        mc.read_volume(tmp_path / "a.npy", crop=crop)
    assert_says(str(caught.value), "crop=", message)
