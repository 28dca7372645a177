"""A volume compared with a 2D image: slices along each axis, measured as images, and the means of their results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import microchar as mc
from blobs import blobs
from microchar.comparison.planes import mean_result
from microchar.core.result import Profile, Result, Status, Value

pytestmark = pytest.mark.property

IMAGE = blobs((1, 40, 44), 0).read()[0]
FAKE = blobs((30, 36, 40), 1).read()
#: The inner 8 of 10 evenly spaced slices of 30, 36 and 40: round(29 k / 9), round(35 k / 9), round(39 k / 9).
PLACES = (
    [3, 6, 10, 13, 16, 19, 23, 26],
    [4, 8, 12, 16, 19, 23, 27, 31],
    [4, 9, 13, 17, 22, 26, 30, 35],
)


def test_values_are_means_over_slices_along_each_axis():
    found = mc.compare(IMAGE, FAKE, ["volume_fraction", "lineal_path", "specific_surface_area"], r_max=5)
    assert [m.volume.name for m in found.candidates] == [f"candidate, normal to {axis}" for axis in range(3)]
    for axis, (measurement, places) in enumerate(zip(found.candidates, PLACES, strict=True)):
        slices = [FAKE.take(place, axis) for place in places]
        expected = np.mean([image.mean() for image in slices])
        assert measurement["volume_fraction"].value(phase="1").value == pytest.approx(expected, rel=1e-12)
        # A slice normal to axis 0 has the axes 1 and 2 of the volume, which are axes 1 and 2 of the image; and so on.
        runs = np.mean([(image[:, :-1] & image[:, 1:]).mean() for image in slices])
        profile = measurement["lineal_path"].profile(phase="1", direction="2")
        assert profile.y[1] == pytest.approx(runs, rel=1e-12)
        area = measurement["specific_surface_area"].value(phase="1", estimator="faces").value
        faces = [(np.diff(i, axis=0) != 0).sum() + (np.diff(i, axis=1) != 0).sum() for i in slices]
        assert area == pytest.approx(np.mean(faces) / slices[0].size, rel=1e-12)
        assert measurement["lineal_path"].convention["sample"] == f"mean of 8 slices normal to axis {axis}"
    assert set(found.differences().volume) == {m.volume.name for m in found.candidates}
    assert found.notes[0] == "candidate, normal to 0: mean of 8 slices normal to axis 0"


def test_an_image_beside_a_volume_is_measured_as_it_is():
    other = blobs((1, 40, 44), 5).read()[0]
    found = mc.compare(IMAGE, {"image": other, "volume": FAKE}, ["volume_fraction"])
    names = ["image", "volume, normal to 0", "volume, normal to 1", "volume, normal to 2"]
    assert [m.volume.name for m in found.candidates] == names
    assert found.candidates[0]["volume_fraction"].value(phase="1").value == other.mean()


def test_metrics_of_pairs_and_of_transport_are_left_out_unless_named():
    slow = ["local_thickness", "glcm", "anisotropy_index", "two_point_cluster", "permeability"]
    found = mc.compare(IMAGE, FAKE[:12, :12, :12], skip=slow)
    left_out = {
        "intrusion",
        "percolating_fraction",
        "effective_diffusivity",
        "tortuosity_factor",
        "formation_factor",
        "ssim",
        "psnr",
    }
    assert set(found.reference) == set(mc.metrics.metric_names()) - left_out - set(slow)
    assert found.pairs == ({}, {}, {})
    assert mc.compare(IMAGE, FAKE, ["percolating_fraction"]).candidates[2]["percolating_fraction"].values
    with pytest.raises(mc.InputError, match="ssim: measured on slices of the same index, which an image and a volume"):
        mc.compare(IMAGE, FAKE, ["volume_fraction", "ssim"])


def test_voxel_sizes_and_masks_go_with_the_slices():
    mask = np.zeros(FAKE.shape, bool)
    mask[10:20, :, ::2] = True
    fake = mc.as_volume(FAKE, voxel_size="1,1,2um", mask=mask)
    with pytest.raises(mc.InputError, match="normal to 0 has voxel size"):
        mc.compare(mc.as_volume(IMAGE, voxel_size="1um"), fake, ["volume_fraction"])
    fake = mc.as_volume(FAKE, voxel_size="1000nm", mask=mask)
    found = mc.compare(mc.as_volume(IMAGE, voxel_size=("1um", "1um")), fake, ["volume_fraction"])
    places = 10 + np.array([1, 2, 3, 4, 5, 6, 7, 8])  # of the slices inside the mask
    expected = np.mean([FAKE[place][:, ::2].mean() for place in places])
    assert found.candidates[0]["volume_fraction"].value(phase="1").value == pytest.approx(expected, rel=1e-12)
    assert found.candidates[0].volume.unit == "um"


def test_an_image_normal_to_another_axis():
    found = mc.compare(IMAGE[:, None], FAKE, ["lineal_path"], r_max=3)
    profile = found.candidates[1]["lineal_path"].profile(phase="1", direction="0")
    slices = [FAKE[:, place] for place in PLACES[1]]
    assert profile.y[1] == pytest.approx(np.mean([(i[:-1] & i[1:]).mean() for i in slices]), rel=1e-12)


def test_an_image_is_not_compared_with_a_volume():
    with pytest.raises(mc.InputError, match="compare images with images, and volumes with volumes"):
        mc.compare(FAKE, IMAGE, ["volume_fraction"])


def test_what_some_slices_lack_is_averaged_over_the_others():
    def result(value, curve, status=Status.OK):
        values = (Value(phase="a", value=value, status=status, message="" if value is not None else "none there"),)
        profile = Profile(phase="a", feature="cdf", x=np.arange(len(curve)), y=np.array(curve, float))
        about = {"metric": "m", "title": "M", "symbol": "m", "kind": "scalar", "convention": {"boundary": "x"}}
        return Result(**about, values=values, profiles=(profile,))

    found = mean_result([result(1.0, [0.2, 1]), result(None, [0, 0.5, 1], Status.UNDEFINED)], "two slices")
    assert found.value(phase="a") == Value(phase="a", value=1.0, message="mean of 1 of 2 slices; none there")
    assert found.profile(phase="a").y.tolist() == [0.1, 0.75, 1.0]
    assert found.convention == {"boundary": "x", "sample": "two slices"}
    failed = replace(result(1.0, [1]), values=(), status=Status.FAILED, message="out of luck")
    assert mean_result([result(1.0, [1]), failed], "two") is failed
    missing = result(None, [1], Status.ABSENT_PHASE)
    assert mean_result([missing, missing], "two").value(phase="a").status == "absent_phase"
    zero = replace(missing, values=(Value(phase="a", value=0.0, status=Status.NOT_PERCOLATING, message="no"),))
    blocked = mean_result([zero, zero], "two").value(phase="a")
    assert (blocked.value, blocked.status, blocked.message) == (0, "not_percolating", "no")
    assert mean_result([zero, result(0.4, [1])], "two").value(phase="a").value == 0.2
    assert mean_result([zero, result(0.4, [1])], "two").value(phase="a").status == "ok"
