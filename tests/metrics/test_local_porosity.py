"""Local porosity: exact values, the slow definition, a real volume."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from measured import counts_of
from media import NAMES, media_of_four_phases
from microchar.core.errors import InputError
from microchar.metrics import LocalPorosity
from microchar.testing.volumes import checkerboard
from oracles import geometry as naive

ALL = (0, 1, 2)


def local(labels, window, periodic=ALL, **sizes):
    return LocalPorosity(window=window, periodic=periodic)(mc.as_volume(labels, phases={"0": 0, "1": 1}, **sizes))


@pytest.mark.analytic
def test_windows_of_one_period_all_hold_the_same():
    found = local(checkerboard((8, 8, 8), cell=2).values, 4)
    for value in found.values:
        wanted = 0 if value.feature.startswith("standard_deviation") else 0.5
        assert value.value == pytest.approx(wanted, abs=1e-12)


@pytest.mark.analytic
def test_layers_seen_by_flat_windows():
    layers = np.broadcast_to((np.arange(8) // 4 % 2)[:, None, None], (8, 6, 6))
    found = local(layers, 2)
    # Windows within the layers hold one phase only, those across hold 0, 1/2 or 1, a quarter of them 1/2.
    across = found.profile(phase="1", direction="1")
    np.testing.assert_allclose(across.y[np.isin(across.x, [0, 0.5, 1])], [0.375, 0.625, 1])
    within = found.profile(phase="1", direction="0")
    np.testing.assert_allclose(within.y, [0.5, 0.5, 0.5, 0.5, 1])
    assert found.value(phase="1", direction="all", feature="quantile_0.5_window_2x2x2").value == 0.5


@pytest.mark.analytic
def test_mean_is_the_volume_fraction_and_phases_mirror_each_other():
    labels = (np.random.default_rng(29).random((9, 10, 11)) < 0.3).astype(int)
    found = local(labels, (2, 3, 4))
    for direction, window in (("all", "2x3x4"), ("0", "3x4"), ("1", "2x4"), ("2", "2x3")):
        here = {"direction": direction}
        one, other = (found.value(phase=p, feature=f"mean_window_{window}", **here).value for p in "10")
        assert one == pytest.approx(labels.mean(), rel=1e-12)
        assert other == pytest.approx(1 - labels.mean(), rel=1e-12)
        spread = [found.value(phase=p, feature=f"standard_deviation_window_{window}", **here).value for p in "10"]
        assert spread[0] == pytest.approx(spread[1], rel=1e-12)


@pytest.mark.analytic
def test_spread_of_independent_voxels():
    labels = (np.random.default_rng(31).random((80, 80, 80)) < 0.3).astype(int)
    found = local(labels, 5)
    spread = found.value(phase="1", direction="all", feature="standard_deviation_window_5x5x5").value
    # Of 80^3 / 5^3 independent windows the spread is known to 1 / sqrt(2 * 4096) = 1.1 %.
    assert spread == pytest.approx(math.sqrt(0.3 * 0.7 / 125), rel=0.04)


@pytest.mark.analytic
def test_window_of_the_whole_volume_is_the_volume_fraction():
    labels = np.random.default_rng(37).integers(0, 2, (5, 6, 7))
    found = local(labels, (5, 6, 7), periodic=())
    for percent in ("0.05", "0.95"):
        value = found.value(phase="1", direction="all", feature=f"quantile_{percent}_window_5x6x7").value
        assert value == pytest.approx(labels.mean(), rel=1e-12)


@pytest.mark.oracle
@settings(deadline=None, max_examples=30)
@given(media_of_four_phases(), st.tuples(*[st.integers(1, 5)] * 3), st.sampled_from([1, 2, 3]))
def test_local_porosity_is_the_slow_one(medium, window, edge):
    volume, periodic = medium
    labels, axes = volume.read(), volume.grid.axes
    window = tuple(min(w, n) for w, n in zip(window, volume.shape, strict=True))
    metric = LocalPorosity(window=window, periodic=periodic).resolved(volume.grid)
    counts = counts_of(metric, volume, edge)
    found = metric.finish(counts, volume)
    shapes = {"all": window} if len(axes) == 3 else {}
    for axis in range(3) if len(axes) == 3 else set(range(3)) - set(axes):
        shapes[str(axis)] = tuple(1 if a == axis else w for a, w in enumerate(window))
    assert {value.direction for value in found.values} == set(shapes)
    for direction, shape in shapes.items():
        seen = naive.boxes(labels, shape, periodic)
        for p, phase in enumerate(NAMES):
            fractions = np.array([box.count(p) / len(box) for box in seen])
            of_phase = [v for v in found.values if v.matches(phase=phase, direction=direction)]
            profiles = [q for q in found.profiles if q.matches(phase=phase, direction=direction)]
            if not seen:
                assert not profiles
                assert {v.status for v in of_phase} == {"undefined"}
                continue
            quantiles = np.quantile(fractions, [0.05, 0.25, 0.5, 0.75, 0.95], method="inverted_cdf")
            assert [v.value for v in of_phase] == pytest.approx(
                [fractions.mean(), fractions.std(), *quantiles], abs=1e-9
            )
            (profile,) = profiles
            np.testing.assert_allclose(profile.y, [(fractions <= x + 1e-9).mean() for x in profile.x], atol=1e-12)
            assert (profile.x[0], profile.x[-1], profile.y[-1]) == (0, 1, 1)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("shape", "sizes", "window"),
    [
        ((400, 400, 400), "3um", (32, 32, 32)),
        ((156, 75, 75), None, (18, 18, 18)),
        ((1, 100, 60), None, (1, 15, 15)),
        ((100, 100, 50), ["1um", "1um", "10um"], (25, 25, 2)),
        ((8, 100, 100), ["10um", "1um", "1um"], (2, 20, 20)),
        ((2, 3, 3), None, (2, 2, 2)),
    ],
)
def test_default_window_is_one_length_on_every_axis(shape, sizes, window):
    volume = mc.as_volume(np.broadcast_to(np.uint8(0), shape), voxel_size=sizes)
    assert LocalPorosity().resolved(volume.grid).window == window


@pytest.mark.oracle
def test_window_with_a_unit_follows_the_voxel_size():
    volume = mc.as_volume(np.zeros((20, 20, 20), int), voxel_size=["1um", "2um", "0.5um"])
    assert LocalPorosity(window="5um").resolved(volume.grid).window == (5, 2, 10)
    assert LocalPorosity(window=["5um", 3, "1um"]).resolved(volume.grid).window == (5, 3, 2)


@pytest.mark.oracle
@pytest.mark.parametrize("window", [11, (3, 3, 11), "11voxel", 0, -2, "0.2voxel", 0.4, (3, 3), "5um"])
def test_window_that_cannot_be_is_refused(window):
    volume = mc.as_volume(np.zeros((12, 11, 10), int))
    with pytest.raises(InputError, match=r"window|voxel size"):
        LocalPorosity(window=window)(volume)


@pytest.mark.realdata
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
