"""Volumes whose voxels stay on disk: read box by box, here or elsewhere, they are the volumes that are read at once."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import microchar as mc
from images import voxels
from microchar.core.errors import InputError
from microchar.core.stored_voxels import StoredVoxels
from microchar.io import source
from region_files import WRITERS, written

#: Formats of which only the whole can be read.
WHOLE = ("a.nii", "a.nii.gz", "a.mha")


def same(found, expected):
    """Assert that two volumes have equal voxels and say the same of them."""
    for what in ("phases", "grey_values", "voxel_size", "unit", "name", "notes", "shape"):
        assert getattr(found, what) == getattr(expected, what)
    assert np.array_equal(found.read(), expected.read())
    assert np.array_equal(found.read((1, 0, 2), (3, 4, 5)), expected.read((1, 0, 2), (3, 4, 5)))
    assert np.array_equal(found.read((-2, 0, 0), (9, 3, 12)), expected.read((-2, 0, 0), (9, 3, 12)))
    assert np.array_equal(found.grey_levels(), expected.grey_levels())


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", WRITERS)
def test_a_pickle_of_a_volume_on_disk_reads_the_same_voxels(tmp_path, name, dtype):
    path, how = written(tmp_path, name, voxels(dtype=dtype))
    for given in ({}, {"crop": "2:5,1:8,3:11"}, {"threshold": 100}, {"outside": 0}):
        expected, volume = (mc.read_volume(path, on_disk=on_disk, **how, **given) for on_disk in (False, True))
        same(pickle.loads(pickle.dumps(volume)), expected)
        if volume.shape == (3, 7, 8):
            same(pickle.loads(pickle.dumps(volume)).crop((0, 1, 2), (3, 6, 8)), expected.crop((0, 1, 2), (3, 6, 8)))
        if name not in WHOLE:
            assert isinstance(volume.values, StoredVoxels)


@pytest.mark.property
def test_the_pickle_holds_no_voxels(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 2, (64, 64, 64), np.uint8))
    assert len(pickle.dumps(mc.read_volume(tmp_path / "a.npy", on_disk=True))) < 2000


@pytest.mark.oracle
def test_numbers_that_are_stored_as_floats_or_bools_are_whole_where_they_are_read(tmp_path):
    image = voxels(greys=(0, 1))
    for dtype in (np.float32, bool, ">i4"):
        np.save(tmp_path / "a.npy", image.astype(dtype))
        volume = mc.read_volume(tmp_path / "a.npy", on_disk=True)
        assert volume.values[:].dtype.kind in "iu"
        same(volume, mc.read_volume(tmp_path / "a.npy"))


@pytest.mark.oracle
def test_a_grey_image_stays_on_disk_beside_its_labels(tmp_path):
    np.save(tmp_path / "a.npy", voxels(greys=(0, 1)))
    np.save(tmp_path / "grey.npy", voxels(dtype=np.uint16, seed=1))
    given = {"grey": tmp_path / "grey.npy", "crop": "1:4,:,:"}
    volume = pickle.loads(pickle.dumps(mc.read_volume(tmp_path / "a.npy", on_disk=True, **given)))
    same(volume, mc.read_volume(tmp_path / "a.npy", **given))


@pytest.mark.oracle
def test_slices_of_voxels_on_disk_are_those_of_an_array(tmp_path):
    image = voxels()
    np.save(tmp_path / "a.npy", image)
    stored = mc.read_volume(tmp_path / "a.npy", on_disk=True).values
    for key in (
        np.s_[1:3],
        np.s_[:, 2:],
        np.s_[::2, ::3, 1::4],
        np.s_[5:2],
        np.s_[3],
        np.s_[:, -1],
        np.s_[..., 2],
        image > 0,
    ):
        assert np.array_equal(stored[key], image[key])
    assert (len(stored), stored.ndim, stored.size) == (len(image), 3, image.size)


@pytest.mark.property
def test_a_file_that_has_changed_is_refused_where_it_is_read(tmp_path):
    np.save(tmp_path / "a.npy", voxels())
    volume = mc.read_volume(tmp_path / "a.npy", on_disk=True)
    np.save(tmp_path / "a.npy", voxels(shape=(8, 9, 11)))
    with pytest.raises(InputError, match="has changed since it was opened"):
        volume.crop((0, 0, 0), (2, 2, 2)).read()


@pytest.mark.oracle
@pytest.mark.parametrize("name", [name for name in WRITERS if name not in WHOLE])
def test_voxels_of_a_large_file_are_unpacked_into_a_temporary_one(name, tmp_path, monkeypatch):
    image = voxels()
    path, how = written(tmp_path, name, image)
    monkeypatch.setattr("microchar.core.scratch.IN_MEMORY", 0)
    monkeypatch.setattr("microchar.io.image._PIECE", 2 * image[0].nbytes)
    volume = mc.read_volume(path, crop="1:,:,2:", **how)
    assert np.array_equal(volume.values, image[1:, :, 2:])
    base = volume.values
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert base is not None, "the voxels are in memory"


@pytest.mark.property
def test_a_file_that_is_replaced_while_it_is_read_is_refused_as_changed(tmp_path, monkeypatch):
    path, other = tmp_path / "a.tif", tmp_path / "b.tif"
    mc.write_volume(voxels(greys=(0, 1)), path)
    mc.write_volume(voxels(greys=(0, 1))[:3], other)
    volume = mc.read_volume(path, on_disk=True)
    open_file = source.read_image

    def replace_and_open(*arguments):
        other.replace(path)
        return open_file(*arguments)

    source._opened.cache_clear()
    monkeypatch.setattr(source, "read_image", replace_and_open)
    with pytest.raises(InputError, match="has changed since it was opened"):
        volume.read()
