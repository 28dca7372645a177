"""Files of all formats that are read by regions, written by other means than ours."""

from __future__ import annotations

import numpy as np
import tifffile

from images import write_slices


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
