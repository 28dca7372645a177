"""What is written is read again; a write that fails leaves what was there."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile

import microchar as mc
from images import base_of, binary_voxels, voxels


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(7, 9, 11), (1, 7, 13), (7, 1, 13), (7, 13, 1), (3, 5, 7), (5, 7, 3), (1, 1, 1)])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32, np.int32, np.int64, np.float64, np.float16])
@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_what_is_written_is_read(tmp_path, shape, dtype, suffix):
    image = voxels(shape, dtype, greys=(0, 1))
    mc.write_volume(image, tmp_path / f"a{suffix}", voxel_size="0.4,0.5,0.398um" if suffix == ".tif" else None)
    volume = mc.read_volume(tmp_path / f"a{suffix}")
    assert volume.shape == shape
    assert np.array_equal(volume.values, image)
    if suffix == ".tif":
        assert (volume.voxel_size, volume.unit) == ((0.4, 0.5, 0.398), "um")
        assert isinstance(base_of(volume.values), np.memmap) or dtype in (np.float16, np.float32, np.float64)


@pytest.mark.oracle
def test_a_volume_is_written_as_stored_with_its_voxel_size(tmp_path):
    volume = mc.as_volume(voxels(), voxel_size="1,1,2um", phases="a,b,c")
    mc.write_volume(volume, tmp_path / "a.tif")
    again = mc.read_volume(tmp_path / "a.tif")
    assert np.array_equal(again.values, volume.values)
    assert (again.voxel_size, again.unit, again.phases) == ((1, 1, 2), "um", ("0", "3", "9"))
    mc.write_volume(volume, tmp_path / "a.tif", unit="nm")
    assert mc.read_volume(tmp_path / "a.tif").voxel_size == (1000, 1000, 2000)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("given", "lost"),
    [
        ({"voxel_size": "1um"}, "voxel size"),
        ({"phases": "a,b,c"}, "phase names"),
        ({"voxel_size": "1,1,2", "phases": "a,b,c"}, "voxel size and the phase names"),
    ],
)
def test_npy_warns_of_what_it_does_not_keep(tmp_path, given, lost):
    volume = mc.as_volume(voxels(), **given)
    with pytest.warns(UserWarning, match=rf"a\.npy: NumPy files do not keep the {lost}$"):
        mc.write_volume(volume, tmp_path / "a.npy")
    assert np.array_equal(np.load(tmp_path / "a.npy"), volume.values)
    mc.write_volume(mc.as_volume(voxels()), tmp_path / "a.npy")  # nothing is lost: no warning


@pytest.mark.oracle
def test_writing_replaces_a_file_that_is_being_read(tmp_path):
    path = tmp_path / "a.tif"
    mc.write_volume(voxels(seed=1), path)
    before = mc.read_volume(path)
    mc.write_volume(before.values[::-1], path)
    assert np.array_equal(before.values, voxels(seed=1))
    assert np.array_equal(mc.read_volume(path).values, voxels(seed=1)[::-1])
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.property
@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"a{suffix}"
    mc.write_volume(binary_voxels(), path)
    old = path.read_bytes()

    def full(*arguments, **keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(mc.InputError, match=r"a\.\w+: cannot be written \(No space left on device\)"):
        mc.write_volume(1 - binary_voxels(), path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.property
def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(file, *arguments, **keywords):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(tifffile, "imwrite", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mc.write_volume(binary_voxels(), tmp_path / "a.tif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.property
@pytest.mark.parametrize("suffix", [".png", ".npz", ".raw", ".jpg", ""])
def test_formats_that_are_not_written(tmp_path, suffix):
    with pytest.raises(mc.InputError, match=r"microchar writes .*\.npy, \.nrrd, \.tif, \.tiff, \.vti, \.zarr only"):
        mc.write_volume(binary_voxels(), tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.property
def test_writing_into_no_folder(tmp_path):
    with pytest.raises(
        mc.InputError, match=r"a\.tif: the folder .*none does not exist; make it first, or choose another one"
    ):
        mc.write_volume(binary_voxels(), tmp_path / "none" / "a.tif")


@pytest.mark.property
@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2, 2, 2)), "found 4 axes"),
        (np.zeros((2, 2), complex), "expected numbers to write, found the data type complex128"),
        (np.array([[0, 2**40]]), "grey values from 0 to 1099511627776 do not fit in a TIFF; write .npy"),
    ],
)
def test_arrays_that_cannot_be_written(tmp_path, array, message):
    with pytest.raises(mc.InputError, match=message):
        mc.write_volume(array, tmp_path / "a.tif")
    assert list(tmp_path.iterdir()) == []
