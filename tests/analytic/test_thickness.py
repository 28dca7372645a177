"""Local thickness of bodies of known size."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.metrics import LocalThickness


def features(result, phase):
    return {value.feature: value.value for value in result.values if value.phase == phase}


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 10])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slab(width, axis):
    labels = np.zeros((14, 14, 14), int)
    np.moveaxis(labels, axis, 0)[2 : 2 + width] = 1
    found = features(LocalThickness()(labels), "1")
    # The bias of the convention: odd widths read one voxel more.
    expected = width + width % 2
    assert found == {
        "mean": expected,
        "standard_deviation": 0,
        "quantile_0.1": expected,
        "quantile_0.5": expected,
        "quantile_0.9": expected,
    }


def test_slab_of_anisotropic_voxels():
    labels = np.zeros((14, 9, 9), int)
    labels[4:10] = 1
    found = LocalThickness()(mc.as_volume(labels, voxel_size="0.5,3,2um")).value(phase="1", feature="mean")
    assert found.value == pytest.approx(6 * 0.5, rel=1e-5)
    assert found.unit == "um"


@pytest.mark.parametrize("radius", [5, 8, 12])
def test_sphere(radius):
    x = np.indices((2 * radius + 5,) * 3) - (radius + 2)
    ball = (x**2).sum(axis=0) <= radius**2
    found = features(LocalThickness()(ball.astype(int)), "1")
    # The largest sphere is all but the tips: within a voxel of the diameter, the nearest outer voxel being
    # less than a voxel beyond the surface.
    assert found["quantile_0.5"] == found["quantile_0.9"]
    assert 2 * radius < found["quantile_0.5"] <= 2 * radius + 1
    assert found["mean"] == pytest.approx(found["quantile_0.5"], rel=0.02)


def test_cylinder_in_three_dimensions_is_its_section_in_two():
    i, j = np.indices((25, 27)) - 12
    disc = ((i**2 + j**2) <= 81).astype(int)
    image = features(LocalThickness()(disc), "1")
    volume = features(LocalThickness()(np.repeat(disc[np.newaxis], 20, axis=0)), "1")
    assert volume == pytest.approx(image, rel=1e-12)


def test_two_thicknesses_by_volume():
    labels = np.zeros((12, 6, 6), int)
    labels[1:3] = labels[5:11] = 1
    result = LocalThickness()(labels)
    found = features(result, "1")
    assert found["mean"] == pytest.approx((2 * 2 + 6 * 6) / 8, rel=1e-12)
    assert (found["quantile_0.1"], found["quantile_0.5"]) == (2, 6)
    assert result.profile(phase="1").y == pytest.approx([0, 0, 0.25, 0.25, 0.25, 0.25, 1], rel=1e-12)


def test_spheres_reach_out_of_the_sample():
    # The centre voxel of a half slab at the face: its distance to the other phase is that of the whole slab's middle.
    labels = np.zeros((8, 5, 5), int)
    labels[:3] = 1
    assert features(LocalThickness()(labels), "1")["mean"] == 6


def test_a_mask_is_no_obstacle_either():
    labels = np.zeros((8, 5, 5), int)
    labels[1:4] = 1
    mask = np.ones(labels.shape, bool)
    mask[0] = False
    assert features(LocalThickness()(mc.as_volume(labels, mask=mask)), "1")["mean"] == 6


def test_finer_voxels_bring_the_thickness_of_a_sphere_nearer():
    errors = []
    for n in (6, 12, 24):
        x = (np.indices((2 * n + 4,) * 3) + 0.5) / n - (n + 2) / n
        ball = ((x**2).sum(axis=0) <= 1).astype(int)
        found = LocalThickness()(mc.as_volume(ball, voxel_size=f"{1 / n}um"))
        errors.append(found.value(phase="1", feature="quantile_0.5").value - 2)
        # The centre lies where eight voxels meet, sqrt(3)/2 from that of each: the diameter reads too small by
        # at most twice that, and too large by at most one voxel.
        assert -np.sqrt(3) / n <= errors[-1] <= 1 / n
    assert abs(errors[0]) > abs(errors[1]) > abs(errors[2])


def test_phases_without_a_thickness():
    full = LocalThickness()(mc.as_volume(np.zeros((4, 4, 4), int), phases={"full": 0, "absent": 1}))
    assert {value.status for value in full.values if value.phase == "full"} == {"undefined"}
    assert {value.status for value in full.values if value.phase == "absent"} == {"absent_phase"}
    assert full.profiles == ()


def test_axes_permute():
    labels = np.random.default_rng(2).random((9, 11, 13)) < 0.8
    found = LocalThickness()(mc.as_volume(labels, voxel_size="1,2,3um"))
    turned = LocalThickness()(mc.as_volume(np.ascontiguousarray(labels.transpose(2, 0, 1)), voxel_size="3,1,2um"))
    assert features(turned, "1") == pytest.approx(features(found, "1"), rel=1e-5)


def test_periodic_axes_are_refused():
    with pytest.raises(mc.InputError, match="periodic"):
        LocalThickness(periodic=(0,))
