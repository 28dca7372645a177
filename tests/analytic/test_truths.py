"""What ties the metrics together, and the published volumes of known truth, measured as a user would."""

from __future__ import annotations

import math

import numpy as np
import pytest

import microchar as mc
from microchar.generators import cut_gaussian_field
from microchar.testing.volumes import serpentine, slabs, straight_channel

TRANSPORT = ["effective_diffusivity", "tortuosity_factor"]


def test_the_slope_of_s2_at_zero_is_a_quarter_of_the_surface():
    length, fraction = 6.0, 0.3
    cut = 0.5244  # the normal deviate below which 0.7 lie
    truth = 2 / math.pi * math.sqrt(2) / length * math.exp(-(cut**2) / 2)
    ratios = []
    for seed in range(6):
        volume = cut_gaussian_field((72, 72, 72), correlation_length=length, volume_fraction=fraction, seed=seed)
        metrics = [mc.metrics.TwoPointCorrelation(r_max=2, periodic=(0, 1, 2)), mc.metrics.SpecificSurfaceArea()]
        found = mc.measure(volume, metrics)
        s2 = found["two_point_correlation"].profile(phase="1", direction="mean").y
        # Of a smooth interface S2 = phi - s r / 4 + c r^3: two lags give the slope without the cubic term.
        slope = (8 * (s2[1] - s2[0]) - (s2[2] - s2[0])) / 6
        crofton = found["specific_surface_area"].value(phase="1", estimator="crofton").value
        ratios.append([-4 * slope / crofton, -4 * slope / truth])
    of_crofton, of_truth = np.mean(ratios, axis=0)
    # On one sample both see the same surface; what a voxel of a sixth of the correlation length does not resolve is of
    # the order of (1/6)^2 = 3 %. Samples spread by 3 % about the ensemble, so that six are known to 1.3 %.
    assert of_crofton == pytest.approx(1, abs=0.02)
    assert of_truth == pytest.approx(1, abs=0.04)


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
