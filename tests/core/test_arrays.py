"""Arrays of other libraries become volumes with the mask and the voxel size that they carry."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError

pytestmark = pytest.mark.property


def test_the_mask_of_a_masked_array_is_the_mask():
    values = np.array([[[0, 1, 1, 1], [0, 0, 0, 1]]])
    array = np.ma.masked_array(values, mask=[[[0, 0, 0, 0], [0, 0, 1, 1]]])
    # 3 zeros among the 6 voxels inside the mask; 4 of 8 without the mask.
    assert mc.measure(array, "volume_fraction")["volume_fraction"].value(phase="0").value == 3 / 6
    array[..., 0] = np.ma.masked
    assert mc.measure(array, "volume_fraction")["volume_fraction"].value(phase="0").value == 1 / 4
    assert mc.as_volume(np.ma.masked_array(values)).mask is None


def test_both_masks_hold():
    array = np.ma.masked_array([[[0, 1, 1, 1]]], mask=[[[1, 0, 0, 0]]])
    volume = mc.as_volume(array, mask=[[[1, 1, 0, 1]]])
    assert volume.mask.tolist() == [[[False, True, False, True]]]


def test_a_grey_value_may_be_outside():
    array = np.array([[[255, 0, 1, 255]]])
    volume = mc.as_volume(array, outside=255)
    assert volume.phases == ("0", "1")
    assert volume.mask.tolist() == [[[False, True, True, False]]]
    again = mc.as_volume(mc.as_volume(array), outside=255)
    assert again.mask.tolist() == volume.mask.tolist()
    with pytest.raises(InputError, match="no voxel counts"):
        mc.as_volume(np.full((2, 2, 2), 7), outside=7)


def test_coordinates_of_xarray_give_voxel_size_and_unit():
    xarray = pytest.importorskip("xarray")
    steps = {"z": 0.5, "y": 0.4, "x": -0.398}
    coordinates = {name: ([name], np.arange(4) * step + 3, {"units": "um"}) for name, step in steps.items()}
    array = xarray.DataArray(np.arange(64).reshape(4, 4, 4) % 2, dims=list("zyx"), coords=coordinates)
    volume = mc.as_volume(array)
    assert (volume.voxel_size, volume.unit) == ((0.5, 0.4, 0.398), "um")
    assert mc.as_volume(array, voxel_size="3um").voxel_size == (3, 3, 3)
    assert mc.as_volume(array.drop_vars("y")).unit == "voxel"


def test_dask_arrays_are_taken():
    dask = pytest.importorskip("dask.array")
    values = np.arange(64).reshape(4, 4, 4) % 3
    assert np.array_equal(mc.as_volume(dask.from_array(values, chunks=2)).values, values)


def test_bfloat16_tensors_are_taken():
    torch = pytest.importorskip("torch")
    tensor = torch.arange(8).reshape(2, 2, 2).remainder(2).to(torch.bfloat16)
    assert mc.as_volume(tensor).read().tolist() == tensor.long().tolist()
