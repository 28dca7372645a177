"""NumPy files, archives of them, and raw voxels."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import microchar as mc
from images import BINARY_SHAPE, SHAPE, assert_says, base_of, binary_voxels, refusal, voxels


@pytest.mark.oracle
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<i8", "f4", "?"])
def test_npy_is_mapped(tmp_path, order, dtype):
    image = voxels(dtype=dtype, greys=(0, 1))
    np.save(tmp_path / "a.npy", np.asarray(image, order=order))
    volume = mc.read_volume(tmp_path / "a.npy")
    assert np.array_equal(volume.read(), image)
    assert isinstance(base_of(volume.values), np.memmap) or dtype == "f4"


@pytest.mark.oracle
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


@pytest.mark.oracle
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


@pytest.mark.oracle
def test_reading_numpy_files_loads_no_other_library(tmp_path):
    np.save(tmp_path / "a.npy", voxels())
    heavy = ["tifffile", "PIL", "imagecodecs", "skimage", "scipy", "numba", "pandas", "matplotlib", "torch"]
    code = f"import sys, microchar as mc; mc.read_volume(sys.argv[1]); sys.exit(set(sys.modules) & set({heavy}) or 0)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.npy")], check=True)


@pytest.mark.property
def test_truncated_npy(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, binary_voxels())
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    says = ["declares 5 × 24 × 31 = 3720 voxels", f"it would have {len(whole)} bytes, and has {len(whole) - 1}"]
    assert_says(refusal(path), *says, "truncated or damaged")
    path.write_bytes(whole[:40])
    assert_says(refusal(path), "not a NumPy array file", "save it again with np.save")


@pytest.mark.property
@pytest.mark.parametrize(
    ("array", "found"), [(np.array([[{}, None]]), "Python objects"), (np.zeros((2, 2), [("a", int)]), "records")]
)
def test_objects_are_not_loaded(tmp_path, array, found):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    np.savez(tmp_path / "a.npz", array)
    for name in ("a.npy", "a.npz"):
        message = refusal(tmp_path / name)
        assert_says(message, f"holds {found}, expected an array of numbers", "loads no pickles", "np.save")


@pytest.mark.property
def test_archive_of_several_arrays(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, real=binary_voxels(), fake=binary_voxels())
    assert_says(refusal(path), "holds 2 arrays (fake, real), expected one", f"name one, as in '{path}:fake'")
    with pytest.raises(mc.InputError, match="has no array 'none'; it holds fake, real"):
        mc.read_volume(f"{path}:none")
    np.savez(path)
    assert_says(refusal(path), "holds 0 arrays")


@pytest.mark.property
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_truncated_archive(tmp_path, save):
    path = tmp_path / "a.npz"
    save(path, binary_voxels())
    whole = path.read_bytes()
    for cut in (5, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert_says(refusal(path), "not a NumPy archive, or damaged", "np.savez_compressed")


@pytest.mark.property
def test_archive_that_promises_too_much(tmp_path):
    import zipfile

    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("a.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (10**4,) * 3})
    assert_says(refusal(path), "declares 10000 × 10000 × 10000 = 1e+12 voxels of type uint8", "931.3 GiB")


@pytest.mark.property
def test_raw_without_shape(tmp_path):
    path = tmp_path / "a.raw"
    binary_voxels().tofile(path)
    for how in ({}, {"shape": BINARY_SHAPE}, {"dtype": "u1"}):
        assert_says(refusal(path, **how), "give shape= and dtype=", "--shape 400,400,400", "the file has 3720 bytes")


@pytest.mark.property
def test_raw_of_another_shape(tmp_path):
    path = tmp_path / "a.raw"
    binary_voxels().tofile(path)
    assert_says(
        refusal(path, shape=(5, 24, 32), dtype="u1"),
        "shape (5, 24, 32) of uint8 needs 3840 bytes, the file has 3720",
        "check shape and dtype",
    )


@pytest.mark.property
@pytest.mark.parametrize("shape", ["5,24", "5,x,31", (5, 24, 0), (1, 2, 3, 4), 5, "5x24x31"])
def test_shape_that_makes_no_sense(tmp_path, shape):
    (tmp_path / "a.raw").write_bytes(b"x" * 7)
    with pytest.raises(mc.InputError, match=r"expected two or three whole numbers|needs 120 bytes, the file has 7"):
        mc.read_volume(tmp_path / "a.raw", shape=shape, dtype="u1")


@pytest.mark.property
@pytest.mark.parametrize("dtype", ["voxels", "O", "S1", "V2", "c8"])
def test_dtype_that_makes_no_sense(tmp_path, dtype):
    (tmp_path / "a.raw").write_bytes(b"x")
    with pytest.raises(mc.InputError, match=f"dtype='{dtype}': expected a type of numbers, such as uint8"):
        mc.read_volume(tmp_path / "a.raw", shape=(1, 1, 1), dtype=dtype)
