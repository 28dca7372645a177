"""A crop reads its part of a file and no more, in all formats that offer parts."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

import microchar as mc
from images import SHAPE, voxels, write_slices
from microchar.core.errors import InputError

CROP, BOX = "2:5,1:8,3:11", np.s_[2:5, 1:8, 3:11]


def write_zlib(path, image):
    tifffile.imwrite(path, image, photometric="minisblack", compression="zlib")


def write_tiles(path, image):
    tifffile.imwrite(path, image, photometric="minisblack", compression="zlib", tile=(16, 16))


def write_loop(path, image):
    with tifffile.TiffWriter(path) as file:
        for plane in image:
            file.write(plane, contiguous=False)


def write_mapped(path, image):
    tifffile.imwrite(path, image, photometric="minisblack")


def write_hdf5(path, image):
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("labels", data=image, chunks=(2, 4, 4), compression="gzip")


def write_matlab(path, image):
    write_hdf5(path, image.T)
    with path.open("r+b") as file:
        assert file.read(8) == b"\x89HDF\r\n\x1a\n"  # HDF5 without MATLAB's text in front of it


def write_zarr(path, image):
    import zarr

    zarr.create_array(str(path), data=image, chunks=(2, 4, 4))


def write_nrrd(path, image):
    import nrrd

    nrrd.write(str(path), image, {"encoding": "raw"}, index_order="C")


def write_nifti(path, image):
    import nibabel

    nibabel.Nifti1Image(image.T, np.eye(4)).to_filename(path)


def write_metaimage(path, image):
    import SimpleITK as itk

    itk.WriteImage(itk.GetImageFromArray(image), str(path))


WRITERS = {
    "zlib.tif": write_zlib,
    "tiles.tif": write_tiles,
    "loop.tif": write_loop,
    "mapped.tif": write_mapped,
    "slices": write_slices,
    "a.npy": np.save,
    "a.raw": lambda path, image: image.tofile(path),
    "a.h5": write_hdf5,
    "a.mat": write_matlab,
    "a.zarr": write_zarr,
    "a.nrrd": write_nrrd,
    "a.nii": write_nifti,
    "a.nii.gz": write_nifti,
    "a.mha": write_metaimage,
}


def written(folder, name, image):
    """Write an image by other means than ours; return the path, and how to read it."""
    WRITERS[name](folder / name, image)
    return folder / name, {"shape": image.shape, "dtype": image.dtype} if name == "a.raw" else {}


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
