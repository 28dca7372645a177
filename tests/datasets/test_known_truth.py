"""The published volumes of known truth hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError
from microchar.datasets import (
    checkerboard,
    cubic_spheres,
    overlapping_spheres,
    serpentine,
    slabs,
    slit,
    straight_channel,
)

pytestmark = pytest.mark.analytic

RADIUS, FRACTION = 6.0, 0.3


def spheres_s2(r):
    """Void of overlapping spheres: no centre in the union of two spheres around the points."""
    eta = -np.log(FRACTION)
    x = np.minimum(r / RADIUS, 2)
    return np.exp(-eta * (1 + 3 * x / 4 - x**3 / 16))


@pytest.mark.parametrize("periodic", [True, False])
def test_overlapping_spheres(periodic):
    lags = np.arange(17)
    found = []
    for seed in range(12):
        volume = overlapping_spheres((64, 64, 64), radius=RADIUS, void_fraction=FRACTION, seed=seed, periodic=periodic)
        profile = mc.metrics.TwoPointCorrelation(r_max=16, radial=False)(volume).profile(phase="void", direction="mean")
        found.append(profile.y)
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    # Points on a lattice in balls of real centres sample the medium without bias; five standard errors.
    assert (np.abs(mean - spheres_s2(lags)) < 5 * error).all()
    assert error.max() < 0.01


def test_periodic_spheres_continue_across_the_faces():
    volume = overlapping_spheres((40, 40, 40), radius=5, void_fraction=0.5, seed=0)
    inside = volume.values.astype(bool)
    across = np.mean(inside[0] != inside[-1])
    within = np.mean(inside[1:] != inside[:-1])
    # Independent planes would differ in half of their voxels; neighbours differ in s / 2 or so.
    assert across < 2 * within < 0.3


def test_spheres_that_meet_themselves_are_refused():
    with pytest.raises(InputError, match="too large"):
        overlapping_spheres((8, 32, 32), radius=4, void_fraction=0.5, seed=0)


def test_spheres_repeat_with_their_seed():
    first, again, other = (
        overlapping_spheres((24, 24, 24), radius=4, void_fraction=0.5, seed=seed).values for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_lineal_path_and_clusters_of_a_checkerboard():
    cell = 3
    board = checkerboard((12, 12, 12), cell=cell)
    for name in ("lineal_path", "two_point_cluster"):
        found = mc.measure(board, [name], r_max=5, periodic=(0, 1, 2))[name]
        y = found.profile(phase="0", direction="0").y
        # Cells touch at edges only, so that a cluster is a cell.
        np.testing.assert_allclose(y, np.maximum(cell - np.arange(6), 0) / (2 * cell), atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slabs_conduct_in_parallel_and_in_series(axis):
    layers = slabs((6, 6, 6), thicknesses=(2, 1), axis=axis)
    found = mc.metrics.EffectiveDiffusivity(diffusivity=(("0", 1.0), ("1", 4.0)))(layers)
    for direction in range(3):
        exact = 1 / (2 / 3 / 1 + 1 / 3 / 4) if direction == axis else 2 / 3 * 1 + 1 / 3 * 4
        value = found.value(direction=str(direction), feature="")
        # The default tolerance of the solver, which factorises a network this small: far better in fact.
        assert value.value == pytest.approx(exact, rel=1e-3)


def test_a_straight_channel_has_tortuosity_one():
    channel = straight_channel((9, 6, 5), width=2, axis=1)
    factor = mc.metrics.TortuosityFactor(conducting=("channel",), axes=(1,))(channel)
    assert factor.value(direction="1", feature="").value == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize(("turns", "run"), [(1, 3), (2, 5), (5, 4)])
def test_a_serpentine_has_the_square_of_its_detour(turns, run):
    volume = serpentine(turns, run=run)
    voxels, planes = int(volume.values.sum()), volume.shape[0]
    factor = mc.metrics.TortuosityFactor(conducting=("path",), axes=(0,))(volume)
    assert factor.value(direction="0", feature="").value == pytest.approx((voxels / planes) ** 2, rel=1e-3)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slit_conducts_as_much_as_it_is_wide(axis):
    volume = slit((8, 8, 8), width=3, axis=axis)
    assert volume.read().take([0, -1], axis).max() == 0
    found = mc.metrics.EffectiveDiffusivity(conducting=("slit",))(volume)
    for direction in range(3):
        exact = 0 if direction == axis else 3 / 8
        assert found.value(direction=str(direction), feature="").value == pytest.approx(exact, rel=1e-8)


def test_a_slit_without_walls_is_refused():
    with pytest.raises(InputError, match="expected 1 to 6"):
        slit((8, 4, 4), width=7)


def test_cubic_spheres_have_their_volume_and_surface_and_conduct_as_rayleigh_says():
    cell, radius = 40, 14.0
    volume = cubic_spheres(cell, radius=radius)
    assert np.array_equal(volume.values, volume.values[::-1].transpose(2, 0, 1))
    f = 4 / 3 * np.pi * (radius / cell) ** 3
    assert volume.values.mean() == pytest.approx(f, rel=5e-3)
    surface = mc.metrics.SpecificSurfaceArea(periodic=(0, 1, 2))(volume).value(phase="void", estimator="crofton")
    assert surface.value == pytest.approx(4 * np.pi * radius**2 / cell**3, rel=0.02)
    found = mc.metrics.EffectiveDiffusivity(conducting=("void",), axes=(0,))(volume).value(feature="")
    exact = 1 - 3 * f / (2 + f - 0.392 * f ** (10 / 3))
    # The staircase of the voxels is in the way, too.
    assert exact * 0.98 < found.value < exact
    assert cubic_spheres(6, radius=2, repeats=2).shape == (12, 12, 12)
