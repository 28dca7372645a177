"""Metrics of grey levels against values known by hand."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest

import microchar as mc
from measured import measure_pair
from microchar.metrics import AnisotropyIndex, Glcm, Psnr, Ssim
from microchar.metrics.anisotropy_index import index_of, scale_free_index_of

#: Published features (contrast, homogeneity, energy, entropy) along three directions, and the index that follows.
#: Two of the printed indices differ from their own tables in the last digits, by rounding of the table.
TABLES = {
    "berea": ([[767.695, 0.869, 0.667, 2.956], [786.904, 0.866, 0.690, 2.943], [801.069, 0.863, 0.701, 2.950]], 16.75),
    "ketton": (
        [[1168.381, 0.856, 0.723, 2.952], [1097.543, 0.863, 0.729, 2.840], [1153.762, 0.857, 0.723, 2.945]],
        37.40,
    ),
    "white cast iron": (
        [[1639.290, 0.718, 0.507, 5.239], [1461.695, 0.756, 0.597, 4.578], [1587.715, 0.732, 0.552, 4.978]],
        91.36,
    ),
    "Cu-Zn": ([[0.070, 0.965, 0.665, 1.352], [0.083, 0.959, 0.677, 1.353], [2697.677, 0.749, 0.496, 4.724]], 1557.5),
    "NMC": (
        [[1589.011, 0.681, 0.449, 6.175], [1531.274, 0.693, 0.460, 5.983], [1480.242, 0.696, 0.461, 5.941]],
        54.42,
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_anisotropy_index_of_published_tables(name):
    table, published = TABLES[name]
    # Half a unit of the last digit given.
    assert index_of(table) == pytest.approx(published, abs=0.05 if published > 1000 else 0.005)


def test_the_scale_free_index_does_not_depend_on_the_scale_of_a_feature():
    table = np.array(TABLES["berea"][0])
    assert scale_free_index_of(table * [7, 1, 0.1, 3]) == pytest.approx(scale_free_index_of(table), rel=1e-12)


def layers():
    array = np.zeros((6, 8, 8), int)
    array[::2] = 1
    return array


def test_texture_of_layers():
    found = Glcm()(layers())
    flat = {"contrast": 0, "homogeneity": 1, "energy": 1, "entropy": 0}
    # Normal to the other axes: along the layers (one angle) the pairs are equal, across them
    # (three angles) all pairs are steps.
    striped = {
        "contrast": 255**2 * 3 / 4,
        "homogeneity": (1 + 3 / (1 + 255**2)) / 4,
        "energy": 1 / 2,
        "entropy": log(2),
    }
    for feature in flat:
        assert found.value(feature=feature, direction="0").value == pytest.approx(flat[feature], abs=1e-12)
        assert found.value(feature=feature, direction="1").value == pytest.approx(striped[feature], rel=1e-12)
        assert found.value(feature=feature, direction="2").value == pytest.approx(striped[feature], rel=1e-12)


def test_anisotropy_of_layers():
    found = AnisotropyIndex()(layers())
    # One value x and twice y: the variance over three directions is (x - y)² / 3.
    gaps = [255**2 * 3 / 4, 1 - (1 + 3 / (1 + 255**2)) / 4, 1 / 2, log(2)]
    index = found.value(estimator="8-bit")
    assert index.value == pytest.approx(sqrt(sum(gap**2 for gap in gaps) / 3), rel=1e-12)
    assert index.message.startswith("anisotropic")


def test_a_volume_of_one_phase_is_isotropic():
    found = AnisotropyIndex()(np.zeros((4, 4, 4), int))
    assert [value.value for value in found.values] == [0, 0]
    assert found.value(estimator="8-bit").message.startswith("isotropic")


def test_an_image_has_texture_and_no_anisotropy_index():
    image = np.arange(48).reshape(6, 8) % 2
    assert {value.direction for value in Glcm()(image).values} == {"0"}
    assert AnisotropyIndex()(image).status == "not_applicable"


def test_permuted_axes_permute_directions():
    array = np.random.default_rng(4).integers(0, 3, (5, 7, 9))
    found, turned = Glcm()(array), Glcm()(np.ascontiguousarray(array.transpose(2, 0, 1)))
    for feature in ("contrast", "homogeneity", "energy", "entropy"):
        for before, after in ((0, 1), (1, 2), (2, 0)):
            value = found.value(feature=feature, direction=str(before)).value
            assert turned.value(feature=feature, direction=str(after)).value == pytest.approx(value, rel=1e-12)


def test_equal_images_are_similar_and_have_no_finite_ratio():
    volume = mc.as_volume(np.random.default_rng(0).integers(0, 2, (8, 8, 8)))
    found = measure_pair([Ssim(), Psnr()], volume, volume)
    assert {value.value for value in found["ssim"].values} == {1.0}
    assert {(value.value, value.status) for value in found["psnr"].values} == {(None, "identical")}


def test_psnr_leaves_identical_slices_out_and_counts_them():
    real = np.zeros((4, 10, 10), int)
    fake = real.copy()
    fake[1, 3, 4] = 1
    found = measure_pair([Psnr()], mc.as_volume(real, phases=["a"]), mc.as_volume(fake))["psnr"]
    assert {value.unit for value in found.values} == {"dB"}
    # One pixel of 100 differs by the whole range: MSE = R² / 100; along the others, one of 40.
    assert found.value(direction="0").value == pytest.approx(20, rel=1e-12)
    assert found.value(direction="1").value == pytest.approx(10 * np.log10(40), rel=1e-12)
    assert found.convention["identical"] == "3 of 4 along axis 0, 9 of 10 along axis 1, 9 of 10 along axis 2"


def test_opposite_flat_images():
    black, white = (mc.as_volume(np.full((7, 7), k), phases={"a": 0, "b": 1}) for k in (0, 1))
    # No variance, means 0 and R: SSIM = c1 / (R² + c1) with c1 = (0.01 R)².
    assert measure_pair([Ssim()], black, white)["ssim"].value(direction="mean").value == pytest.approx(
        1e-4 / 1.0001, rel=1e-12
    )
    assert measure_pair([Psnr()], black, white)["psnr"].value(direction="mean").value == pytest.approx(0, abs=1e-12)


def test_slices_smaller_than_the_window_have_no_ssim():
    rng = np.random.default_rng(3)
    found = measure_pair([Ssim()], *(mc.as_volume(rng.integers(0, 2, (6, 8, 9))) for _ in range(2)))["ssim"]
    assert found.value(direction="0").value is not None
    assert found.value(direction="mean").value == found.value(direction="0").value
    assert {found.value(direction=axis).status for axis in "12"} == {"not_applicable"}


@pytest.mark.parametrize("metric", [Glcm, AnisotropyIndex, Ssim, Psnr])
def test_periodic_axes_are_refused(metric):
    with pytest.raises(mc.InputError, match="periodic"):
        metric(periodic=(0,))


@pytest.mark.parametrize("masked", [0, 1])
def test_a_mask_of_either_volume_is_refused(masked):
    labels = np.random.default_rng(1).integers(0, 2, (8, 8, 8))
    masks = [None, None]
    masks[masked] = labels >= 0
    volume, other = (mc.as_volume(labels, mask=mask) for mask in masks)
    assert {result.status for result in measure_pair([Ssim(), Psnr()], volume, other).values()} == {"refused"}
