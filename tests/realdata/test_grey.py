"""Texture and similarity of real volumes."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from measured import measure_pair
from microchar.metrics import Glcm, Ssim


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


def test_two_pieces_of_one_rock_are_not_similar(real_array):
    berea = real_array("berea")
    pieces = [mc.as_volume(berea[:, :, :200]), mc.as_volume(berea[:, :, 200:])]
    # Design, convention of SSIM: two samples of the same rock score about 0.3.
    assert measure_pair([Ssim()], *pieces)["ssim"].value(direction="mean").value == pytest.approx(0.3, abs=0.05)
