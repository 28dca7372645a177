"""Intrusion curve: throats and bottles of known size, known trapping, brute force, porespy, real volumes."""

from __future__ import annotations

import edt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from blobs import smooth_labels, volumes_for_spheres
from microchar.metrics import Intrusion, LocalThickness
from microchar.metrics.intrusion import Spheres
from oracles import intrusion as naive


def of(result, feature, direction="all", phase="1"):
    return result.value(phase=phase, feature=feature, direction=direction).value


def curve(result, feature="intrusion", direction="all", phase="1"):
    return result.profile(phase=phase, feature=feature, direction=direction)


def disc(radius):
    """A disc around a voxel, and the distance of the nearest voxel outside of it."""
    i, j = np.indices((2 * radius + 3,) * 2) - radius - 1
    squared = i**2 + j**2
    return squared <= radius**2, np.sqrt(squared[squared > radius**2].min())


@pytest.mark.analytic
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("radius", [3, 6])
def test_a_cylinder_is_filled_at_its_radius(axis, radius):
    section, exact = disc(radius)
    labels = np.moveaxis(np.repeat(section[None].astype(int), 20, axis=0), 0, axis)
    found = Intrusion()(labels)
    assert of(found, "percolating_radius", str(axis)) == pytest.approx(exact, rel=1e-6)
    assert of(found, "critical_radius") == pytest.approx(exact, rel=1e-6)
    assert of(found, "accessible_fraction") == 1
    profile = curve(found)
    assert profile.y.tolist() == [float(x <= exact) for x in profile.x]
    across = found.value(phase="1", feature="percolating_radius", direction=str((axis + 1) % 3))
    assert (across.value, across.status) == (0, "not_percolating")


@pytest.mark.analytic
@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 10])
@pytest.mark.parametrize("size", [1.0, 0.5])
def test_a_slit_is_filled_at_half_its_width(width, size):
    labels = np.zeros((14, 9, 9), int)
    labels[2 : 2 + width] = 1
    # The other edges do not matter; odd widths read half a voxel too large.
    found = Intrusion()(mc.as_volume(labels, voxel_size=(f"{size}um", "3um", "2um")))
    expected = size * (width + width % 2) / 2
    for direction in "12":
        assert of(found, "percolating_radius", direction) == pytest.approx(expected, rel=1e-6)
    assert of(found, "critical_radius") == pytest.approx(expected, rel=1e-6)


@pytest.mark.analytic
def test_a_bundle_of_tubes_is_filled_tube_by_tube():
    tubes = [disc(radius) for radius in (2, 4, 7)]
    side = max(len(section) for section, _ in tubes)
    labels = np.zeros((12, side, 0), int)
    for section, _ in tubes:
        labels = np.concatenate([labels, np.zeros((12, side, len(section)), int)], axis=2)
        labels[:, : len(section), -len(section) :] = section
    found = Intrusion(drainage=(0,))(labels)
    areas = np.array([section.sum() for section, _ in tubes])
    for profile in (curve(found), curve(found, "drainage", "0"), curve(found, "drainage_with_trapping", "0")):
        expected = [sum(a for a, (_, r) in zip(areas, tubes, strict=True) if r >= x) / areas.sum() for x in profile.x]
        assert profile.y == pytest.approx(expected, rel=1e-12)
    assert of(found, "percolating_radius", "0") == pytest.approx(tubes[-1][1], rel=1e-6)
    assert of(found, "trapped_fraction", "0") == 0


@pytest.mark.analytic
def test_an_ink_bottle_is_filled_at_the_radius_of_its_neck():
    labels = np.zeros((20, 14, 5), int)
    labels[:6, 6:8] = 1  # the neck, two voxels wide
    labels[6:18, 1:13] = 1  # the body, twelve voxels wide
    found = Intrusion(drainage=(0,))(labels)
    assert curve(found, "drainage", "0").y[[0, 2]] == pytest.approx([1, 1])  # all of it at the radius 1
    assert curve(found, "drainage", "0").y[3:].max() == 0
    assert of(found, "percolating_radius", "0") == 0
    # Nothing can leave: the body is closed at its other end.
    assert of(found, "trapped_fraction", "0") == 1
    widest = LocalThickness()(labels).value(phase="1", feature="quantile_0.5").value / 2
    assert widest >= 6


