"""Effective diffusivity and tortuosity factor where the answer is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError
from microchar.diffusion import solve


def random_labels(shape=(16, 15, 14), porosity=0.6, seed=0):
    return (np.random.default_rng(seed).random(shape) < porosity).astype(np.uint8)


def spheres(edge):
    """Insulating sphere of radius 0.4 cells in a cubic cell; 1 conducts."""
    centres = (np.indices((edge,) * 3) + 0.5) / edge - 0.5
    return (np.sqrt((centres**2).sum(axis=0)) > 0.4).astype(np.uint8)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_all_conducting_is_free_space(axis):
    found = solve(np.ones((5, 6, 7), np.uint8), (0, 1), axis=axis, voxel_size=(1, 2, 3))
    assert found.value == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slabs_conduct_in_series_and_in_parallel(axis):
    rng = np.random.default_rng(axis)
    profile = rng.integers(0, 3, 12).astype(np.uint8)
    conductivity = np.array([1.0, 0.05, 7.0])
    labels = np.broadcast_to(np.moveaxis(profile[:, None, None], 0, axis), np.insert([5, 4], axis, 12)).copy()
    series = solve(labels, conductivity, axis=axis)
    assert series.value == pytest.approx(1 / np.mean(1 / conductivity[profile]), rel=1e-8)
    parallel = solve(labels, conductivity, axis=(axis + 1) % 3)
    assert parallel.value == pytest.approx(np.mean(conductivity[profile]), rel=1e-8)


def test_serpentine():
    n = 21  # length; turns of width 5 at every other plane
    labels = np.zeros((n, 5, 3), np.uint8)
    labels[1::2, :, 1] = 1
    labels[0::4, 0, 1] = labels[2::4, -1, 1] = 1
    path = labels.sum()
    found = solve(labels, (0, 1))
    assert found.value == pytest.approx(labels.mean() * (n / path) ** 2, rel=1e-8)
    metric = mc.metrics.TortuosityFactor(axes=(0,), conducting=("1",))
    tau = metric(mc.as_volume(labels)).value(feature="")
    assert tau.value == pytest.approx((path / n) ** 2, rel=1e-8)
    assert tau.lower <= tau.value <= tau.upper


def test_slanted_strip_conducts_less_than_a_straight_one():
    # A staircase of two-voxel steps: between the path through the corner voxels and the straight one.
    labels = np.zeros((12, 14, 1), np.uint8)
    for i in range(12):
        labels[i, i : i + 3] = 1
    found = solve(labels, (0, 1)).value
    assert found < labels.mean()
    assert found == pytest.approx(solve(labels[::-1], (0, 1)).value, rel=1e-9)


def test_dead_ends_and_isolated_pores_change_nothing():
    labels = np.zeros((10, 9, 9), np.uint8)
    labels[:, 2:4, 2:4] = 1
    plain = solve(labels, (0, 1))
    labels[5, 4:8, 3] = 1  # dead end
    labels[8, 6:8, 6:8] = 1  # isolated
    labels[0:3, 7, 7] = 1  # open at one end face only
    found = solve(labels, (0, 1))
    assert found.value == pytest.approx(plain.value, rel=1e-9)
    assert found.conducting_fraction > found.percolating_fraction == pytest.approx((40 + 4) / 810)


def test_not_percolating_has_no_tortuosity():
    labels = np.ones((6, 6, 6), np.uint8)
    labels[3] = 0
    found = mc.measure(labels, ["effective_diffusivity", "tortuosity_factor"])
    d = found["effective_diffusivity"].value(phase="1", direction="0", feature="")
    tau = found["tortuosity_factor"].value(phase="1", direction="0", feature="")
    assert (d.value, d.lower, d.upper, d.status) == (0, 0, 0, "not_percolating")
    assert (tau.value, tau.lower, tau.upper, tau.status) == (None, None, None, "not_percolating")
    assert "zero" in d.message
    assert "does not exist" in tau.message
    assert found["effective_diffusivity"].value(phase="1", direction="1", feature="").value == pytest.approx(5 / 6)


def test_absent_phase_and_single_phase():
    volume = mc.as_volume(np.zeros((4, 4, 4), int), phases={"pore": 0, "solid": 1})
    result = mc.metrics.EffectiveDiffusivity()(volume)
    assert result.value(phase="pore", direction="2", feature="").value == pytest.approx(1)
    assert result.value(phase="solid", direction="2", feature="").status == "absent_phase"
    tau = mc.metrics.TortuosityFactor()(volume).value(phase="solid", direction="2", feature="")
    assert (tau.value, tau.status) == (None, "absent_phase")


def test_hashin_shtrikman_is_kept_by_an_isotropic_medium():
    for porosity in (0.5, 0.7, 0.9):
        labels = random_labels((24, 24, 24), porosity)
        phi = labels.mean()
        # A random medium of this size is isotropic to a few per cent; noise is far below the bound.
        assert solve(labels, (0, 1)).value < 2 * phi / (3 - phi)


def test_cubic_array_of_spheres_converges_to_the_analytic_value():
    f = 4 / 3 * np.pi * 0.4**3
    truth = 1 - 3 * f / (2 + f - 0.392 * f ** (10 / 3))
    errors = [abs(solve(spheres(edge), (0, 1), periodic=(1, 2), tolerance=1e-4).value - truth) for edge in (10, 20, 40)]
    # The staircase surface costs an error of the order of the voxel, always to the low side: measured .059, .030, .015.
    assert errors[2] < 0.02
    for coarse, fine in pairwise(errors):
        assert 1.6 < coarse / fine < 2.5


def test_stretching_all_voxels_changes_nothing_and_one_axis_scales_a_channel():
    labels = random_labels()
    plain = solve(labels, (0, 1), tolerance=1e-6)
    assert solve(labels, (0, 1), voxel_size=(3, 3, 3), tolerance=1e-6).value == pytest.approx(plain.value, rel=1e-9)
    # Very long voxels leave no way but straight through: parallel straight lines.
    straight = labels.all(axis=0).mean()
    stretched = solve(labels, (0, 1), voxel_size=(1, 1e4, 1e4), tolerance=1e-6).value
    assert stretched == pytest.approx(straight, abs=1e-5)


def test_periodic_sides_open_ways():
    labels = np.zeros((4, 5, 1), np.uint8)
    labels[:2, 0] = labels[1:, 4] = 1
    assert solve(labels, (0, 1)).status == "not_percolating"
    assert solve(labels, (0, 1), periodic=(1,)).value == pytest.approx(4 / 5 / 5)
    assert solve(labels, (0, 1), axis=2).value == pytest.approx(labels.mean())


def test_image_at_any_position_of_the_flat_axis():
    image = random_labels((1, 20, 18), 0.8)
    expected = solve(image, (0, 1), axis=1, voxel_size=(7, 1, 2)).value
    assert solve(np.moveaxis(image, 0, 2), (0, 1), axis=0, voxel_size=(1, 2, 7)).value == pytest.approx(expected)
    assert solve(np.moveaxis(image, 0, 1), (0, 1), axis=0, voxel_size=(1, 7, 2)).value == pytest.approx(expected)


def test_mixture_is_labelled_by_its_phases():
    labels = np.random.default_rng(1).integers(0, 3, (8, 8, 8))
    volume = mc.as_volume(labels, phases=["pore", "solid", "binder"])
    metric = mc.metrics.EffectiveDiffusivity(diffusivity={"pore": 1, "binder": 0.05}, axes=(1,))
    found = metric(volume).value(phase="pore+binder", direction="1", feature="")
    assert found.value == pytest.approx(solve(labels.astype(np.uint8), (1, 0, 0.05), axis=1).value)
    tau = mc.metrics.TortuosityFactor(diffusivity={"pore": 1, "binder": 0.05}, axes=(1,))(volume)
    assert tau.value(feature="").value == pytest.approx(np.mean(labels != 1) / found.value)


def test_a_mask_is_refused_unless_it_insulates():
    labels = np.zeros((6, 6, 6), int)
    mask = np.ones((6, 6, 6), bool)
    mask[:, :3] = False
    volume = mc.as_volume(labels, mask=mask)
    with pytest.raises(InputError, match="effective_diffusivity"):
        mc.measure(volume, ["effective_diffusivity"])
    found = mc.metrics.EffectiveDiffusivity(mask_insulating=True, axes=(0,))(volume)
    assert found.value(feature="").value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"axes": (3,)}, "axes="),
        ({"axes": ()}, "axes="),
        ({"tolerance": 0}, "tolerance="),
        ({"backend": "magic"}, "backend="),
        ({"diffusivity": {"0": -1}}, "diffusivity="),
        ({"diffusivity": {"0": 1}, "conducting": ("0",)}, "exclude each other"),
        ({"conducting": ("pore",)}, "no phase is named pore"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(InputError, match=message):
        mc.metrics.EffectiveDiffusivity(**arguments)(mc.as_volume(np.zeros((3, 3, 3), int)))


def test_a_single_voxel_has_no_axis_of_transport():
    found = mc.measure(np.zeros((1, 1, 1), int), ["effective_diffusivity", "tortuosity_factor"])
    assert {result.status for result in found.values()} == {"not_applicable"}


def test_an_axis_of_one_voxel_is_refused():
    with pytest.raises(InputError, match="axis of one voxel"):
        mc.metrics.EffectiveDiffusivity(axes=(0,))(mc.as_volume(np.zeros((3, 3), int)))
