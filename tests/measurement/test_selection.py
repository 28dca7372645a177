"""Which metrics are measured, and with which parameters."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.measurement.selection import choose
from microchar.metrics import find_metric, metric_names

pytestmark = pytest.mark.property

VOLUME = (np.random.default_rng(2).random((14, 12, 10)) < 0.5).astype(np.uint8)


def equal(a, b):
    return [r.to_dict() for r in a.values()] == [r.to_dict() for r in b.values()]


def test_unknown_metric_suggests_the_nearest():
    with pytest.raises(mc.InputError, match=r"unknown metric 'lineal_pth': did you mean 'lineal_path'"):
        mc.measure(VOLUME, ["lineal_pth"])


def test_unknown_metric_to_skip_is_an_error_too():
    with pytest.raises(mc.InputError, match="did you mean 'glcm'"):
        mc.measure(VOLUME, skip=["glmc"])


def test_skip_leaves_out():
    found = mc.measure(VOLUME, ["volume_fraction", "lineal_path"], skip=["lineal_path"])
    assert list(found) == ["volume_fraction"]


def test_skip_leaves_out_what_is_computed_from_it():
    slow = ["local_thickness", "intrusion", "effective_diffusivity", "two_point_correlation"]
    found = set(mc.measure(VOLUME, skip=slow))
    assert not found & {*slow, "tortuosity_factor", "formation_factor", "pair_correlation"}
    assert {"glcm", "anisotropy_index", "lineal_path"} <= found


def test_skip_of_a_derived_metric_leaves_out_nothing_else():
    every = {metric.id for metric in choose(None)}
    assert {metric.id for metric in choose(None, "formation_factor")} == every - {"formation_factor"}


def test_a_derived_metric_can_be_named_without_its_source():
    found = mc.measure(VOLUME, "tortuosity_factor", skip="effective_diffusivity")
    assert list(found) == ["tortuosity_factor"]
    assert equal(found, mc.measure(VOLUME, ["tortuosity_factor"]))


def test_metrics_are_derived_from_metrics():
    sources = {find_metric(name).derived_from for name in metric_names()} - {""}
    assert sources == {"effective_diffusivity", "two_point_correlation", "glcm"}
    assert not any(find_metric(source).derived_from for source in sources)  # `left_out` looks one step back


def test_metrics_can_be_given_configured():
    found = mc.measure(VOLUME, [mc.metrics.LinealPath(r_max=2)])
    assert found["lineal_path"].profile(phase="1", direction="0").x.tolist() == [0, 1, 2]


def test_one_metric_needs_no_list():
    alone = mc.measure(VOLUME, "volume_fraction", skip="glcm")
    assert equal(alone, mc.measure(VOLUME, ["volume_fraction"]))
    assert equal(alone, mc.measure(VOLUME, mc.metrics.VolumeFraction()))


def test_a_metric_without_its_parameters_is_refused():
    with pytest.raises(mc.InputError, match=r"expected ids or configured metrics, such as LinealPath\(r_max=50\)"):
        mc.measure(VOLUME, [mc.metrics.VolumeFraction])


@pytest.mark.parametrize("arguments", [{"metrics": []}, {"metrics": ["glcm"], "skip": ["glcm"]}])
def test_nothing_to_measure_is_refused(arguments):
    with pytest.raises(mc.InputError, match="found none, or all of them skipped"):
        mc.measure(VOLUME, **arguments)


def test_metrics_of_two_volumes_are_refused_by_name():
    with pytest.raises(mc.InputError, match=r"ssim: measured on two volumes, found one; hand both to compare\(\)"):
        mc.measure(VOLUME, ["volume_fraction", "ssim"])


def test_periodic_axes_are_refused_by_name_and_noted_among_all():
    without = ["local_thickness", "glcm", "anisotropy_index", "ssim", "psnr"]
    for name in without[:3]:
        with pytest.raises(mc.InputError, match=f"{name}: not defined for periodic boundaries; leave periodic="):
            mc.measure(VOLUME, ["lineal_path", name], periodic=(0,))
        with pytest.raises(mc.InputError, match=f"{name}: not defined"):
            mc.compare(VOLUME, VOLUME, [name], periodic=(0,))
    fast = [name for name in metric_names() if name not in (*without, "lineal_path")]
    found = mc.measure(VOLUME, skip=fast, periodic=(0, 2))
    assert found["lineal_path"].convention["boundary"] == "periodic along 0, 2"
    assert found["glcm"].convention["boundary"] == "non-periodic"
    (note,) = found.record().notes
    assert note.startswith("local_thickness, glcm, anisotropy_index cannot take axes 0, 2 as periodic")
    both = mc.compare(VOLUME, VOLUME, skip=fast, periodic=(0,))
    assert [note for note in both.notes if "local_thickness, glcm, anisotropy_index, ssim, psnr cannot" in note]
    assert mc.measure(VOLUME, skip=fast).notes == ()


def test_misspelt_parameters_are_refused_and_those_of_other_metrics_are_not():
    for call in (mc.measure, lambda volume, *given, **how: mc.compare(volume, volume, *given, **how)):
        with pytest.raises(mc.InputError, match="metric 'lineal_path' has no parameter 'rmax'; did you mean 'r_max'"):
            call(VOLUME, ["lineal_path"], parameters={"lineal_path": {"rmax": 4}})
    found = mc.measure(VOLUME, ["volume_fraction"], r_max=4, parameters={"cluster_density": {"connectivity": 26}})
    assert list(found) == ["volume_fraction"]
