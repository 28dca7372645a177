"""Grey values: thresholds against scikit-image, and the distinct values of large images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from images import binary_voxels
from microchar.core.grey_values import distinct, slabs
from microchar.core.volume import OUTSIDE


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2", np.int16, np.int32, np.float32, np.float64], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_otsu_is_that_of_scikit_image(dtype, seed):
    filters = pytest.importorskip("skimage.filters")
    rng = np.random.default_rng(seed)
    image = (rng.normal(90, 15, (6, 30, 31)) + 60 * rng.integers(0, 2, (6, 30, 31))).astype(dtype)
    volume = mc.as_volume(image, threshold="otsu")
    cut = filters.threshold_otsu(image)
    assert np.array_equal(volume.read(), image > cut)
    assert np.array_equal(volume.grey, image)
    assert f"{cut:g} (Otsu)" in volume.notes[-1]
    assert volume.phases == ("0", "1")


@pytest.mark.oracle
def test_otsu_looks_inside_the_mask_only():
    filters = pytest.importorskip("skimage.filters")
    rng = np.random.default_rng(5)
    image = rng.integers(0, 250, (9, 20, 22)).astype(np.uint8)
    mask = image < 120
    volume = mc.as_volume(image, threshold="otsu", mask=mask)
    cut = filters.threshold_otsu(image[mask])
    assert np.array_equal(volume.read(), np.where(mask, image > cut, OUTSIDE))


@pytest.mark.oracle
@pytest.mark.parametrize("threshold", [100, "100", 100.0])
def test_above_a_threshold_is_strictly_greater(threshold):
    volume = mc.as_volume(np.array([[99, 100, 101]]), threshold=threshold, phases="pore,solid")
    assert volume.read().tolist() == [[[0, 0, 1]]]
    assert volume.phases == ("pore", "solid")
    assert "100" in volume.notes[-1]


@pytest.mark.oracle
def test_a_threshold_cuts_fractions_and_keeps_the_given_grey_image():
    grey = np.zeros((1, 3))
    volume = mc.as_volume(np.array([[0.1, 0.5, 0.9]]), threshold=0.4, phases={"solid": 1, "pore": 0}, grey=grey)
    assert volume.read().tolist() == [[[0, 1, 1]]]
    assert volume.phases == ("pore", "solid")
    assert np.array_equal(volume.grey[0], grey)


@pytest.mark.oracle
def test_a_threshold_on_a_constant_image_leaves_one_phase_absent():
    volume = mc.as_volume(np.full((3, 3), 7), threshold="otsu")
    assert volume.n_phases == 2
    assert not volume.read().any()


@pytest.mark.oracle
@settings(deadline=None, max_examples=40)
@given(shape=st.tuples(*[st.integers(1, 9)] * 3), voxels=st.integers(1, 200))
def test_slabs_cover_a_shape_once(shape, voxels):
    seen = np.zeros(shape, int)
    for slab in slabs(shape, voxels):
        seen[slab] += 1
        assert seen[slab].size <= max(voxels, seen.size // max(shape))
    assert (seen == 1).all()


@pytest.mark.oracle
def test_more_grey_values_than_a_table_holds():
    image = np.arange(70000, dtype=np.int64).reshape(1, 700, 100) * 1000
    assert len(distinct(image, None, "a")) > 65536


@pytest.mark.property
def test_a_threshold_that_makes_no_sense():
    for threshold in ("otto", float("nan"), None, []):
        if threshold is not None:
            with pytest.raises(mc.InputError, match="expected 'otsu' or a grey value"):
                mc.as_volume(binary_voxels(), threshold=threshold)
    with pytest.raises(mc.InputError, match=r"after the threshold the grey values are 0 \(up to 3\) and 1 \(above\)"):
        mc.as_volume(binary_voxels(), threshold=3, phases={"pore": 0, "solid": 255})
    with pytest.raises(mc.InputError, match="already segmented"):
        mc.as_volume(mc.as_volume(binary_voxels()), threshold=3)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int64])
@pytest.mark.parametrize("rare", [False, True])
def test_few_grey_values_are_counted_as_many_are(dtype, rare):
    values = np.zeros((4, 50, 500), dtype)
    values[..., 1::3] = 7
    if rare:
        values.flat[12345] = 3  # which is not among the voxels that are looked at first
    expected = dict(zip(*(column.tolist() for column in np.unique(values, return_counts=True)), strict=True))
    assert distinct(values, None, "a") == expected
