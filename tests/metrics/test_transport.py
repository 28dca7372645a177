"""Effective diffusivity and tortuosity factor as metrics: media of known answer, statuses, refusals, a peer."""

from __future__ import annotations

import html

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError
from microchar.core.pictures import decode
from microchar.core.result import Result
from microchar.diffusion import solve
from microchar.testing.volumes import serpentine, slabs, straight_channel

TRANSPORT = ["effective_diffusivity", "tortuosity_factor", "formation_factor"]
PORE = {"pore": 0, "solid": 1}


@pytest.mark.analytic
def test_not_percolating_has_no_tortuosity():
    labels = np.ones((6, 6, 6), np.uint8)
    labels[3] = 0
    found = mc.measure(labels, TRANSPORT)
    d = found["effective_diffusivity"].value(phase="1", direction="0", feature="")
    tau = found["tortuosity_factor"].value(phase="1", direction="0", feature="")
    assert (d.value, d.lower, d.upper, d.status) == (0, 0, 0, "not_percolating")
    assert (tau.value, tau.lower, tau.upper, tau.status) == (None, None, None, "not_percolating")
    assert "zero" in d.message
    assert "undefined" in tau.message
    assert found["effective_diffusivity"].value(phase="1", direction="1", feature="").value == pytest.approx(5 / 6)


@pytest.mark.analytic
def test_absent_phase_and_single_phase():
    volume = mc.as_volume(np.zeros((4, 4, 4), int), phases={"pore": 0, "solid": 1})
    result = mc.metrics.EffectiveDiffusivity()(volume)
    assert result.value(phase="pore", direction="2", feature="").value == pytest.approx(1)
    assert result.value(phase="solid", direction="2", feature="").status == "absent_phase"
    tau = mc.metrics.TortuosityFactor()(volume).value(phase="solid", direction="2", feature="")
    assert (tau.value, tau.status) == (None, "absent_phase")


@pytest.mark.analytic
def test_mixture_is_labelled_by_its_phases():
    labels = np.random.default_rng(1).integers(0, 3, (8, 8, 8))
    volume = mc.as_volume(labels, phases=["pore", "solid", "binder"])
    metric = mc.metrics.EffectiveDiffusivity(diffusivity={"pore": 1, "binder": 0.05}, axes=(1,))
    found = metric(volume).value(phase="pore+binder", direction="1", feature="")
    assert found.value == pytest.approx(solve(labels.astype(np.uint8), (1, 0, 0.05), axis=1).value)
    tau = mc.metrics.TortuosityFactor(diffusivity={"pore": 1, "binder": 0.05}, axes=(1,))(volume)
    layers = np.mean(labels == 0) + 0.05 * np.mean(labels == 2)
    assert tau.value(feature="").value == pytest.approx(layers / found.value)


@pytest.mark.analytic
@pytest.mark.parametrize(("first", "second"), [(1, 4), (0.3, 0.3), (2.5, 0)])
def test_the_tortuosity_of_parallel_layers_is_one(first, second):
    volume = slabs((10, 6, 5), thicknesses=(3, 2), axis=1)
    metric = mc.metrics.TortuosityFactor(diffusivity={"0": first, "1": second})
    found = metric(volume)
    for axis in "02":
        for feature in ("", "geometric_tortuosity"):
            assert found.value(direction=axis, feature=feature).value == pytest.approx(1, rel=1e-8)
    across = found.value(direction="1", feature="")
    if second == 0:
        assert across.status == "not_percolating"
    else:  # in series; three voxels of the first, two of the second, and one of the first
        exact = (4 / 6 * first + 2 / 6 * second) * (4 / 6 / first + 2 / 6 / second)
        assert across.value == pytest.approx(exact, rel=1e-8)


@pytest.mark.analytic
@pytest.mark.parametrize("diffusivity", [1e-6, 0.5, 1, 7])
def test_the_tortuosity_of_a_uniform_block_is_one_whatever_it_conducts(diffusivity):
    volume = mc.as_volume(np.zeros((4, 5, 6), int), phases={"a": 0, "b": 1})
    found = mc.metrics.TortuosityFactor(diffusivity={"a": diffusivity, "b": 3})(volume)
    factors = [value.value for value in found.values if not value.feature]
    assert factors == pytest.approx([1, 1, 1], rel=1e-8)


