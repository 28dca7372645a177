"""The flux in a plane, where it is known."""

from __future__ import annotations

import numpy as np
import pytest

from microchar.diffusion import solve
from microchar.diffusion.flux import flux_in_plane

pytestmark = pytest.mark.oracle


def flux(labels, conductivity, axis=0, spacing=(1.0, 1.0)):
    found = solve(labels, conductivity, axis=axis, voxel_size=(*spacing, 1.0), tolerance=1e-9, concentration=True)
    table = np.zeros(256)
    table[: len(conductivity)] = conductivity
    return found, flux_in_plane(found.concentration[:, :, 0], table[labels[:, :, 0]], spacing, axis)


@pytest.mark.parametrize(("axis", "length"), [(0, 12 * 0.5), (1, 7 * 2.0)])
def test_parallel_layers_carry_their_own_flux(axis, length):
    labels = np.zeros((12, 7, 1), np.uint8)
    labels[3:] = 1 if axis == 1 else 0
    labels[:, 3:] = 1 if axis == 0 else labels[:, 3:]
    conductivity = (1.0, 3.0)
    _, found = flux(labels, conductivity, axis, (0.5, 2.0))
    np.testing.assert_allclose(found, np.take(conductivity, labels[:, :, 0]) / length, rtol=1e-6)


def test_layers_in_series_carry_one_flux():
    labels = np.zeros((10, 6, 1), np.uint8)
    labels[4:] = 1
    solution, found = flux(labels, (1.0, 5.0))
    np.testing.assert_allclose(found, solution.value / 10, rtol=1e-6)


def test_nothing_flows_outside_the_percolating_part():
    labels = np.ones((6, 5, 1), np.uint8)
    labels[:, 1] = 0
    labels[2, 3] = 0
    _, found = flux(labels, (1.0,))
    assert (found[:, 1] > 0).all()
    assert (np.delete(found, 1, axis=1) == 0).all()
