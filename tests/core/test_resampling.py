"""Resampling by majority: exact cases, a slow oracle, and refusals."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError

rng = np.random.default_rng(0)


def by_overlap(labels, factors, shape, n_phases):
    """The phase that fills most of each new voxel, overlap by overlap."""
    new = np.zeros(shape, int)
    for index in product(*map(range, shape)):
        shares = np.zeros(n_phases)
        for old in product(*map(range, labels.shape)):
            overlap = [
                max(0.0, min((i + 1) * f, o + 1) - max(i * f, o)) for i, o, f in zip(index, old, factors, strict=True)
            ]
            shares[labels[old]] += np.prod(overlap)
        new[index] = int(np.argmax(shares > shares.max() - 1e-5))
    return new


def test_integer_factors_are_majorities_of_blocks():
    labels = rng.integers(0, 3, (12, 9, 15))
    coarse = mc.resample(mc.as_volume(labels), 3)
    blocks = labels.reshape(4, 3, 3, 3, 5, 3).transpose(0, 2, 4, 1, 3, 5).reshape(4, 3, 5, 27)
    counts = np.stack([(blocks == phase).sum(axis=-1) for phase in range(3)])
    assert np.array_equal(coarse.values, counts.argmax(axis=0))


@pytest.mark.parametrize("factors", [(1.5, 2.0, 1.25), (0.5, 1.0, 0.7), (2.2, 1.3, 1.0)])
def test_any_factors_follow_the_overlap(factors):
    labels = rng.integers(0, 2, (6, 5, 7))
    volume = mc.as_volume(labels, voxel_size=("1um", "2um", "0.5um"))
    size = [f"{f * s}um" for f, s in zip(factors, volume.voxel_size, strict=True)]
    new = mc.resample(volume, size)
    shape = tuple(int(n / f * (1 + 1e-9)) for n, f in zip(labels.shape, factors, strict=True))
    assert new.shape == shape
    assert np.array_equal(new.values, by_overlap(labels, factors, shape, 2))
    assert new.voxel_size == pytest.approx([f * s for f, s in zip(factors, volume.voxel_size, strict=True)])


def test_the_same_size_changes_nothing_and_half_the_size_repeats_voxels():
    labels = rng.integers(0, 3, (4, 5, 6)).astype(np.uint8)
    volume = mc.as_volume(labels, voxel_size="2um", phases=("a", "b", "c"))
    assert np.array_equal(mc.resample(volume, "2um").values, labels)
    fine = mc.resample(volume, "1000nm")
    assert np.array_equal(fine.values, labels.repeat(2, 0).repeat(2, 1).repeat(2, 2))
    assert (fine.unit, fine.voxel_size, fine.phases) == ("um", (1, 1, 1), ("a", "b", "c"))


def test_images_masks_and_grey_images():
    labels = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
    volume = mc.as_volume(labels, mask=[[1, 1, 1, 0], [1, 1, 0, 0]], grey=labels * 10.0)
    coarse = mc.resample(volume, 2)
    assert coarse.values.tolist() == [[[0, 1]]]
    assert coarse.mask.tolist() == [[[True, False]]]
    assert coarse.grey.tolist() == [[[0, 10]]]
    assert coarse.notes == ("resampled from 1 × 1 × 1 voxel to 2 × 2 × 2 voxel, by majority",)


def test_lengths_that_are_not_known_or_do_not_fit_are_refused():
    with pytest.raises(InputError, match="the voxel size is not known"):
        mc.resample(mc.as_volume(np.eye(4)[None].astype(int)), "1um")
    with pytest.raises(InputError, match="no voxel of 9 um fits along axis 1"):
        mc.resample(mc.as_volume(np.eye(4)[None].astype(int), voxel_size="2um"), "9um")


def test_the_command_line_resamples(tmp_path):
    import json

    from microchar.cli.program import main

    labels = rng.integers(0, 2, (8, 8, 8)).astype(np.uint8)
    mc.write_volume(labels, tmp_path / "a.tif", voxel_size="1um")
    command = ["measure", str(tmp_path / "a.tif"), "--resample", "2um", "--metrics", "volume_fraction"]
    assert main([*command, "-o", str(tmp_path / "out"), "--quiet"]) == 0
    (volume,) = json.loads((tmp_path / "out" / "results.json").read_text())["volumes"]
    assert (volume["shape"], volume["voxel_size"]) == ([4, 4, 4], [2, 2, 2])
    assert any("by majority" in note for note in volume["notes"])