@pytest.mark.analytic
@pytest.mark.parametrize("depth", [3, 6])
def test_a_side_pocket_is_trapped_when_the_channel_is_filled(depth):
    labels = np.zeros((20, 12 + depth, 4), int)
    labels[:, 1:9] = 1  # a channel eight voxels wide, filled at the radius 4
    labels[10:12, 9 : 9 + depth] = 1  # a pocket two voxels wide
    found = Intrusion(drainage=(0,))(labels)
    # The spheres of the channel bulge one voxel into the pocket.
    pocket = 2 * (depth - 1) / (20 * 8 + 2 * depth)
    assert of(found, "percolating_radius", "0") == 4
    assert of(found, "trapped_fraction", "0") == pytest.approx(pocket, rel=1e-12)
    assert curve(found, "drainage", "0").y[0] == 1
    assert curve(found, "drainage_with_trapping", "0").y[[0, 8]] == pytest.approx([1 - pocket] * 2, rel=1e-12)


@pytest.mark.analytic
def test_what_no_way_leads_to_stays_empty():
    labels = np.zeros((20, 9, 9), int)
    labels[:8, 2:6, 2:6] = 1
    labels[12:16, 2:6, 2:6] = 1  # closed
    found = Intrusion()(labels)
    assert of(found, "accessible_fraction") == pytest.approx(8 / 12)
    labels[:8] = 0
    inside = Intrusion()(labels)
    assert of(inside, "accessible_fraction") == 0
    critical = inside.value(phase="1", feature="critical_radius")
    assert (critical.value, critical.status) == (None, "undefined")
    assert not curve(inside).y.any()


@pytest.mark.analytic
def test_phases_without_spheres():
    full = Intrusion(drainage=(1,))(mc.as_volume(np.zeros((4, 4, 4), int), phases={"full": 0, "absent": 1}))
    assert {value.status for value in full.values if value.phase == "full"} == {"undefined"}
    assert {value.status for value in full.values if value.phase == "absent"} == {"absent_phase"}
    assert full.profiles == ()


@pytest.mark.analytic
def test_the_faces_of_a_mask_are_inlets():
    labels = np.zeros((9, 12, 12), int)
    labels[3:6, 4:12, 4:8] = 1
    labels[3:6, 11] = 0
    mask = np.ones(labels.shape, bool)
    assert of(Intrusion()(mc.as_volume(labels, mask=mask)), "accessible_fraction") == 0
    mask[:, 10:] = False
    cut = Intrusion()(mc.as_volume(labels, mask=mask))
    assert of(cut, "accessible_fraction") == 1
    without_end = cut.value(phase="1", feature="percolating_radius", direction="1")
    assert (without_end.value, without_end.status) == (None, "undefined")


@pytest.mark.property
def test_refusals():
    with pytest.raises(mc.InputError, match="expected axes among 0, 1, 2"):
        Intrusion(drainage=(3,))
    with pytest.raises(mc.InputError, match="an axis of one voxel cannot be drained"):
        Intrusion(drainage=(0,))(np.eye(5, dtype=int))
    with pytest.raises(mc.InputError, match="periodic"):
        Intrusion(periodic=(0,))


@pytest.mark.property
def test_every_pore_is_filled_no_earlier_than_its_thickness_allows():
    labels = smooth_labels((24, 22, 26), 2, 5)
    found, thickness = Intrusion()(labels), LocalThickness()(labels)
    for phase in "01":
        by_access = curve(found, phase=phase)
        cdf = thickness.profile(phase=phase, feature="cdf")
        # The share of larger thickness, at twice the radius, where both have samples.
        larger = 1 - np.interp(2 * by_access.x - 1e-6, cdf.x, np.append(0, cdf.y[:-1]), left=0)
        at_samples = np.arange(2, len(by_access.x))
        assert (by_access.y[at_samples] <= larger[at_samples] + 1e-12).all()
        assert (np.diff(by_access.y) <= 0).all()


@pytest.mark.property
def test_trapping_never_adds_and_a_mirror_changes_nothing():
    labels = smooth_labels((18, 20, 22), 2, 8)
    found = Intrusion(drainage=(0, 2))(labels)
    mirrored = Intrusion()(labels[:, ::-1])
    for direction in "02":
        free, held = (curve(found, name, direction).y for name in ("drainage", "drainage_with_trapping"))
        assert (held <= free + 1e-12).all()
        assert free[0] - held[0] == pytest.approx(of(found, "trapped_fraction", direction))
    assert curve(mirrored).y == pytest.approx(curve(found).y, rel=1e-12)
    for axis in "012":
        assert of(mirrored, "percolating_radius", axis) == of(found, "percolating_radius", axis)


