"""The reference values of the real volumes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import microchar as mc
from microchar.metrics import EulerCharacteristic, LocalPorosity, SpecificSurfaceArea, TriplePhaseBoundary


@pytest.mark.parametrize(("name", "faces"), [("berea", 0.127900), ("ketton", 0.098213)])
def test_voxel_faces(real_array, name, faces):
    found = SpecificSurfaceArea()(mc.as_volume(real_array(name)))
    assert round(found.value(phase="0", estimator="faces").value, 6) == faces


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


@pytest.mark.parametrize(("n", "padded", "half_open"), [(100, -49, -80), (200, -55, -74), (400, -68, -78)])
def test_euler_characteristic_of_berea(real_array, n, padded, half_open):
    found = EulerCharacteristic()(mc.as_volume(real_array("berea")[:n, :n, :n]))
    for estimator, wanted in (("padded", padded), ("half_open", half_open)):
        value = found.value(phase="0", estimator=estimator, feature="connectivity_6").value
        assert round(value * 1e6) == wanted


def test_triple_lines_of_the_cathode(real_array):
    labels = real_array("nmc_cathode")
    found = TriplePhaseBoundary()(mc.as_volume(labels, voxel_size="0.398um", phases=["pore", "NMC", "binder"]))
    number = 0
    for axis in range(3):
        # The bits of the phases around each edge, by shifted views of the whole volume.
        bits = 1 << np.moveaxis(labels, axis, 0).astype(np.uint8)
        around = bits[:, :-1, :-1] | bits[:, 1:, :-1] | bits[:, :-1, 1:] | bits[:, 1:, 1:]
        number += int((around == 0b111).sum())
    edges = found.value(phase="pore|NMC|binder", estimator="edges")
    assert edges.unit == "um^-2"
    assert edges.value == pytest.approx(number / labels.size / 0.398**2, rel=1e-12)


def test_local_porosity_of_the_separator(real_array):
    labels = real_array("separator")
    window = 18
    found = LocalPorosity()(mc.as_volume(labels))
    sums = np.pad(labels, ((1, 0),) * 3).astype(np.int64).cumsum(0).cumsum(1).cumsum(2)
    for axis in range(3):
        sums = np.moveaxis(sums, axis, 0)
        sums = np.moveaxis(sums[window:] - sums[:-window], 0, axis)
    box = found.profile(phase="1", direction="all")
    np.testing.assert_allclose(box.y, [(sums <= round(x * window**3)).mean() for x in box.x], rtol=1e-12)
