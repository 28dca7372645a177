"""Local thickness: bodies of known size, slow painting, porespy, real volumes."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import edt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from blobs import large_bodies, smooth_labels, volumes_for_spheres
from measured import voxels_by_thickness
from microchar.measurement.blocks import thread_pool
from microchar.measurement.cells import CellGrid
from microchar.measurement.metric import Shared
from microchar.measurement.standard_errors import total
from microchar.metrics import LocalThickness
from microchar.metrics._thickness import columns
from oracles import thickness as naive


def features(result, phase):
    return {value.feature: value.value for value in result.values if value.phase == phase}


@pytest.mark.analytic
@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 10])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slab(width, axis):
    labels = np.zeros((14, 14, 14), int)
    np.moveaxis(labels, axis, 0)[2 : 2 + width] = 1
    found = features(LocalThickness()(labels), "1")
    # The bias of the convention: odd widths read one voxel more.
    expected = width + width % 2
    assert found == {
        "mean": expected,
        "standard_deviation": 0,
        "quantile_0.1": expected,
        "quantile_0.5": expected,
        "quantile_0.9": expected,
    }


@pytest.mark.analytic
def test_slab_of_anisotropic_voxels():
    labels = np.zeros((14, 9, 9), int)
    labels[4:10] = 1
    found = LocalThickness()(mc.as_volume(labels, voxel_size="0.5,3,2um")).value(phase="1", feature="mean")
    assert found.value == pytest.approx(6 * 0.5, rel=1e-5)
    assert found.unit == "um"


@pytest.mark.analytic
@pytest.mark.parametrize("radius", [5, 8, 12])
def test_sphere(radius):
    x = np.indices((2 * radius + 5,) * 3) - (radius + 2)
    ball = (x**2).sum(axis=0) <= radius**2
    found = features(LocalThickness()(ball.astype(int)), "1")
    # The largest sphere is all but the tips: within a voxel of the diameter, the nearest outer voxel being
    # less than a voxel beyond the surface.
    assert found["quantile_0.5"] == found["quantile_0.9"]
    assert 2 * radius < found["quantile_0.5"] <= 2 * radius + 1
    assert found["mean"] == pytest.approx(found["quantile_0.5"], rel=0.02)


@pytest.mark.analytic
def test_cylinder_in_three_dimensions_is_its_section_in_two():
    i, j = np.indices((25, 27)) - 12
    disc = ((i**2 + j**2) <= 81).astype(int)
    image = features(LocalThickness()(disc), "1")
    volume = features(LocalThickness()(np.repeat(disc[np.newaxis], 20, axis=0)), "1")
    assert volume == pytest.approx(image, rel=1e-12)


@pytest.mark.analytic
def test_two_thicknesses_by_volume():
    labels = np.zeros((12, 6, 6), int)
    labels[1:3] = labels[5:11] = 1
    result = LocalThickness()(labels)
    found = features(result, "1")
    assert found["mean"] == pytest.approx((2 * 2 + 6 * 6) / 8, rel=1e-12)
    assert (found["quantile_0.1"], found["quantile_0.5"]) == (2, 6)
    assert result.profile(phase="1").y == pytest.approx([0, 0, 0.25, 0.25, 0.25, 0.25, 1], rel=1e-12)


@pytest.mark.analytic
def test_spheres_reach_out_of_the_sample():
    # The centre voxel of a half slab at the face: its distance to the other phase is that of the whole slab's middle.
    labels = np.zeros((8, 5, 5), int)
    labels[:3] = 1
    assert features(LocalThickness()(labels), "1")["mean"] == 6


@pytest.mark.analytic
def test_a_mask_is_no_obstacle_either():
    labels = np.zeros((8, 5, 5), int)
    labels[1:4] = 1
    mask = np.ones(labels.shape, bool)
    mask[0] = False
    assert features(LocalThickness()(mc.as_volume(labels, mask=mask)), "1")["mean"] == 6


@pytest.mark.analytic
def test_finer_voxels_bring_the_thickness_of_a_sphere_nearer():
    errors = []
    for n in (6, 12, 24):
        x = (np.indices((2 * n + 4,) * 3) + 0.5) / n - (n + 2) / n
        ball = ((x**2).sum(axis=0) <= 1).astype(int)
        found = LocalThickness()(mc.as_volume(ball, voxel_size=f"{1 / n}um"))
        errors.append(found.value(phase="1", feature="quantile_0.5").value - 2)
        # The centre lies where eight voxels meet, sqrt(3)/2 from that of each: the diameter reads too small by
        # at most twice that, and too large by at most one voxel.
        assert -np.sqrt(3) / n <= errors[-1] <= 1 / n
    assert abs(errors[0]) > abs(errors[1]) > abs(errors[2])


@pytest.mark.analytic
def test_phases_without_a_thickness():
    full = LocalThickness()(mc.as_volume(np.zeros((4, 4, 4), int), phases={"full": 0, "absent": 1}))
    assert {value.status for value in full.values if value.phase == "full"} == {"undefined"}
    assert {value.status for value in full.values if value.phase == "absent"} == {"absent_phase"}
    assert full.profiles == ()


@pytest.mark.analytic
def test_axes_permute():
    labels = np.random.default_rng(2).random((9, 11, 13)) < 0.8
    found = LocalThickness()(mc.as_volume(labels, voxel_size="1,2,3um"))
    turned = LocalThickness()(mc.as_volume(np.ascontiguousarray(labels.transpose(2, 0, 1)), voxel_size="3,1,2um"))
    assert features(turned, "1") == pytest.approx(features(found, "1"), rel=1e-5)


@pytest.mark.analytic
def test_periodic_axes_are_refused():
    with pytest.raises(mc.InputError, match="periodic"):
        LocalThickness(periodic=(0,))


@pytest.mark.oracle
@settings(deadline=None, max_examples=50)
@given(volumes_for_spheres(), st.integers(1, 3))
def test_voxels_by_thickness_are_those_of_slow_painting(case, threads):
    labels, voxel_size, phases = case
    for phase in phases:
        thickness, voxels = voxels_by_thickness(labels, phase, voxel_size, threads)
        expected = naive.local_thickness(labels, phase, voxel_size)[labels == phase]
        # Distances of anisotropic voxels are in single precision; nearly equal ones may be one or two.
        assert np.repeat(thickness, voxels) == pytest.approx(np.sort(expected), rel=1e-5)


@pytest.mark.oracle
@settings(deadline=None, max_examples=50)
@given(volumes_for_spheres(), st.integers(1, 200), st.integers(1, 4), st.permutations((0, 1, 2)))
def test_columns_do_not_matter(case, voxels, halo, order):
    labels, voxel_size, phases = case
    for phase in phases:
        whole = voxels_by_thickness(labels, phase, voxel_size)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("microchar.metrics._thickness._COLUMN", voxels)
            patch.setattr("microchar.metrics._thickness._HALO", halo)
            parts = voxels_by_thickness(labels, phase, voxel_size, 2, tuple(order))
        # Distances of anisotropic voxels are in single precision, and depend on the order of the axes.
        assert np.repeat(*parts) == pytest.approx(np.repeat(*whole), rel=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_columns_around_large_bodies_change_no_digit(executor, monkeypatch):
    labels = large_bodies((60, 70, 40), 5)
    volume = mc.as_volume(labels)
    whole = mc.measure(volume, ["local_thickness"])["local_thickness"]
    monkeypatch.setattr("microchar.metrics._thickness._COLUMN", 16000)
    assert len(columns((60, 70, 40), 16000)) == 12
    with ProcessPoolExecutor(2) if executor == "processes" else thread_pool(2) as pool:
        parts = mc.measure(volume, ["local_thickness"], executor=pool)["local_thickness"]
    assert parts.values == whole.values
    assert all(np.array_equal(p.y, q.y) for p, q in zip(parts.profiles, whole.profiles, strict=True))


@pytest.mark.oracle
def test_batches_of_spheres_do_not_matter(monkeypatch):
    labels = smooth_labels((20, 20, 20), 2, 5)
    volume = mc.as_volume(labels)
    whole = LocalThickness()(volume)
    monkeypatch.setattr("microchar.metrics._thickness._BATCH", 7)
    pieces = LocalThickness()(volume)
    assert pieces.values == whole.values
    assert all(np.array_equal(p.y, q.y) for p, q in zip(pieces.profiles, whole.profiles, strict=True))


@pytest.mark.oracle
def test_statistics_and_distribution_function():
    labels = smooth_labels((16, 18, 20), 2, 9)
    found = LocalThickness()(mc.as_volume(labels, voxel_size="2,2,2um"))
    for phase in "01":
        expected = naive.local_thickness(labels, int(phase), (2, 2, 2))[labels == int(phase)]
        values = {v.feature: v.value for v in found.values if v.phase == phase}
        assert values["mean"] == pytest.approx(expected.mean(), rel=1e-12)
        assert values["standard_deviation"] == pytest.approx(expected.std(), rel=1e-12)
        quantiles = np.quantile(expected, [0.1, 0.5, 0.9], method="inverted_cdf")
        assert [values[f"quantile_{q}"] for q in (0.1, 0.5, 0.9)] == pytest.approx(quantiles, rel=1e-12)
        cdf = found.profile(phase=phase, feature="cdf")
        assert cdf.y == pytest.approx([(expected <= x + 1e-9).mean() for x in cdf.x], rel=1e-12)
        assert cdf.y[-1] == 1
        assert cdf.x_unit == "um"


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(20, 18, 22), (12, 14, 60), (16, 12, 50), (1, 30, 40), (30, 1, 40), (20, 25, 1)])
def test_the_cells_hold_the_voxels_of_slow_painting(shape):
    labels = smooth_labels(shape, 2, 3)
    volume = mc.as_volume(labels)
    cells = CellGrid.of(volume)
    found: dict = {}
    with thread_pool(2) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "microchar.metrics.local_thickness.with_errors",
            lambda finish, counts, *rest, **options: found.update(counts) or finish(total(counts)),
        )
        LocalThickness().run(volume, None, Shared(pool, 2, errors=True))
    expected = naive.local_thickness(labels, 1, (1, 1, 1))
    for index in np.ndindex(*cells.numbers):
        box = tuple(slice(cells.edges[a][i], cells.edges[a][i + 1]) for a, i in enumerate(index))
        inside = np.unique(expected[box][labels[box] == 1], return_counts=True)[1]
        assert found["1"][index][found["1"][index] > 0].tolist() == inside.tolist()


@pytest.mark.property
def test_errors_change_no_value():
    volume = mc.as_volume(smooth_labels((24, 20, 28), 2, 1))
    plain, with_errors = (mc.measure(volume, ["local_thickness"], errors=e)["local_thickness"] for e in (False, True))
    assert [v.value for v in plain.values] == [v.value for v in with_errors.values]
    assert {v.feature for v in with_errors.values if v.standard_error is None} == {
        f"quantile_{q}" for q in (0.1, 0.5, 0.9)
    }
    assert all(np.array_equal(p.y, q.y) for p, q in zip(plain.profiles, with_errors.profiles, strict=True))


@pytest.mark.oracle
@pytest.mark.parametrize("seed", [0, 1])
def test_thickness_is_that_of_porespy(seed):
    filters = pytest.importorskip("porespy", minversion="3.2").filters
    labels = smooth_labels((30, 30, 30), 2, seed)
    # All radii that occur, and spheres without the voxels at exactly their radius: the same definition.
    radii = np.unique(edt.edt(labels == 1)[labels == 1])
    theirs = filters.local_thickness(labels == 1, method="legacy", sizes=radii, smooth=True)
    thickness, voxels = voxels_by_thickness(labels, 1, threads=2)
    assert np.repeat(thickness, voxels) == pytest.approx(2 * np.sort(theirs[labels == 1]), rel=1e-6)


@pytest.mark.realdata
def test_grains_of_berea_are_thicker_than_its_pores(real_array):
    piece = mc.as_volume(real_array("berea")[:120, :120, :120], phases=["pore", "grain"])
    found = LocalThickness()(piece)
    pore, grain = (found.profile(phase=phase, feature="cdf") for phase in ("pore", "grain"))
    n = min(len(pore.x), len(grain.x))
    assert (pore.y[:n] >= grain.y[:n]).all()
    for profile in (pore, grain):
        assert profile.y[0] == 0
        assert profile.y[-1] == 1
        assert (np.diff(profile.y) >= 0).all()


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["nmc_cathode", "separator"])
def test_a_small_piece_is_that_of_slow_painting(real_array, name):
    piece = real_array(name)[30:50, 20:44, 20:44]
    volume = mc.as_volume(piece)
    found = LocalThickness()(volume)
    for phase in range(volume.n_phases):
        labels = volume.read()
        expected = naive.local_thickness(labels, phase)[labels == phase]
        value = found.value(phase=volume.phases[phase], feature="mean").value
        assert value == pytest.approx(expected.mean(), rel=1e-12)
