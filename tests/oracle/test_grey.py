"""Metrics of grey levels against slow ones, and against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from microchar.measurement.blocks import Block, slabs
from microchar.measurement.measuring import run
from microchar.measurement.metric import Shared
from microchar.metrics import AnisotropyIndex, Glcm, Psnr, Ssim
from microchar.metrics._grey import FEATURES
from oracles import grey as naive

SHAPES = [(3, 4, 5), (2, 9, 8), (1, 7, 13), (9, 1, 8), (8, 10, 1), (2, 2, 2)]


def random_levels(shape, n_levels, seed):
    rng = np.random.default_rng(seed)
    return rng.choice(rng.choice(256, n_levels, replace=False), size=shape).astype(np.uint8)


def axes_of(shape):
    return [shape.index(1)] if 1 in shape else [0, 1, 2]


def slices(array, axis):
    return [array.take(k, axis) for k in range(array.shape[axis])]


@settings(deadline=None, max_examples=40)
@given(
    shape=st.sampled_from(SHAPES),
    n_levels=st.integers(1, 9),
    share=st.sampled_from([None, 0.1, 0.7]),
    seed=st.integers(0, 2**20),
)
def test_glcm_is_the_slow_one(shape, n_levels, share, seed):
    levels = random_levels(shape, n_levels, seed)
    mask = None if share is None else np.random.default_rng(seed).random(shape) < share
    if mask is not None:
        mask.flat[0] = True  # a mask without any voxel is refused
    counts = np.ones(shape, bool) if mask is None else mask
    found = Glcm()(mc.as_volume(np.zeros(shape, int), grey=levels, mask=mask))
    for axis in axes_of(shape):
        by_slice = [naive.texture(*pair) for pair in zip(slices(levels, axis), slices(counts, axis), strict=True)]
        by_slice = [features for features in by_slice if features is not None]
        for place, feature in enumerate(FEATURES):
            value = found.value(feature=feature, direction=str(axis))
            if by_slice:
                assert value.value == pytest.approx(np.mean(by_slice, axis=0)[place], rel=1e-12, abs=1e-12)
            else:
                assert value.value is None
                assert value.status == "undefined"


@pytest.mark.parametrize("n_phases", [1, 2, 3, 16])
def test_glcm_of_phases_is_that_of_their_grey_levels(n_phases):
    labels = np.random.default_rng(1).integers(0, n_phases, (5, 6, 7))
    levels = (labels * 255 // max(n_phases - 1, 1)).astype(np.uint8)
    of_phases = Glcm()(mc.as_volume(labels, phases={str(k): k for k in range(n_phases)}))
    of_grey = Glcm()(mc.as_volume(np.zeros_like(labels), grey=levels))
    assert [v.value for v in of_phases.values] == [v.value for v in of_grey.values]


def test_glcm_is_that_of_scikit_image():
    feature = pytest.importorskip("skimage.feature")
    image = random_levels((20, 30), 200, 3)
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    matrix = feature.graycomatrix(image, [1], angles, levels=256, symmetric=True, normed=True)
    found = Glcm()(mc.as_volume(np.zeros((20, 30), int), grey=image))
    peers = {"contrast": "contrast", "homogeneity": "homogeneity", "energy": "ASM", "entropy": "entropy"}
    for name, peer in peers.items():
        theirs = feature.graycoprops(matrix, peer).mean()
        assert found.value(feature=name, direction="0").value == pytest.approx(theirs, rel=1e-12)


def test_sixteen_bit_grey_is_rescaled_from_its_range():
    grey = np.random.default_rng(5).integers(1000, 3000, (4, 9, 9)).astype(np.uint16)
    grey.flat[:2] = 1000, 3000
    eight_bit = np.rint((grey.astype(float) - 1000) * 255 / 2000).astype(np.uint8)
    labels = np.zeros(grey.shape, int)
    wide, narrow = Glcm()(mc.as_volume(labels, grey=grey)), Glcm()(mc.as_volume(labels, grey=eight_bit))
    assert [v.value for v in wide.values] == [v.value for v in narrow.values]
    assert "rescaled" in wide.convention["grey levels"]


def test_nan_in_the_grey_image_is_refused():
    grey = np.full((4, 4, 4), np.nan)
    with pytest.raises(mc.InputError, match="NaN"):
        Glcm()(mc.as_volume(np.zeros(grey.shape, int), grey=grey))


@settings(deadline=None, max_examples=25)
@given(shape=st.sampled_from([(8, 9, 10), (1, 7, 13), (9, 1, 8), (7, 7, 1)]), seed=st.integers(0, 2**20))
def test_ssim_and_psnr_are_the_slow_ones(shape, seed):
    a, b = random_levels(shape, 40, seed), random_levels(shape, 3, seed + 1)
    labels = np.zeros(shape, int)
    found = run([Ssim(), Psnr()], mc.as_volume(labels, grey=a), mc.as_volume(labels, grey=b))
    for name, slow in (("ssim", naive.ssim), ("psnr", naive.psnr)):
        means = []
        for axis in axes_of(shape):
            by_slice = [slow(x, y) for x, y in zip(slices(a, axis), slices(b, axis), strict=True)]
            means.append(np.mean(by_slice))
            assert found[name].value(direction=str(axis)).value == pytest.approx(means[-1], rel=1e-10)
        assert found[name].value(direction="mean").value == pytest.approx(np.mean(means), rel=1e-10)


@pytest.mark.parametrize(("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535)])
def test_ssim_is_that_of_scikit_image(dtype, full):
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(7)
    a = rng.integers(0, full, (9, 12, 15), endpoint=True).astype(dtype)
    b = np.clip(a + rng.normal(0, full / 10, a.shape), 0, full).astype(dtype)
    labels = np.zeros(a.shape, int)
    found = run([Ssim(), Psnr()], mc.as_volume(labels, grey=a), mc.as_volume(labels, grey=b))
    for axis in range(3):
        pairs = list(zip(slices(a, axis), slices(b, axis), strict=True))
        ssim = np.mean([metrics.structural_similarity(*pair, data_range=full) for pair in pairs])
        psnr = np.mean([metrics.peak_signal_noise_ratio(*pair, data_range=full) for pair in pairs])
        assert found["ssim"].value(direction=str(axis)).value == pytest.approx(ssim, rel=1e-10)
        assert found["psnr"].value(direction=str(axis)).value == pytest.approx(psnr, rel=1e-10)


def test_eight_and_sixteen_bit_meet_on_one_scale():
    grey = random_levels((8, 8, 8), 50, 2)
    labels = np.zeros(grey.shape, int)
    eight, sixteen = (mc.as_volume(labels, grey=image) for image in (grey, grey.astype(np.uint16) * 257))
    assert run([Ssim()], eight, sixteen)["ssim"].value(direction="mean").value == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("metric", [Glcm(), AnisotropyIndex(), Ssim(), Psnr()], ids=lambda metric: metric.id)
def test_slabs_of_any_thickness_give_the_same(metric):
    rng = np.random.default_rng(11)
    volume, other = (mc.as_volume(rng.integers(0, 3, (9, 10, 11))) for _ in range(2))

    def counted(voxels):
        read, read_other = (metric.reader(v, Shared(None, 1)) for v in (volume, other))
        total = {}
        for region in slabs(volume.shape, voxels):
            stop = tuple(np.add(region.start, region.core))
            box, second = read(region.start, stop), read_other(region.start, stop)
            for key, array in metric.count(
                Block(box, region.core, region.start, volume.shape, 3, region.axis, second)
            ).items():
                total[key] = total.get(key, 0) + array
        return total

    whole = counted(10**6)
    for voxels in (1, 300, 700):
        pieces = counted(voxels)
        assert all(np.array_equal(pieces[key], whole[key]) for key in whole)
