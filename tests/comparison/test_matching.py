"""How volumes are made comparable, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc

pytestmark = pytest.mark.property

RNG = np.random.default_rng(1)
REAL = (RNG.random((12, 14, 16)) < 0.4).astype(np.uint8) * 255
ONLY = ["volume_fraction"]
FAKE = (RNG.random((12, 14, 16)) < 0.4).astype(np.uint8)


def test_candidate_coded_otherwise_is_matched_by_order_and_says_so():
    found = mc.compare(REAL, FAKE, ONLY)
    assert found.candidates[0].volume.phases == ("0", "255")
    assert found.candidates[0]["volume_fraction"].value(phase="255").value == FAKE.mean()
    assert any("in ascending order" in note for note in found.candidates[0].volume.notes)


def test_phase_names_of_the_reference_hold_for_candidates():
    found = mc.compare(REAL, [FAKE, FAKE * 255], ONLY, phases={"pore": 0, "solid": 255})
    for candidate in found.candidates:
        assert candidate["volume_fraction"].value(phase="pore").value == 1 - FAKE.mean()


def test_more_phases_name_which():
    three = FAKE.copy()
    three[0, 0, 0] = 7
    with pytest.raises(mc.InputError, match=r"candidate has 3 phases .*1, 7 not in reference"):
        mc.compare(REAL, three, ONLY)


def test_fewer_phases_name_which_unless_the_absent_one_is_named():
    uniform = np.full_like(REAL, 255)
    with pytest.raises(mc.InputError, match="0 missing from candidate"):
        mc.compare(REAL, uniform, ONLY)
    found = mc.compare(REAL, uniform, ONLY, phases={"pore": 0, "solid": 255})
    assert found.candidates[0]["volume_fraction"].value(phase="pore").value == 0


@pytest.mark.parametrize("size", ["500nm", "0.5um", "0.5003um"])
def test_equal_voxel_sizes_in_other_units_are_equal(size):
    found = mc.compare(REAL, mc.as_volume(FAKE, voxel_size=size), ONLY, voxel_size="0.5um")
    assert found.candidates[0].volume.unit == "um"
    assert found.candidates[0].volume.voxel_size == (0.5, 0.5, 0.5)


def test_differing_voxel_sizes_are_refused_with_advice():
    with pytest.raises(mc.InputError, match=r"volume has voxel size 2 .* um, .* has voxel size 1 .* um: .*resample"):
        mc.compare(REAL, mc.as_volume(FAKE, voxel_size="2um"), ONLY, voxel_size="1um")


def test_a_reference_without_voxel_size_is_refused_if_the_candidate_has_one():
    with pytest.raises(
        mc.InputError, match=r"volume has voxel size 2 .* um, reference has no voxel size: give .*="
    ) as e:
        mc.compare(REAL, mc.as_volume(FAKE, voxel_size="2um"), ONLY)
    assert "resample" not in str(e.value)  # which needs a size


def test_candidate_without_voxel_size_takes_that_of_the_reference_and_says_so():
    found = mc.compare(REAL, FAKE, ONLY, voxel_size="3um")
    assert found.candidates[0].volume.unit == "um"
    assert any("no voxel size; that of reference, 3 × 3 × 3 um" in note for note in found.candidates[0].volume.notes)


def test_image_against_volume_is_refused():
    with pytest.raises(mc.InputError, match="compare images with images"):
        mc.compare(REAL, FAKE[0], ONLY)


def test_names_are_made_unique():
    fakes = [mc.as_volume(FAKE, name="a"), mc.as_volume(FAKE, name="a")]
    names = [c.volume.name for c in mc.compare(mc.as_volume(REAL, name="a"), fakes, ONLY).candidates]
    assert names == ["a (2)", "a (3)"]


def test_size_dependent_metrics_use_the_common_leading_crop():
    smaller = FAKE[:10, :, :9]
    found = mc.compare(REAL, smaller, ["volume_fraction", "largest_cluster_fraction"])
    alone = mc.measure(REAL[:10, :14, :9], ["largest_cluster_fraction"])
    expected = alone["largest_cluster_fraction"].value(phase="255").value
    assert found.reference["largest_cluster_fraction"].value(phase="255").value == expected
    assert "10 × 14 × 9" in found.reference["largest_cluster_fraction"].convention["sample"]
    assert found.reference["volume_fraction"].value(phase="255").value == (REAL == 255).mean()
    assert any("largest_cluster_fraction" in note and "10 × 14 × 9" in note for note in found.notes)


def test_lags_fit_the_smallest_volume():
    found = mc.compare(REAL, FAKE[:6], ["two_point_correlation"])
    for measurement in (found.reference, *found.candidates):
        profile = measurement["two_point_correlation"].profile(phase="255", direction="0")
        assert profile.x.max() == 3
