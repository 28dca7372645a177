"""SSIM and PSNR: values known by hand, the slow definitions, scikit-image, a real volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from measured import measure_pair
from media import axes_of, random_levels, slices
from microchar.metrics import Psnr, Ssim
from oracles import grey as naive


@pytest.mark.analytic
def test_equal_images_are_similar_and_have_no_finite_ratio():
    volume = mc.as_volume(np.random.default_rng(0).integers(0, 2, (8, 8, 8)))
    found = measure_pair([Ssim(), Psnr()], volume, volume)
    assert {value.value for value in found["ssim"].values} == {1.0}
    assert {(value.value, value.status) for value in found["psnr"].values} == {(None, "identical")}


@pytest.mark.analytic
def test_psnr_of_one_pixel_pooled_and_by_slice():
    real = np.zeros((4, 10, 10), int)
    fake = real.copy()
    fake[1, 3, 4] = 1
    found = measure_pair([Psnr()], mc.as_volume(real, phases=["a"]), mc.as_volume(fake))["psnr"]
    assert {value.unit for value in found.values} == {"dB"}
    # One voxel of 400 differs by the whole range: MSE = R² / 400.
    assert found.value(estimator="pooled").value == pytest.approx(10 * np.log10(400), rel=1e-12)
    # In the only slice that differs along axis 0 it is one pixel of 100, along the others one of 40.
    by_slice = {axis: found.value(estimator="slice_mean", direction=axis).value for axis in ("0", "1", "mean")}
    assert by_slice["0"] == pytest.approx(20, rel=1e-12)
    assert by_slice["1"] == pytest.approx(10 * np.log10(40), rel=1e-12)
    assert by_slice["mean"] == pytest.approx((20 + 2 * 10 * np.log10(40)) / 3, rel=1e-12)
    assert found.convention["identical"] == "3 of 4 along axis 0, 9 of 10 along axis 1, 9 of 10 along axis 2"


#: Estimator and direction of the two ratios of a pair of images.
_BOTH = (("pooled", "all"), ("slice_mean", "0"))


@pytest.mark.property
def test_repairing_a_slice_raises_the_pooled_ratio():
    real = np.zeros((2, 10, 10), int)
    damaged = real.copy()
    damaged[0, 0, 0] = damaged[1] = 1  # one pixel of one slice, and the whole of the other
    repaired = damaged.copy()
    repaired[0] = real[0]
    ratios = [
        measure_pair([Psnr()], mc.as_volume(real, phases={"a": 0, "b": 1}), mc.as_volume(fake, phases={"a": 0, "b": 1}))
        for fake in (damaged, repaired)
    ]
    before, after = ([result["psnr"].value(estimator=e, direction=d).value for e, d in _BOTH] for result in ratios)
    assert before == pytest.approx([10 * np.log10(200 / 101), 10], rel=1e-12)
    assert after == pytest.approx([10 * np.log10(2), 0], abs=1e-12)  # by slice it falls from 10 dB to 0
    assert after[0] > before[0]


@pytest.mark.analytic
def test_opposite_flat_images():
    black, white = (mc.as_volume(np.full((7, 7), k), phases={"a": 0, "b": 1}) for k in (0, 1))
    # No variance, means 0 and R: SSIM = c1 / (R² + c1) with c1 = (0.01 R)².
    assert measure_pair([Ssim()], black, white)["ssim"].value(direction="mean").value == pytest.approx(
        1e-4 / 1.0001, rel=1e-12
    )
    ratios = measure_pair([Psnr()], black, white)["psnr"].values
    assert [value.value for value in ratios] == pytest.approx([0] * len(ratios), abs=1e-12)


@pytest.mark.analytic
def test_slices_smaller_than_the_window_have_no_ssim():
    rng = np.random.default_rng(3)
    found = measure_pair([Ssim()], *(mc.as_volume(rng.integers(0, 2, (6, 8, 9))) for _ in range(2)))["ssim"]
    assert found.value(direction="0").value is not None
    assert found.value(direction="mean").value == found.value(direction="0").value
    assert {found.value(direction=axis).status for axis in "12"} == {"not_applicable"}


@pytest.mark.analytic
@pytest.mark.parametrize("masked", [0, 1])
def test_a_mask_of_either_volume_is_refused(masked):
    labels = np.random.default_rng(1).integers(0, 2, (8, 8, 8))
    masks = [None, None]
    masks[masked] = labels >= 0
    volume, other = (mc.as_volume(labels, mask=mask) for mask in masks)
    assert {result.status for result in measure_pair([Ssim(), Psnr()], volume, other).values()} == {"refused"}


@pytest.mark.oracle
@settings(deadline=None, max_examples=25)
@given(shape=st.sampled_from([(8, 9, 10), (1, 7, 13), (9, 1, 8), (7, 7, 1)]), seed=st.integers(0, 2**20))
def test_ssim_and_psnr_are_the_slow_ones(shape, seed):
    a, b = random_levels(shape, 40, seed), random_levels(shape, 3, seed + 1)
    labels = np.zeros(shape, int)
    found = measure_pair([Ssim(), Psnr()], mc.as_volume(labels, grey=a), mc.as_volume(labels, grey=b))
    for name, slow in (("ssim", naive.ssim), ("psnr", naive.psnr)):
        means = []
        for axis in axes_of(shape):
            by_slice = [slow(x, y) for x, y in zip(slices(a, axis), slices(b, axis), strict=True)]
            means.append(np.mean(by_slice))
            assert found[name].value(direction=str(axis)).value == pytest.approx(means[-1], rel=1e-10)
        assert found[name].value(direction="mean").value == pytest.approx(np.mean(means), rel=1e-10)
    pooled = found["psnr"].value(estimator="pooled").value
    assert pooled == pytest.approx(naive.psnr(a, b), rel=1e-10)
    assert pooled <= found["psnr"].value(direction="mean").value + 1e-12


@pytest.mark.oracle
@pytest.mark.parametrize(("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535)])
def test_ssim_is_that_of_scikit_image(dtype, full):
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(7)
    a = rng.integers(0, full, (9, 12, 15), endpoint=True).astype(dtype)
    b = np.clip(a + rng.normal(0, full / 10, a.shape), 0, full).astype(dtype)
    labels = np.zeros(a.shape, int)
    found = measure_pair([Ssim(), Psnr()], mc.as_volume(labels, grey=a), mc.as_volume(labels, grey=b))
    for axis in range(3):
        pairs = list(zip(slices(a, axis), slices(b, axis), strict=True))
        ssim = np.mean([metrics.structural_similarity(*pair, data_range=full) for pair in pairs])
        psnr = np.mean([metrics.peak_signal_noise_ratio(*pair, data_range=full) for pair in pairs])
        assert found["ssim"].value(direction=str(axis)).value == pytest.approx(ssim, rel=1e-10)
        assert found["psnr"].value(direction=str(axis)).value == pytest.approx(psnr, rel=1e-10)
    whole = metrics.peak_signal_noise_ratio(a, b, data_range=full)
    assert found["psnr"].value(estimator="pooled").value == pytest.approx(whole, rel=1e-10)


@pytest.mark.oracle
def test_eight_and_sixteen_bit_meet_on_one_scale():
    grey = random_levels((8, 8, 8), 50, 2)
    labels = np.zeros(grey.shape, int)
    eight, sixteen = (mc.as_volume(labels, grey=image) for image in (grey, grey.astype(np.uint16) * 257))
    assert measure_pair([Ssim()], eight, sixteen)["ssim"].value(direction="mean").value == pytest.approx(1, abs=1e-12)


@pytest.mark.realdata
def test_two_pieces_of_one_rock_are_not_similar(real_array):
    berea = real_array("berea")
    pieces = [mc.as_volume(berea[:, :, :200]), mc.as_volume(berea[:, :, 200:])]
    # Design, convention of SSIM: two samples of the same rock score about 0.3.
    assert measure_pair([Ssim()], *pieces)["ssim"].value(direction="mean").value == pytest.approx(0.3, abs=0.05)


@pytest.mark.property
@pytest.mark.parametrize("shape", [(9, 12, 8), (1, 16, 11), (9, 5, 20)])
def test_two_phases_are_compared_as_their_grey_images_are(shape):
    """Phases are counted as bits, grey images added up: the numbers are equal to the last bit."""
    rng = np.random.default_rng(4)
    labels = [(rng.random(shape) < 0.4).astype(np.uint8) for _ in range(2)]
    phases = {"a": 0, "b": 1}
    plain = [mc.as_volume(each, phases=phases) for each in labels]
    grey = [mc.as_volume(each, phases=phases, grey=each * np.uint8(255)) for each in labels]
    expected = measure_pair([Ssim(), Psnr()], *grey)
    for pair in (plain, (plain[0], grey[1])):
        found = measure_pair([Ssim(), Psnr()], *pair)
        for name in ("ssim", "psnr"):
            assert found[name].values == expected[name].values


@pytest.mark.oracle
def test_two_phases_in_large_pieces_fill_whole_windows():
    """The windows hold every number of voxels of a phase, from 0 to 49."""
    rng = np.random.default_rng(5)
    a, b = (np.repeat(np.repeat(rng.random((3, 3, 3)) < 0.5, 12, 1), 12, 2).astype(np.uint8) for _ in range(2))
    found = measure_pair([Ssim()], *(mc.as_volume(each, phases={"a": 0, "b": 1}) for each in (a, b)))["ssim"]
    expected = np.mean([naive.ssim(x, y) for x, y in zip(slices(a * 255, 0), slices(b * 255, 0), strict=True)])
    assert found.value(direction="0").value == pytest.approx(expected, rel=1e-10)
