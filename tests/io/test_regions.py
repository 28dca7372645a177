"""A crop reads its part of a file and no more, in all formats that offer parts."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

import microchar as mc
from images import SHAPE, voxels, write_slices
from microchar.core.errors import InputError
from region_files import WRITERS, write_zlib, written

CROP, BOX = "2:5,1:8,3:11", np.s_[2:5, 1:8, 3:11]


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", WRITERS)
def test_a_crop_is_the_part_of_the_whole(tmp_path, name, dtype):
    image = voxels(dtype=dtype)
    path, how = written(tmp_path, name, image)
    for crop, box in ((CROP, BOX), ("z=6:", np.s_[6:]), ("x=4:5", np.s_[:, :, 4:5]), (None, np.s_[:])):
        assert np.array_equal(mc.read_volume(path, crop=crop, **how).values, image[box])
    mask = voxels(dtype=np.uint8, greys=(0, 1), seed=1)
    WRITERS[name](tmp_path / f"mask{name}", mask)
    if name != "a.raw":
        volume = mc.read_volume(path, crop=CROP, mask=tmp_path / f"mask{name}")
        assert np.array_equal(volume.mask, mask[BOX] == 1)


@pytest.mark.property
@pytest.mark.parametrize("name", WRITERS)
def test_what_does_not_fit_into_memory_may_be_cropped(tmp_path, name, monkeypatch):
    """Only the bytes of the crop are asked for; files that are mapped stay on disk."""
    image = voxels()
    path, how = written(tmp_path, name, image)
    monkeypatch.setattr("microchar.io.image.physical_memory", lambda: 3 * 7 * 8)
    assert np.array_equal(mc.read_volume(path, crop=CROP, **how).values, image[BOX])
    if name in ("mapped.tif", "a.npy", "a.raw", "a.nrrd"):
        assert mc.read_volume(path, **how).shape == SHAPE
    else:
        with pytest.raises(InputError, match=r"declares 7 × 9 × 11 = 693 voxels.*into memory"):
            mc.read_volume(path, **how)


@pytest.mark.property
def test_pages_and_slices_outside_a_crop_are_not_read(tmp_path):
    image = voxels((7, 32, 32))
    write_zlib(tmp_path / "a.tif", image)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        place = file.pages[5].dataoffsets[0]
    with (tmp_path / "a.tif").open("r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 20)
    write_slices(tmp_path / "slices", image)
    (tmp_path / "slices" / "slice 6.png").write_bytes(b"damaged")
    for path in (tmp_path / "a.tif", tmp_path / "slices"):
        for crop, box in (("z=0:5", np.s_[:5]), ("z=6:", np.s_[6:])):
            assert np.array_equal(mc.read_volume(path, crop=crop).values, image[box])
        with pytest.raises(InputError, match=r"damaged|not a PNG"):
            mc.read_volume(path)


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(1, *SHAPE), (*SHAPE, 1), (1, 1, *SHAPE), (7, 1, 9, 11), (1, *SHAPE, 1)])
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.h5", "a.zarr", "a.nrrd", "a.mat"])
def test_axes_of_length_one_are_left_out_in_every_format(tmp_path, name, shape):
    """Batches, channels and time steps of one are the volume itself, whatever the file."""
    image = voxels(dtype=np.uint8)
    stored = image.reshape(shape)
    if name == "a.npz":
        np.savez(tmp_path / name, stored)
    elif name in ("a.h5", "a.mat", "a.zarr"):
        import h5py
        import zarr

        if name == "a.zarr":
            zarr.create_array(str(tmp_path / name), data=stored)
        else:
            with h5py.File(tmp_path / name, "w") as file:
                file["labels"] = stored.T if name == "a.mat" else stored
    else:
        WRITERS[name](tmp_path / name, stored)
    assert np.array_equal(mc.read_volume(tmp_path / name).values, image)
    assert np.array_equal(mc.read_volume(tmp_path / name, crop=CROP).values, image[BOX])


@pytest.mark.oracle
def test_arrays_masks_and_files_follow_the_same_rule(tmp_path):
    image, mask = voxels(), voxels(greys=(0, 1), seed=1)
    for stored in (image[np.newaxis], image[..., np.newaxis]):
        volume = mc.as_volume(stored, mask=mask[np.newaxis, ..., np.newaxis], grey=stored)
        assert np.array_equal(volume.values, image)
        assert np.array_equal(volume.mask, mask == 1)
        mc.write_volume(stored, tmp_path / "a.tif")
        assert np.array_equal(mc.read_volume(tmp_path / "a.tif", mask=mask[np.newaxis]).values, image)
    assert mc.as_volume(image[:1, np.newaxis]).shape == (1, 9, 11)
    for shape in ((2, *SHAPE), (2, 2, 2, 1, 2), (7,), ()):
        with pytest.raises(InputError, match=rf"found {len(shape)} axes"):
            mc.as_volume(np.zeros(shape, np.uint8))
