"""What `measure` promises: threads, executors, masks and images change no number."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import microchar as mc

pytestmark = pytest.mark.property

VOLUME = (np.random.default_rng(2).random((14, 12, 10)) < 0.5).astype(np.uint8)
ADDITIVE = ["volume_fraction", "two_point_correlation", "lineal_path", "chord_length_distribution", "local_porosity"]


def equal(a, b):
    return [r.to_dict() for r in a.values()] == [r.to_dict() for r in b.values()]


@pytest.mark.parametrize("argument", ["r_max", "window"])
@pytest.mark.parametrize("value", [0, -3, 50, "50um"])
def test_impossible_lengths_are_refused(argument, value):
    metric = {"r_max": "lineal_path", "window": "local_porosity"}[argument]
    with pytest.raises(mc.InputError, match=argument if value != "50um" else "voxel size is not known"):
        mc.measure(VOLUME, [metric], **{argument: value})


def test_lengths_with_units_become_voxels():
    found = mc.measure(VOLUME, ["lineal_path"], r_max="6um", voxel_size="2um")
    assert found["lineal_path"].profile(phase="1", direction="1").x.tolist() == [0, 2, 4, 6]


def test_threads_do_not_change_a_bit():
    assert equal(mc.measure(VOLUME, threads=1, r_max=4, window=3), mc.measure(VOLUME, threads=2, r_max=4, window=3))


def test_any_executor_counts_the_same():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        found = mc.measure(VOLUME, ADDITIVE, executor=executor, r_max=4, window=3)
    assert equal(found, mc.measure(VOLUME, ADDITIVE, r_max=4, window=3))


def test_metric_asked_for_by_name_that_cannot_honour_the_mask_is_refused_by_name():
    mask = np.ones_like(VOLUME)
    with pytest.raises(mc.InputError, match=r"effective_diffusivity does not support a mask.*--mask-insulating"):
        mc.measure(VOLUME, ["effective_diffusivity"], mask=mask)


def test_metrics_that_cannot_honour_the_mask_say_so_among_all():
    found = mc.measure(VOLUME, mask=np.ones_like(VOLUME), r_max=4, window=3, skip=["local_thickness"])
    assert found["effective_diffusivity"].status == "refused"
    assert found["lineal_path"].status == "ok"


def test_full_mask_changes_no_number():
    plain = mc.measure(VOLUME, r_max=4, window=3)
    masked = mc.measure(VOLUME, mask=np.ones_like(VOLUME), r_max=4, window=3)
    for name, result in masked.items():
        if result.status == "refused":
            continue
        assert [v.value for v in result.values] == pytest.approx([v.value for v in plain[name].values], rel=1e-12)
        for profile, expected in zip(result.profiles, plain[name].profiles, strict=True):
            np.testing.assert_allclose(profile.y, expected.y, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("n_phases", [2, 4])
def test_a_box_as_mask_is_a_crop(n_phases):
    """Voxels outside are ignored: neither in numerators nor in denominators."""
    values = np.random.default_rng(n_phases).integers(0, n_phases, (16, 15, 14)) // [[[1], [1], [2]] * 5]
    box = np.s_[2:12, 3:14, 1:13]
    inside = np.zeros(values.shape, bool)
    inside[box] = True
    how = {"r_max": 5, "window": 4, "voxel_size": "1,2,3um"}
    cropped = mc.measure(values[box], **how)
    # What a value outside the mask is does not matter, even if it is no phase.
    masked = mc.measure(np.where(inside, values, 99), mask=inside, **how)
    for name, result in masked.items():
        if name == "percolating_fraction":
            assert {value.status for value in result.values} == {"undefined"}  # the mask leaves out the end faces
        elif result.status != "refused":
            expected = cropped[name]
            for entry, other in zip(result.values, expected.values, strict=True):
                if entry.feature == "percolating_radius":
                    assert entry.status == "undefined"
                    continue
                assert entry.value == (other.value and pytest.approx(other.value, rel=1e-9)), (name, entry)
            for entry, other in zip(result.profiles, expected.profiles, strict=True):
                n = min(len(entry.y), len(other.y))  # chords could be longer in the larger volume
                assert entry.y[:n] == pytest.approx(other.y[:n], rel=1e-9, nan_ok=True), (name, entry.direction)


def test_input_is_not_modified():
    before = VOLUME.copy()
    mc.measure(VOLUME, mask=VOLUME == 1, r_max=4, window=3)
    assert np.array_equal(before, VOLUME)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_images_are_volumes_with_one_plane(axis):
    image = np.expand_dims(VOLUME[0], axis)
    found = mc.measure(image, r_max=4, window=3)
    for name in ("two_point_correlation", "lineal_path", "specific_surface_area", "local_porosity", "glcm"):
        assert found[name].status == "ok", name
        directions = {entry.direction for entry in (*found[name].values, *found[name].profiles)}
        assert str(axis) not in directions or name in {"glcm", "local_porosity"}


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_refused(threads):
    with pytest.raises(mc.InputError, match=rf"threads={threads}: expected a whole number greater than 0"):
        mc.measure(VOLUME, ["volume_fraction"], threads=threads)


def test_interval_is_told_while_it_narrows():
    seen = []
    labels = (np.random.default_rng(0).random((12, 12, 12)) < 0.3).astype(np.uint8)
    mc.measure(labels, ["effective_diffusivity"], progress=lambda fraction, text: seen.append(text))
    assert any("effective diffusivity " in text and " to " in text for text in seen)
