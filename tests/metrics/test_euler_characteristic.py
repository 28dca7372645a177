"""The Euler characteristic: bodies and fields of known number, the slow definition, a real volume."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import euler_number

import microchar as mc
from measured import assert_value
from media import NAMES, media_of_four_phases
from microchar.metrics import EulerCharacteristic
from oracles import geometry as naive
from oracles.geometry import ball, gaussian_field

ALL = (0, 1, 2)


def euler(labels, estimator="padded", connectivity=6, periodic=()):
    found = EulerCharacteristic(periodic=periodic)(mc.as_volume(labels, phases={"0": 0, "1": 1}))
    return found.value(phase="1", estimator=estimator, feature=f"connectivity_{connectivity}").value * labels.size


@pytest.mark.analytic
def test_euler_number_of_bodies():
    n = 24
    one = ball(9, (n, n, n), (11, 12, 11.5))
    hollow = one - ball(4, (n, n, n), (11, 12, 11.5))
    x, y, z = np.indices((n, n, n)) - 11.5
    torus = ((np.hypot(x, y) - 7) ** 2 + z**2 <= 9).astype(int)
    for connectivity in (6, 26):
        assert euler(one, connectivity=connectivity) == pytest.approx(1)
        assert euler(hollow, connectivity=connectivity) == pytest.approx(2)
        assert euler(torus, connectivity=connectivity) == pytest.approx(0)
    diagonal = np.zeros((4, 4, 4), int)
    diagonal[1, 1, 1] = diagonal[2, 2, 2] = 1
    assert euler(diagonal, connectivity=6) == pytest.approx(2)
    assert euler(diagonal, connectivity=26) == pytest.approx(1)


@pytest.mark.analytic
def test_both_estimators_agree_on_the_torus_and_complements_too():
    labels = (gaussian_field((20, 24, 28), (3, 3, 3), np.random.default_rng(19)) > 0.4).astype(int)
    for few, many in ((6, 26), (26, 6)):
        number = euler(labels, "half_open", few, ALL)
        assert number == pytest.approx(euler(labels, "padded", few, ALL))
        assert number == pytest.approx(round(number), abs=1e-6)
        assert number == pytest.approx(euler(1 - labels, "half_open", many, ALL))


@pytest.mark.analytic
def test_euler_characteristic_of_cut_gaussian_fields():
    length, n, rng = 4.0, 128, np.random.default_rng(23)
    fields = [gaussian_field((n, n, n), (length,) * 3, rng) for _ in range(3)]

    def density(cut):
        return (cut**2 - 1) * math.exp(-(cut**2) / 2) / (4 * math.pi**2 * length**3)

    for connectivity in (6, 26):
        for cut in (0.0, 1.0):
            found = np.mean([euler((f > cut).astype(int), "half_open", connectivity, ALL) for f in fields]) / n**3
            # Over fields of this size either spreads by 3 % of the density at cut 0 (three fields: 1.7 %), and
            # resolution adds 1 %; at cut 1, where parts and tunnels balance, the truth is 0.
            assert found == pytest.approx(density(cut), abs=-0.06 * density(0))


@pytest.mark.oracle
@settings(deadline=None, max_examples=30)
@given(media_of_four_phases())
def test_euler_characteristics_are_the_slow_ones(medium):
    volume, periodic = medium
    labels, axes = volume.read(), volume.grid.axes
    found = EulerCharacteristic(periodic=periodic)(volume)
    few, many = ("connectivity_6", "connectivity_26") if len(axes) == 3 else ("connectivity_4", "connectivity_8")
    counted = (labels != naive.OUTSIDE).sum() * volume.grid.voxel_volume
    for p, phase in enumerate(NAMES):
        padded = {"phase": phase, "estimator": "padded"}
        # Voxels that are their own neighbours, two steps on, make the cells of a torus of two ambiguous to the oracle.
        wrapped = [axis for axis in periodic if axis in axes]
        if all(volume.shape[axis] > 2 for axis in wrapped):
            number = naive.complex_of_voxels(labels == p, axes, wrapped)
            assert_value(found.value(feature=few, **padded), number, counted)
            number = naive.union_of_closed_voxels(labels == p, axes, wrapped)
            assert_value(found.value(feature=many, **padded), number, counted)
        windows, number = naive.cells_of_windows(labels, p, axes, periodic)
        half_open = {"phase": phase, "estimator": "half_open"}
        assert_value(found.value(feature=few, **half_open), number, windows * volume.grid.voxel_volume)
        # The complement of the phase is all the other phases, never what is outside the mask.
        complement = np.where((labels == p) | (labels == naive.OUTSIDE), labels, 9)
        windows, number = naive.cells_of_windows(complement, 9, axes, periodic)
        sign = (-1) ** (len(axes) + 1)
        assert_value(found.value(feature=many, **half_open), sign * number, windows * volume.grid.voxel_volume)


@pytest.mark.oracle
@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**20), st.sampled_from([(5, 7, 13), (2, 3, 4), (1, 9, 12)]), st.floats(0.1, 0.9))
def test_padded_euler_number_is_that_of_scikit_image(seed, shape, fraction):
    phase = np.random.default_rng(seed).random(shape) < fraction
    found = EulerCharacteristic()(mc.as_volume(phase, phases={"rest": 0, "phase": 1}))
    image = phase if shape[0] > 1 else phase[0]
    for connectivity, name in ((1, {2: "4", 3: "6"}), (image.ndim, {2: "8", 3: "26"})):
        value = found.value(phase="phase", estimator="padded", feature=f"connectivity_{name[image.ndim]}").value
        assert round(value * phase.size, 6) == euler_number(image, connectivity)


@pytest.mark.realdata
def test_octants_of_berea(real_array):
    berea = real_array("berea")
    areas, numbers = [], []
    for corner in product((0, 200), repeat=3):
        octant = mc.as_volume(berea[tuple(slice(c, c + 200) for c in corner)])
        found = mc.measure(octant, ["specific_surface_area", "euler_characteristic"])
        areas.append(found["specific_surface_area"].value(phase="0", estimator="crofton").value)
        euler = found["euler_characteristic"].value(phase="0", estimator="padded", feature="connectivity_6")
        numbers.append(euler.value * 200**3)
    # Mean and spread as given, to their last digit.
    assert np.mean(areas) == pytest.approx(0.0839, abs=0.00005)
    assert np.std(areas, ddof=1) == pytest.approx(0.0015, abs=0.0001)
    assert np.mean(numbers) == pytest.approx(-469, abs=0.5)
    assert np.std(numbers, ddof=1) == pytest.approx(53, abs=4)


@pytest.mark.realdata
@pytest.mark.parametrize(("n", "padded", "half_open"), [(100, -49, -80), (200, -55, -74), (400, -68, -78)])
def test_euler_characteristic_of_berea(real_array, n, padded, half_open):
    found = EulerCharacteristic()(mc.as_volume(real_array("berea")[:n, :n, :n]))
    for estimator, wanted in (("padded", padded), ("half_open", half_open)):
        value = found.value(phase="0", estimator=estimator, feature="connectivity_6").value
        assert round(value * 1e6) == wanted
