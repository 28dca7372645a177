"""Permeability as a metric: what flows, the sides, units, statuses, refusals, when it is measured."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError
from microchar.core.pictures import decode
from microchar.measurement.selection import choose
from microchar.stokes import solve


def three_phases(shape=(9, 8, 7), seed=0):
    labels = np.random.default_rng(seed).choice(3, shape, p=(0.5, 0.2, 0.3))
    return mc.as_volume(labels, phases=["pore", "binder", "solid"])


@pytest.mark.analytic
def test_a_union_of_phases_flows_together():
    volume = three_phases()
    metric = mc.metrics.Permeability(flowing=("pore", "pore+binder"), axes=(1,), estimators=("stokes",), tolerance=1e-6)
    found = metric(volume)
    for phase, labels in {"pore": (0,), "pore+binder": (0, 1)}.items():
        expected = solve(np.isin(volume.values, labels), axis=1, tolerance=1e-6)
        value = found.value(phase=phase)
        assert (value.value, value.lower, value.upper) == (expected.value, expected.lower, expected.upper)


@pytest.mark.analytic
def test_units_of_a_known_voxel_size():
    fluid = np.zeros((4, 6, 5), int)
    fluid[:, 1:5] = 1
    volume = mc.as_volume(fluid, phases=["solid", "pore"], voxel_size="2um")
    found = mc.metrics.Permeability(flowing=("pore",), axes=(0,), estimators=("stokes",), tolerance=1e-8)(volume)
    k = (4**3 + 2 * 4) / (12 * 6) * 4  # in µm²
    # A darcy is 0.9869233 µm².
    expected = {"": ("um^2", k), "m2": ("m^2", k * 1e-12), "darcy": ("D", k / 0.9869233)}
    expected["millidarcy"] = ("mD", k / 0.9869233e-3)
    for feature, (unit, number) in expected.items():
        value = found.value(feature=feature)
        assert value.unit == unit
        assert value.value == pytest.approx(number, rel=1e-7)
        assert value.lower <= value.value <= value.upper


@pytest.mark.analytic
def test_sides():
    open_box = mc.as_volume(np.zeros((4, 6, 6), int), phases={"pore": 0, "solid": 1})

    def found(**parameters):
        metric = mc.metrics.Permeability(axes=(0,), flowing=("pore",), estimators=("stokes",), **parameters)
        return metric(open_box).value(feature="")

    assert (found().value, found().status) == (None, "undefined")
    assert (found(sides="periodic").value, found(sides="periodic").status) == (None, "undefined")
    duct = 1.103 * 0.0351442537 * 6**2
    assert found(sides="no-slip").value == pytest.approx(duct, rel=2e-3)
    # Walls normal to axis 1 only: a slit.
    slit = (6**3 + 12) / (12 * 6)
    assert found(sides="no-slip", periodic=(2,)).value == pytest.approx(slit, rel=1e-3)


@pytest.mark.analytic
def test_statuses_of_phases():
    labels = np.zeros((5, 5, 5), int)
    labels[:, :2] = 1
    labels[2, :2] = 2
    volume = mc.as_volume(labels, phases={"a": 0, "b": 1, "c": 2, "d": 3})
    found = mc.metrics.Permeability(axes=(0,))(volume)
    statuses = {value.phase: (value.status, value.value) for value in found.values if value.estimator == "stokes"}
    assert statuses["b"] == statuses["c"] == ("not_percolating", 0)
    assert statuses["d"] == ("absent_phase", 0)
    assert statuses["a"][0] == "ok"
    assert all(value.message for value in found.values if value.status != "ok")


@pytest.mark.analytic
def test_a_mask_is_refused_unless_it_is_solid():
    mask = np.ones((5, 6, 4), bool)
    mask[:, :2] = False
    volume = mc.as_volume(np.zeros((5, 6, 4), int), phases={"pore": 0, "solid": 1}, mask=mask)
    with pytest.raises(InputError, match="mask_solid=True"):
        mc.metrics.Permeability()(volume)
    metric = mc.metrics.Permeability(axes=(0,), flowing=("pore",), mask_solid=True, estimators=("stokes",))
    assert metric(volume).value().value == pytest.approx(solve(mask).value)


@pytest.mark.analytic
def test_images_flow_between_the_edges():
    image = mc.as_volume(np.array([[1, 0, 0, 0, 0, 1]] * 5), phases=["pore", "solid"])
    found = mc.metrics.Permeability(flowing=("pore",), estimators=("stokes",), tolerance=1e-6)(image)
    along, across = (found.value(direction=str(axis)) for axis in image.grid.axes)
    assert along.value == pytest.approx((4**3 + 8) / (12 * 6), rel=1e-6)
    assert across.status == "not_percolating"


@pytest.mark.analytic
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"axes": (3,)}, "axes="),
        ({"sides": "rough"}, "sides="),
        ({"tolerance": 1e-12}, "tolerance="),
        ({"estimators": ("magic",)}, "estimators="),
        ({"flowing": ("pore+air",)}, "no phase is named air"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(InputError, match=message):
        mc.metrics.Permeability(**arguments)(three_phases())


@pytest.mark.property
def test_it_is_measured_on_request_only():
    assert "permeability" not in {metric.id for metric in choose(None)}
    named = {metric.id for metric in choose(None, parameters={"permeability": {"flowing": ("pore",)}})}
    assert named == {metric.id for metric in choose(None)} | {"permeability"}
    assert [metric.id for metric in choose("permeability")] == ["permeability"]


@pytest.mark.property
def test_the_first_axis_is_pictured():
    volume = three_phases((12, 10, 8))
    found = mc.metrics.Permeability(flowing=("pore+binder",))(volume)
    (picture,) = found.pictures
    assert (picture.phase, picture.direction) == ("pore+binder", "0")
    pixels = decode(picture.png)
    assert pixels.shape == (12, 10)
    assert not (pixels[volume.values[:, :, 4] == 2] > 0).any()
    assert "mean speed" in picture.caption