@pytest.mark.property
@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_change_nothing(threads):
    volume = mc.as_volume(smooth_labels((21, 20, 22), 3, 4))
    one, more = (Intrusion(drainage=(1,))(volume, threads=n) for n in (1, threads))
    assert one.values == more.values
    assert all(np.array_equal(p.y, q.y) for p, q in zip(one.profiles, more.profiles, strict=True))


@pytest.mark.oracle
@settings(deadline=None, max_examples=30)
@given(volumes_for_spheres(), st.integers(1, 3))
def test_filling_and_trapping_are_those_of_brute_force(case, threads):
    labels, voxel_size, phases = case
    shape = labels.shape
    grid = mc.as_volume(np.zeros(labels.shape, int), voxel_size=voxel_size).grid
    for phase in phases:
        spheres = Spheres.of(labels, phase, grid, threads)
        sizes = tuple(size if n > 1 else 1 for size, n in zip(voxel_size, shape, strict=True))
        radius = naive.radii(labels, phase, sizes)
        outlet = np.zeros(shape, bool)
        outlet[-1] = outlet[:, -1] = True
        for inlet in (naive.surface(labels), np.indices(shape).sum(axis=0) == 0):
            filled = spheres.filled(np.flatnonzero(inlet))
            expected = naive.entry_radii(radius, inlet, sizes)
            # Distances of anisotropic voxels are in single precision.
            assert spheres.radii[filled] == pytest.approx(expected, rel=1e-5)
            levels = np.unique(expected, return_inverse=True)[1].reshape(shape)
            same_order = np.array_equal(levels, np.unique(filled, return_inverse=True)[1].reshape(shape))
            if same_order:  # nearly equal radii may be one or two
                trapped = spheres.trapped(filled, np.flatnonzero(outlet))
                assert np.array_equal(trapped, naive.trapped(radius, expected, outlet))
        best = spheres.percolating_level(np.flatnonzero(naive.surface(labels)), np.flatnonzero(outlet))
        reached = naive.entry_radii(radius, naive.surface(labels), sizes)
        assert best >= 0
        assert spheres.radii[best] <= reached.max() * (1 + 1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(6))
def test_the_percolating_radius_is_that_of_labelled_clusters(seed):
    from scipy import ndimage

    labels = smooth_labels((14, 12, 16), 2, seed)
    found = Intrusion()(labels)
    radius = naive.radii(labels, 1)
    for axis in range(3):
        passing = [0.0]
        for r in np.unique(radius[radius > 0]):
            numbers, _ = ndimage.label(radius >= r)
            ends = (set(np.unique(numbers.take(end, axis))) - {0} for end in (0, -1))
            passing += [r] if set.intersection(*ends) else []
        assert of(found, "percolating_radius", str(axis)) == pytest.approx(max(passing), rel=1e-9)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_curve_is_that_of_porespy(seed):
    filters = pytest.importorskip("porespy", minversion="3.2").filters
    pores = smooth_labels((40, 40, 40), 2, seed) == 1
    theirs = filters.porosimetry(pores, dt=edt.edt(pores))
    found = curve(Intrusion()(pores.astype(int)))
    # PoreSpy rounds radii down to whole voxels before the spheres move: its curve at r is ours between r and r + 1.
    for r in range(1, int(theirs.max()) + 1):
        share = np.mean(theirs[pores] >= r)
        ours, larger = (found.y[found.x == x] for x in (r, r + 1))
        assert (larger if len(larger) else 0) <= share + 0.02
        assert share <= ours + 1e-12


@pytest.mark.realdata
def test_the_throats_of_berea_are_narrower_than_its_pores(real_array):
    piece = mc.as_volume(real_array("berea")[:96, :96, :96], phases=["pore", "grain"])
    found, thickness = Intrusion(drainage=(0,))(piece), LocalThickness()(piece)
    radius = of(found, "critical_radius", phase="pore")
    assert radius < thickness.value(phase="pore", feature="mean").value / 2
    assert 0.9 < of(found, "accessible_fraction", phase="pore") <= 1
    assert 0 < of(found, "trapped_fraction", "0", phase="pore") < 1
    for axis in "012":
        assert 1 <= of(found, "percolating_radius", axis, phase="pore") <= radius * 1.5
