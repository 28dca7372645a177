"""Standard errors: counts per cell add up to the counts of the volume, and the errors are true on known media."""

import numpy as np
import pytest

import microchar as mc
from microchar.measurement.blocks import thread_pool
from microchar.measurement.cells import CellGrid
from microchar.measurement.metric import AdditiveMetric, Shared
from microchar.measurement.selection import choose

METRICS = [m.id for m in choose(None) if isinstance(m, AdditiveMetric) and m.error_source == "cells"]


def media():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, (33, 26, 21), np.uint8)
    mask = rng.random(labels.shape) < 0.9
    yield "three phases", mc.as_volume(labels, voxel_size=("1um", "2um", "1.5um")), ()
    yield "masked", mc.as_volume(labels, mask=mask), ()
    yield "image", mc.as_volume(labels[:1]), ()
    yield "long", mc.as_volume(labels[:12, :14]), ()
    yield "thin", mc.as_volume(labels[:3]), ()
    yield "periodic", mc.as_volume(labels), (0, 2)


@pytest.mark.property
@pytest.mark.parametrize("metric_id", METRICS)
@pytest.mark.parametrize(("volume", "periodic"), [pytest.param(v, p, id=name) for name, v, p in media()])
def test_counts_of_cells_add_up_to_the_integer(metric_id, volume, periodic):
    common = {"periodic": periodic or None, "r_max": 2 if min(volume.shape) > 2 else (0, 2, 2), "window": 3}
    (metric,) = choose([metric_id], common=common)
    if min(volume.shape) < 3:
        (metric,) = choose([metric_id])
    metric = metric.resolved(volume.grid)
    if metric.obstacle(volume):
        pytest.skip("not defined for this volume")
    with thread_pool(1) as pool:
        whole = metric.counts(volume, None, Shared(pool, 1))
        cells = metric._add_up_cells(CellGrid.of(volume), volume, Shared(pool, 1))
    for name, array in cells.items():
        assert array.shape[:3] == CellGrid.of(volume).numbers
        np.testing.assert_array_equal(array.sum(axis=(0, 1, 2)), whole[name], err_msg=name)


@pytest.mark.analytic
def test_influence_on_a_volume_fraction():
    labels = np.random.default_rng(5).integers(0, 2, (32, 32, 16), np.uint8)
    result = mc.measure(labels, ["volume_fraction"])["volume_fraction"]
    cells = labels.reshape(8, 4, 8, 4, 16).mean(axis=(1, 3, 4))
    # Cells of equal size: psi_b = n (C_b - phi D_b) / D = phi_b - phi.
    np.testing.assert_allclose(result.influence.values[..., 0, 1], cells - labels.mean(), atol=1e-12)


@pytest.mark.analytic
def test_standard_error_of_independent_voxels():
    p, shape = 0.3, (32, 32, 32)
    errors = []
    for seed in range(30):
        labels = (np.random.default_rng(seed).random(shape) < p).astype(np.uint8)
        value = mc.measure(labels, ["volume_fraction"])["volume_fraction"].value(phase="1")
        errors.append(value.standard_error)
        assert value.lower < value.value < value.upper
    truth = np.sqrt(p * (1 - p) / np.prod(shape))
    assert np.mean(errors) == pytest.approx(truth, rel=0.15)


@pytest.mark.property
def test_errors_do_not_change_a_number():
    volume = mc.as_volume(np.random.default_rng(2).integers(0, 2, (24, 20, 28), np.uint8))
    names = [name for name in METRICS if name != "two_point_cluster"]
    with_errors, without = mc.measure(volume, names), mc.measure(volume, names, errors=False)
    for name in names:
        assert [v.value for v in with_errors[name].values] == [v.value for v in without[name].values]
        for a, b in zip(with_errors[name].profiles, without[name].profiles, strict=True):
            np.testing.assert_array_equal(a.y, b.y)
        assert all(v.standard_error is None for v in without[name].values)


@pytest.mark.property
def test_an_error_has_the_unit_and_scale_of_its_value():
    labels = np.random.default_rng(4).integers(0, 2, (24, 24, 24), np.uint8)
    one, two = (
        mc.measure(labels, ["specific_surface_area"], voxel_size=size)["specific_surface_area"].value(
            phase="1", estimator="crofton"
        )
        for size in ("1um", "2um")
    )
    assert two.standard_error == pytest.approx(one.standard_error / 2, rel=1e-9)


@pytest.mark.property
def test_quantiles_and_texture_have_no_error():
    labels = np.random.default_rng(4).integers(0, 2, (16, 16, 16), np.uint8)
    measured = mc.measure(labels, ["chord_length_distribution", "glcm"])
    chords = measured["chord_length_distribution"]
    assert chords.value(phase="1", direction="mean", feature="mean_length").standard_error > 0
    assert chords.value(phase="1", direction="mean", feature="quantile_0.5").standard_error is None
    assert all(value.standard_error is None for value in measured["glcm"].values)