@pytest.mark.analytic
def test_a_mask_is_refused_unless_it_insulates():
    labels = np.zeros((6, 6, 6), int)
    mask = np.ones((6, 6, 6), bool)
    mask[:, :3] = False
    volume = mc.as_volume(labels, mask=mask)
    with pytest.raises(InputError, match="effective_diffusivity"):
        mc.measure(volume, ["effective_diffusivity"])
    found = mc.metrics.EffectiveDiffusivity(mask_insulating=True, axes=(0,))(volume)
    assert found.value(feature="").value == pytest.approx(0.5)


@pytest.mark.analytic
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"axes": (3,)}, "axes="),
        ({"axes": ()}, "axes="),
        ({"tolerance": 0}, "tolerance="),
        ({"backend": "magic"}, "backend="),
        ({"diffusivity": {"0": -1}}, "diffusivity="),
        ({"diffusivity": {"0": 1}, "conducting": ("0",)}, "cannot be combined; pass one of them"),
        ({"conducting": ("pore",)}, "no phase is named pore"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(InputError, match=message):
        mc.metrics.EffectiveDiffusivity(**arguments)(mc.as_volume(np.zeros((3, 3, 3), int)))


@pytest.mark.analytic
def test_a_single_voxel_has_no_axis_of_transport():
    found = mc.measure(np.zeros((1, 1, 1), int), TRANSPORT)
    assert {result.status for result in found.values()} == {"not_applicable"}


@pytest.mark.analytic
def test_an_axis_of_one_voxel_is_refused():
    with pytest.raises(InputError, match="axis of one voxel"):
        mc.metrics.EffectiveDiffusivity(axes=(0,))(mc.as_volume(np.zeros((3, 3), int)))


@pytest.mark.analytic
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_straight_channel_conducts_its_volume_fraction(axis):
    volume = straight_channel((7, 8, 9), width=3, axis=axis)
    found = mc.measure(volume, [*TRANSPORT, "percolating_fraction"])
    labels = {"phase": "channel", "direction": str(axis)}
    fraction = (volume.values == 1).mean()
    assert found["effective_diffusivity"].value(**labels, feature="").value == pytest.approx(fraction, rel=1e-8)
    assert found["tortuosity_factor"].value(**labels, feature="").value == pytest.approx(1, rel=1e-8)
    assert found["percolating_fraction"].value(**labels).value == 1
    for across in {0, 1, 2} - {axis}:
        value = found["effective_diffusivity"].value(phase="channel", direction=str(across), feature="")
        assert (value.value, value.status) == (0, "not_percolating")


@pytest.mark.analytic
@pytest.mark.parametrize(("turns", "run"), [(2, 3), (3, 5)])
def test_a_serpentine_is_as_tortuous_as_its_length_squared(turns, run):
    volume = serpentine(turns, run=run)
    path, planes = int(volume.values.sum()), volume.shape[0]
    found = mc.measure(volume, TRANSPORT)
    labels = {"phase": "path", "direction": "0"}
    tau = found["tortuosity_factor"].value(**labels, feature="")
    assert tau.value == pytest.approx((path / planes) ** 2, rel=1e-8)
    # Between the bounds, which is more than the tolerance promises.
    assert tau.lower <= (path / planes) ** 2 * (1 + 1e-8)
    assert tau.upper >= (path / planes) ** 2 * (1 - 1e-8)
    root = found["tortuosity_factor"].value(**labels, feature="geometric_tortuosity")
    assert root.value == pytest.approx(path / planes, rel=1e-8)
    diffusivity = found["effective_diffusivity"].value(**labels, feature="").value
    assert diffusivity == pytest.approx(volume.values.mean() * (planes / path) ** 2, rel=1e-8)


@pytest.mark.analytic
@pytest.mark.parametrize("sizes", [(1.0, 1.0, 1.0), (0.5, 2.0, 1.0)])
def test_layers_conduct_in_parallel_and_in_series(sizes):
    """Two layers of three voxels, one of two, twice over: also where voxels are no cubes."""
    volume = slabs((10, 4, 3), thicknesses=(3, 2))
    conductors = {"0": 1.0, "1": 0.2}
    found = mc.measure(
        volume,
        "effective_diffusivity",
        parameters={"effective_diffusivity": {"diffusivity": conductors}},
        voxel_size=list(sizes),
    )
    values = {v.direction: v.value for v in found["effective_diffusivity"].values if not v.feature}
    assert values["0"] == pytest.approx(1 / (0.6 / 1.0 + 0.4 / 0.2), rel=1e-8)
    assert [values["1"], values["2"]] == pytest.approx([0.6 + 0.4 * 0.2] * 2, rel=1e-8)


@pytest.mark.property
def test_the_formation_factor_is_the_inverse_of_the_same_solve(monkeypatch):
    solves = []
    monkeypatch.setattr(
        "microchar.metrics._transport.solve", lambda *args, **options: solves.append(args) or solve(*args, **options)
    )
    labels = (np.random.default_rng(3).random((9, 8, 7)) < 0.4).astype(np.uint8)
    found = mc.measure(labels, TRANSPORT, parameters={name: {"tolerance": 0.1} for name in TRANSPORT})
    assert len(solves) == 6
    for key in ({"phase": phase, "direction": axis} for phase in "01" for axis in "012"):
        d = found["effective_diffusivity"].value(**key, feature="")
        f = found["formation_factor"].value(**key, feature="")
        tau = found["tortuosity_factor"].value(**key, feature="")
        root = found["formation_factor"].value(**key, feature="electrical_tortuosity")
        if d.value == 0:
            assert (f.value, f.lower, f.upper, f.status, root.value) == (None, None, None, "not_percolating", None)
            continue
        assert [f.lower, f.value, f.upper] == pytest.approx([1 / d.upper, 1 / d.value, 1 / d.lower], rel=1e-12)
        assert [root.lower, root.value, root.upper] == pytest.approx(
            np.sqrt([tau.lower, tau.value, tau.upper]), rel=1e-12
        )


@pytest.mark.analytic
def test_the_formation_factor_of_a_serpentine():
    volume = serpentine(2, run=3)
    path, planes = int(volume.values.sum()), volume.shape[0]
    found = mc.metrics.FormationFactor(axes=(0,), conducting=("path",))(volume)
    assert found.value(feature="electrical_tortuosity").value == pytest.approx(path / planes, rel=1e-8)
    assert found.value(feature="").value == pytest.approx((path / planes) ** 2 / volume.values.mean(), rel=1e-8)


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(12, 10, 8), (1, 12, 10), (12, 10, 1)])
def test_metric_pictures_the_first_axis_of_each_phase(shape, tmp_path):
    labels = (np.random.default_rng(0).random(shape) < 0.3).astype(np.uint8)
    volume = mc.as_volume(labels, phases=PORE, voxel_size="1,2,2um")
    found = mc.measure(volume, TRANSPORT, parameters={name: {"conducting": ("pore",)} for name in TRANSPORT})
    (picture,) = found["effective_diffusivity"].pictures
    first = volume.grid.axes[0]
    assert (picture.phase, picture.direction) == ("pore", str(first))
    pixels = decode(picture.png)
    assert pixels.shape[0] == shape[first]
    assert 0 < (pixels > 0).mean() < 1
    assert not found["tortuosity_factor"].pictures
    again = Result.from_dict(found["effective_diffusivity"].to_dict())
    assert again.pictures == (picture,)
    page = mc.write_report(found, tmp_path, formats=["html"], full=True)["report.html"].read_text(encoding="utf-8")
    assert picture.caption in html.unescape(page)


@pytest.mark.realdata
def test_taufactor_as_a_backend(real_array):
    pytest.importorskip("taufactor")
    volume = mc.as_volume(np.asarray(real_array("berea")[:32, :40, :40]), phases=["pore", "grain"])
    own = mc.metrics.EffectiveDiffusivity(axes=(0,), conducting=("pore",))
    peer = mc.metrics.EffectiveDiffusivity(axes=(0,), conducting=("pore",), backend="taufactor", tolerance=1e-4)
    expected = own(volume).value(feature="")
    found = peer(volume).value(feature="")
    assert found.value == pytest.approx(expected.value, rel=2e-3)
    assert found.lower is None
