"""The picture of the flux: right where the flux is known, and carried from the metric to the page."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.core.pictures import decode, encode
from microchar.core.result import Result
from microchar.diffusion import solve
from microchar.diffusion.flux import flux_in_plane
from microchar.report.summary import summarize

PORE = {"pore": 0, "solid": 1}


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


@pytest.mark.parametrize("shape", [(12, 10, 8), (1, 12, 10), (12, 10, 1)])
def test_metric_pictures_the_first_axis_of_each_phase(shape):
    labels = (np.random.default_rng(0).random(shape) < 0.3).astype(np.uint8)
    volume = mc.as_volume(labels, phases=PORE, voxel_size="1,2,2um")
    found = mc.measure(volume, ["effective_diffusivity", "tortuosity_factor"], conducting=("pore",))
    (picture,) = found["effective_diffusivity"].pictures
    first = volume.grid.axes[0]
    assert (picture.phase, picture.direction) == ("pore", str(first))
    pixels = decode(picture.png)
    assert pixels.shape[0] == shape[first]
    assert 0 < (pixels > 0).mean() < 1
    assert not found["tortuosity_factor"].pictures
    again = Result.from_dict(found["effective_diffusivity"].to_dict())
    assert again.pictures == (picture,)
    (shown,) = [m for m in summarize(found.record())["along_axes"] if m["id"] == "effective_diffusivity"]
    assert shown["pictures"][0]["images"][0]["caption"] == picture.caption


def test_pictures_survive_their_text():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(decode(encode(pixels)), pixels)
