"""Formats of other fields (NRRD, NIfTI, MetaImage, HDF5, MATLAB, Zarr, VTK): what peers wrote is read, and back."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image as Pillow

import microchar as mc
from microchar.core.errors import InputError, MissingDependencyError

pytestmark = pytest.mark.oracle

WRITTEN = (".nrrd", ".h5", ".zarr", ".vti")


def voxels(shape=(5, 6, 7), dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 3, shape).astype(dtype)


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 6, 7), (5, 1, 7), (5, 6, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
def test_what_is_written_is_read(tmp_path, suffix, shape, dtype):
    phases = {"pore": 0, "binder, wet": 1, "grain": 2}
    volume = mc.as_volume(voxels(shape, dtype), phases=phases, voxel_size=("0.4um", "0.5um", "0.398um"))
    path = tmp_path / f"a{suffix}"
    mc.write_volume(volume, path)
    again = mc.read_volume(path)
    assert np.array_equal(again.values, volume.values)
    assert again.shape == shape
    assert again.phases == volume.phases
    assert again.voxel_size == pytest.approx(volume.voxel_size, rel=1e-12)
    assert again.unit == "um"
    mc.write_volume(volume, path)  # replaces it
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_folder_of_other_files_is_not_replaced(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.mkdir()
    (path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is a folder of other files"):
        mc.write_volume(voxels(), path)
    assert (path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_volume_without_a_voxel_size_comes_back_without(tmp_path, suffix):
    mc.write_volume(voxels(), tmp_path / f"a{suffix}")
    volume = mc.read_volume(tmp_path / f"a{suffix}")
    assert (volume.unit, volume.voxel_size, volume.phases) == ("voxel", (1, 1, 1), ("0", "1", "2"))


def test_nrrd_by_pynrrd(tmp_path):
    import nrrd

    image = voxels(dtype=np.uint16)
    for name, header in {
        "raw": {"spacings": [0.5, 0.6, 0.7], "units": ["mm", "mm", "mm"], "encoding": "raw"},
        "gzip": {"spacings": [0.5, 0.6, 0.7], "units": ["mm", "mm", "mm"], "encoding": "gzip"},
    }.items():
        nrrd.write(str(tmp_path / f"{name}.nrrd"), image, header, index_order="C")
        volume = mc.read_volume(tmp_path / f"{name}.nrrd")
        assert np.array_equal(volume.values, image)
        assert (volume.voxel_size, volume.unit) == ((0.7, 0.6, 0.5), "mm")
    nrrd.write(str(tmp_path / "b.nhdr"), image, {"encoding": "raw"}, index_order="C", detached_header=True)
    assert np.array_equal(mc.read_volume(tmp_path / "b.nhdr").values, image)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_by_nibabel(tmp_path, name):
    import nibabel

    image = voxels(dtype=np.int16)
    made = nibabel.Nifti1Image(image.T, np.diag([0.5, 0.6, 0.7, 1.0]))
    made.header.set_xyzt_units("micron")
    made.to_filename(tmp_path / name)
    volume = mc.read_volume(tmp_path / name)
    assert np.array_equal(volume.values, image)
    assert volume.voxel_size == pytest.approx((0.7, 0.6, 0.5), rel=1e-6)
    assert (volume.unit, volume.name) == ("um", "a")


@pytest.mark.parametrize("name", ["a.mha", "a.mhd"])
def test_metaimage_by_simpleitk(tmp_path, name):
    import SimpleITK as itk

    image = voxels()
    made = itk.GetImageFromArray(image)
    made.SetSpacing((0.5, 0.6, 0.7))
    itk.WriteImage(made, str(tmp_path / name))
    volume = mc.read_volume(tmp_path / name)
    assert np.array_equal(volume.values, image)
    assert (volume.voxel_size, volume.unit) == ((0.7, 0.6, 0.5), "mm")
    assert any("millimetres are assumed" in note for note in volume.notes)


def test_hdf5_by_h5py(tmp_path):
    import h5py

    image, other = voxels(), voxels((4, 4, 4))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw/labels"] = image
        file["raw/labels"].attrs["element_size_um"] = (0.7, 0.6, 0.5)
        file["text"] = "no array"
    volume = mc.read_volume(tmp_path / "a.h5")
    assert np.array_equal(volume.values, image)
    assert (volume.voxel_size, volume.unit) == ((0.7, 0.6, 0.5), "um")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["other"] = other
    assert np.array_equal(mc.read_volume(f"{tmp_path}/a.h5::other").values, other)
    assert np.array_equal(mc.read_volume(f"{tmp_path}/a.h5::/raw/labels").values, image)
    with pytest.raises(InputError, match=r"expected one array.*name one, as in '.*a\.h5::other'"):
        mc.read_volume(tmp_path / "a.h5")
    with pytest.raises(InputError, match="has no array 'none'; it holds other, raw/labels"):
        mc.read_volume(f"{tmp_path}/a.h5::none")


def test_matlab_5_and_7_3(tmp_path):
    import h5py
    from scipy.io import savemat

    image = voxels()
    savemat(tmp_path / "five.mat", {"labels": image, "name": "rock", "size": 3.0})
    with h5py.File(tmp_path / "seven.mat", "w", userblock_size=512) as file:
        file["labels"] = image.T
    with (tmp_path / "seven.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(128))
    for name in ("five.mat", "seven.mat", "five.mat::labels"):
        assert np.array_equal(mc.read_volume(f"{tmp_path}/{name}").values, image)


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_by_zarr(tmp_path, version):
    import zarr

    image = voxels()
    zarr.create_array(str(tmp_path / "array.zarr"), data=image, zarr_format=version)
    assert np.array_equal(mc.read_volume(tmp_path / "array.zarr").values, image)
    group = zarr.open_group(str(tmp_path / "group.zarr"), mode="w", zarr_format=version)
    group.create_array("a/b", data=image)
    assert np.array_equal(mc.read_volume(tmp_path / "group.zarr").values, image)
    group.create_array("c", data=image[1:])
    assert np.array_equal(mc.read_volume(f"{tmp_path}/group.zarr::c").values, image[1:])


@pytest.mark.parametrize("nested", [False, True], ids=["0.4", "0.5"])
def test_the_full_resolution_of_an_ome_zarr_image_is_read(tmp_path, nested):
    import zarr

    image = voxels((6, 6, 8))
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [{"type": "scale", "scale": [1.0, 2.0 * f, 0.5 * f, 0.5 * f]}],
        }
        for level, f in enumerate((1, 2))
    ]
    about = {"multiscales": [{"axes": axes, "datasets": datasets}]}
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
    group.attrs.update({"ome": about} if nested else about)
    group.create_array("0", data=image[np.newaxis])
    group.create_array("1", data=image[np.newaxis, ::2, ::2, ::2])
    volume = mc.read_volume(tmp_path / "a.zarr")
    assert np.array_equal(volume.values, image)
    assert (volume.voxel_size, volume.unit) == ((2.0, 0.5, 0.5), "um")


def test_vti_by_pyvista(tmp_path):
    import pyvista

    image = voxels()
    grid = pyvista.ImageData(dimensions=image.shape[::-1], spacing=(0.5, 0.6, 0.7))
    grid.point_data["labels"] = image.ravel()
    grid.save(str(tmp_path / "a.vti"))
    volume = mc.read_volume(tmp_path / "a.vti")
    assert np.array_equal(volume.values, image)
    assert (volume.voxel_size, volume.unit) == ((0.7, 0.6, 0.5), "voxel")


def test_bmp_and_jpeg_slices(tmp_path):
    image = (voxels((4, 16, 16)) == 1).astype(np.uint8) * 255
    for plane, values in enumerate(image):
        Pillow.fromarray(values).save(tmp_path / f"s{plane}.bmp")
    assert np.array_equal(mc.read_volume(tmp_path).values, image)
    flat = np.full((16, 16), 255, np.uint8)
    flat[8:] = 0  # whole blocks of JPEG, which are stored without loss
    Pillow.fromarray(flat).save(tmp_path / "flat.jpg", quality=100)
    volume = mc.read_volume(tmp_path / "flat.jpg")
    assert np.array_equal(volume.values[0], flat)
    assert any("JPEG compression changes grey values" in note for note in volume.notes)


DAMAGED = ("a.nrrd", "a.nii", "a.nii.gz", "a.mha", "a.h5", "a.mat", "a.vti", "a.bmp", "a.jpg")


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize(
    "content", [b"x", b"NRRD0004\n\n", b"MATLAB 5.0 MAT-file".ljust(128) + b"\0" * 90, b"\0" * 400]
)
def test_files_that_are_not_what_they_are_named_are_refused(tmp_path, name, content, capfd):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        mc.read_volume(tmp_path / name)


@pytest.mark.parametrize("suffix", [".nrrd", ".h5", ".vti"])
def test_truncated_files_are_refused(tmp_path, suffix, capfd):
    path = tmp_path / f"a{suffix}"
    mc.write_volume(voxels((16, 16, 16)), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(InputError):
        mc.read_volume(path)


@pytest.mark.parametrize(
    ("name", "module"),
    [("a.nrrd", "nrrd"), ("a.nii", "nibabel"), ("a.mha", "SimpleITK"), ("a.h5", "h5py"), ("a.vti", "pyvista")],
)
def test_a_missing_package_is_named_with_the_extra(tmp_path, monkeypatch, name, module):
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=rf'needs {module}.*pip install "microchar\[formats\]"'):
        mc.read_volume(tmp_path / name)


def test_raw_voxels_behind_a_header_and_of_any_suffix(tmp_path):
    image = voxels(dtype=np.uint16)
    for name in ("a.raw", "a.dat", "a"):
        (tmp_path / name).write_bytes(b"header" + image.tobytes())
        volume = mc.read_volume(tmp_path / name, shape=image.shape, dtype="uint16", offset=6)
        assert np.array_equal(volume.values, image)
    with pytest.raises(InputError, match=r"needs 420 bytes, the file has 426.*--offset"):
        mc.read_volume(tmp_path / "a.raw", shape=image.shape, dtype="uint16")
    with pytest.raises(InputError, match="offset=-1"):
        mc.read_volume(tmp_path / "a.raw", shape=image.shape, dtype="uint16", offset=-1)


def test_a_grey_value_outside(tmp_path):
    image = voxels()
    np.save(tmp_path / "a.npy", image)
    volume = mc.read_volume(tmp_path / "a.npy", outside=2)
    assert np.array_equal(volume.mask, image != 2)
    assert volume.phases == ("0", "1")
