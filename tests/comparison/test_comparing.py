"""What `compare` gives: pairs and their baselines, differences, progress."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc

pytestmark = pytest.mark.property

RNG = np.random.default_rng(1)
REAL = (RNG.random((12, 14, 16)) < 0.4).astype(np.uint8) * 255
FAKE = (RNG.random((12, 14, 16)) < 0.4).astype(np.uint8)
ONLY = ["volume_fraction"]


def test_pairs_and_their_baselines():
    real = np.kron(REAL[:, :8, :8], np.ones((1, 2, 2), np.uint8))
    found = mc.compare(real, real, ["ssim", "psnr"])
    assert found.pairs[0]["ssim"].value(direction="0").value == 1
    assert {named.volume for named in found.named() if named.baseline} == {
        "another piece of reference",
        "all-majority block",
    }
    for results in found.baselines.values():
        assert results["ssim"].value(direction="0").value < 1


def test_comparison_with_itself_has_no_differences():
    found = mc.compare(
        REAL,
        REAL,
        skip=["local_thickness", "intrusion", "effective_diffusivity", "tortuosity_factor", "formation_factor"],
        r_max=4,
        window=3,
    )
    table = found.differences()
    assert len(table) > 100
    assert (table["difference"] == 0).all()


def test_anything_with_array_is_taken():
    class Tensor:
        def __array__(self, dtype=None, copy=None):
            return FAKE

    found = mc.compare(REAL, Tensor(), ONLY)
    assert found.candidates[0]["volume_fraction"].value(phase="255").value == FAKE.mean()


def test_progress_rises_to_one():
    seen = []
    mc.compare(REAL, FAKE, ONLY, progress=lambda fraction, text: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1


@pytest.mark.property
def test_a_single_voxel_is_refused():
    with pytest.raises(mc.InputError, match="reference: found one voxel"):
        mc.compare([[[1]]], [[[1]]])
