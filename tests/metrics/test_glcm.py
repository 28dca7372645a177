"""Texture: values known by hand, the slow definition, scikit-image, a real volume."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from media import axes_of, random_levels, slices
from microchar.metrics import Glcm
from microchar.metrics._grey import FEATURES
from microchar.testing.volumes import slabs
from oracles import grey as naive

SHAPES = [(3, 4, 5), (2, 9, 8), (1, 7, 13), (9, 1, 8), (8, 10, 1), (2, 2, 2)]


@pytest.mark.analytic
def test_texture_of_layers():
    found = Glcm()(slabs((6, 8, 8), thicknesses=(1, 1)))
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


@pytest.mark.analytic
def test_permuted_axes_permute_directions():
    array = np.random.default_rng(4).integers(0, 3, (5, 7, 9))
    found, turned = Glcm()(array), Glcm()(np.ascontiguousarray(array.transpose(2, 0, 1)))
    for feature in ("contrast", "homogeneity", "energy", "entropy"):
        for before, after in ((0, 1), (1, 2), (2, 0)):
            value = found.value(feature=feature, direction=str(before)).value
            assert turned.value(feature=feature, direction=str(after)).value == pytest.approx(value, rel=1e-12)


@pytest.mark.oracle
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


@pytest.mark.oracle
@pytest.mark.parametrize("share", [None, 0.6])
@pytest.mark.parametrize("n_phases", [1, 2, 3, 16])
def test_glcm_of_phases_is_that_of_their_grey_levels(n_phases, share):
    # Few phases are compared as bits, 64 pixels at a time; grey levels are counted one by one.
    rng = np.random.default_rng(1)
    labels = rng.integers(0, n_phases, (6, 66, 65))
    mask = None if share is None else rng.random(labels.shape) < share
    levels = (labels * 255 // max(n_phases - 1, 1)).astype(np.uint8)
    of_phases = Glcm()(mc.as_volume(labels, phases={str(k): k for k in range(n_phases)}, mask=mask))
    of_grey = Glcm()(mc.as_volume(np.zeros_like(labels), grey=levels, mask=mask))
    assert [v.value for v in of_phases.values] == [v.value for v in of_grey.values]


@pytest.mark.oracle
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


@pytest.mark.oracle
def test_sixteen_bit_grey_is_rescaled_from_its_range():
    grey = np.random.default_rng(5).integers(1000, 3000, (4, 9, 9)).astype(np.uint16)
    grey.flat[:2] = 1000, 3000
    eight_bit = np.rint((grey.astype(float) - 1000) * 255 / 2000).astype(np.uint8)
    labels = np.zeros(grey.shape, int)
    wide, narrow = Glcm()(mc.as_volume(labels, grey=grey)), Glcm()(mc.as_volume(labels, grey=eight_bit))
    assert [v.value for v in wide.values] == [v.value for v in narrow.values]
    assert "rescaled" in wide.convention["grey levels"]


@pytest.mark.oracle
def test_nan_in_the_grey_image_is_refused():
    grey = np.full((4, 4, 4), np.nan)
    with pytest.raises(mc.InputError, match="NaN"):
        Glcm()(mc.as_volume(np.zeros(grey.shape, int), grey=grey))


@pytest.mark.realdata
def test_contrast_of_berea_follows_from_its_pair_correlation(real_array):
    # With two phases contrast is 255² times the share of unlike pairs, and along a row or column of a slice
    # that share is 2 (S2(0) - S2(1)); the diagonal angles are the other half.
    labels = real_array("berea")[:100, :100, :100] == 0
    found = Glcm()(labels)
    for axis in range(3):
        a, b = (other for other in range(3) if other != axis)
        first, second = np.moveaxis(labels, (axis, a, b), (0, 1, 2)), np.moveaxis(labels, (axis, b, a), (0, 1, 2))
        straight = [(s[:, 1:] != s[:, :-1]).mean() for s in (first, second)]
        diagonal = [(s[:, 1:, 1:] != s[:, :-1, :-1]).mean() for s in (first, first[:, ::-1])]
        contrast = 255**2 * np.mean(straight + diagonal)
        assert found.value(feature="contrast", direction=str(axis)).value == pytest.approx(contrast, rel=1e-12)
