"""Surfaces, triple lines, Euler numbers and local porosity against the slow definitions, and against scikit-image."""

from __future__ import annotations

from itertools import combinations
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import euler_number, find_contours, marching_cubes, mesh_surface_area

import microchar as mc
from microchar.core.errors import InputError
from microchar.measurement import blocks
from microchar.measurement.blocks import thread_pool
from microchar.measurement.metric import Shared
from microchar.metrics import (
    EulerCharacteristic,
    InterfacialArea,
    LocalPorosity,
    SpecificSurfaceArea,
    TriplePhaseBoundary,
)
from microchar.metrics._neighbourhood import DIRECTIONS, crofton_weights
from microchar.metrics.triple_phase_boundary import rectangles_per_point
from oracles import geometry as naive

SHAPES = [(1, 7, 13), (5, 1, 9), (6, 5, 1), (4, 5, 6), (3, 2, 11), (2, 2, 2), (5, 4, 3)]
SIZES = [(1.0, 1.0, 1.0), (1.0, 2.0, 0.5)]
NAMES = ("a", "b", "c", "d")


@st.composite
def media(draw):
    """A volume of one to four phases of four names, often in runs, perhaps masked; periodic axes."""
    shape = draw(st.sampled_from(SHAPES))
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    labels = rng.integers(0, draw(st.integers(1, 4)), shape)
    for axis in range(3):
        if draw(st.booleans()):
            labels = np.where(rng.random(shape) < 0.7, np.roll(labels, 1, axis), labels)
    mask = rng.random(shape) < draw(st.sampled_from([0.6, 0.95])) if draw(st.booleans()) else None
    if mask is not None:
        mask.flat[0] = True  # a mask of nothing is refused
    phases = {name: label for label, name in enumerate(NAMES)}
    volume = mc.as_volume(labels, phases=phases, mask=mask, voxel_size=draw(st.sampled_from(SIZES)))
    return volume, tuple(axis for axis in range(3) if draw(st.booleans()))


def counts_of(metric, volume, edge):
    layout = {"boxes": lambda shape: blocks.boxes(shape, edge=edge)}
    with mock.patch.dict(blocks.LAYOUTS, layout), thread_pool(1) as pool:
        return metric.resolved(volume.grid).counts(volume, None, Shared(pool, 1))


def assert_value(value, number, denominator):
    """A value is the number over the denominator, and undefined where there is nothing to divide by."""
    if denominator:
        assert value.status == "ok"
        assert value.value == pytest.approx(number / denominator, rel=1e-12, abs=1e-12)
    else:
        assert (value.value, value.status) == (None, "undefined")
        assert value.message


def crofton(labels, volume, periodic, first, second):
    """Crossings between two sets of phases, weighted by direction: the sum and whether all directions have pairs."""
    axes = volume.grid.axes
    chosen, shares = crofton_weights(volume.voxel_size, axes)
    total = 0.0
    for direction, share in zip(chosen, shares, strict=True):
        step = DIRECTIONS[direction]
        found = naive.neighbours(labels, step, periodic)
        if not found:
            return 0.0, False
        length = np.linalg.norm(step * volume.voxel_size)
        crossings = sum(n for (a, b), n in found.items() if {a, b} & first and {a, b} & second and a != b)
        total += share * crossings / found.total() / length
    return total * (2 if len(axes) == 3 else np.pi / 2), True


def faces(labels, volume, periodic, first, second):
    axes = volume.grid.axes
    total = 0.0
    for axis in axes:
        found = naive.neighbours(labels, np.eye(3, dtype=int)[axis], periodic)
        crossings = sum(n for (a, b), n in found.items() if {a, b} & first and {a, b} & second and a != b)
        total += crossings / volume.voxel_size[axis]
    return total, int((labels != naive.OUTSIDE).sum())


@settings(deadline=None, max_examples=30)
@given(media())
def test_surfaces_and_interfaces_are_the_slow_ones(medium):
    volume, periodic = medium
    labels = volume.read()
    surface = SpecificSurfaceArea(periodic=periodic)(volume)
    interface = InterfacialArea(periodic=periodic)(volume)
    everything = set(range(4))
    for p, phase in enumerate(NAMES):
        for estimator, oracle in (("crofton", crofton), ("faces", faces)):
            value = surface.value(phase=phase, estimator=estimator)
            assert_value(value, *oracle(labels, volume, periodic, {p}, everything - {p}))
    for (p, a), (q, b) in combinations(enumerate(NAMES), 2):
        for estimator, oracle in (("crofton", crofton), ("faces", faces)):
            value = interface.value(phase=f"{a}|{b}", estimator=estimator)
            assert_value(value, *oracle(labels, volume, periodic, {p}, {q}))


@pytest.mark.parametrize("sizes", [(1.0, 1.0, 1.0), (1.0, 1.0, 2.0), (0.4, 1.0, 1.5)])
@pytest.mark.parametrize("axes", [(0, 1, 2), (0, 1), (0, 2), (1, 2)])
def test_crofton_weights_are_shares_of_directions(sizes, axes):
    chosen, shares = crofton_weights(sizes, axes)
    assert [tuple(DIRECTIONS[direction]) for direction in chosen] == naive.steps_within(axes)
    # 200,000 evenly spread directions resolve a share to about one over their square root of it.
    np.testing.assert_allclose(shares, naive.nearest_shares(sizes, axes), atol=5e-4)
    assert shares.sum() == pytest.approx(1, abs=1e-12)


def test_crofton_weights_of_cubic_voxels_are_the_published_ones():
    chosen, shares = crofton_weights((3.0, 3.0, 3.0), (0, 1, 2))
    published = {1: 0.0457779, 2: 0.0369806, 3: 0.0351956}
    for direction, share in zip(chosen, shares, strict=True):
        assert share / 2 == pytest.approx(published[int(np.abs(DIRECTIONS[direction]).sum())], abs=5e-8)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**20), st.sampled_from([(5, 7, 13), (4, 4, 9), (2, 3, 3)]), st.sampled_from(SIZES))
def test_mesh_of_windows_is_the_mesh_of_the_whole_volume(seed, shape, sizes):
    labels = np.random.default_rng(seed).integers(0, 3, shape)
    found = SpecificSurfaceArea()(mc.as_volume(labels, voxel_size=sizes, phases={"a": 0, "b": 1, "c": 2}))
    volume_of_windows = np.prod(np.array(shape) - 1) * np.prod(sizes)
    for p, phase in enumerate("abc"):
        vertices, triangles, *_ = marching_cubes((labels == p).astype(float), 0.5, spacing=sizes)
        area = mesh_surface_area(vertices.astype(float), triangles)
        value = found.value(phase=phase, estimator="marching_cubes").value
        assert value * volume_of_windows == pytest.approx(area, rel=1e-12)


@pytest.mark.parametrize("dropped", [0, 1, 2])
def test_mesh_of_an_image_is_its_contour(dropped):
    image = np.random.default_rng(dropped).integers(0, 2, (11, 14))
    sizes = np.insert([2.0, 3.0], dropped, 7.0)
    found = SpecificSurfaceArea()(mc.as_volume(np.expand_dims(image, dropped), voxel_size=list(sizes)))
    contours = find_contours(image.astype(float), 0.5)
    length = sum(np.linalg.norm(np.diff(contour * [2, 3], axis=0), axis=1).sum() for contour in contours)
    value = found.value(phase="1", estimator="marching_squares").value
    assert value * 10 * 13 * 6 == pytest.approx(length, rel=1e-12)


@settings(deadline=None, max_examples=30)
@given(media())
def test_triple_lines_are_the_slow_ones(medium):
    volume, periodic = medium
    labels, axes, sizes = volume.read(), volume.grid.axes, volume.voxel_size
    found = TriplePhaseBoundary(periodic=periodic)(volume)
    normals = axes if len(axes) == 3 else set(range(3)) - set(axes)
    edges = {axis: naive.meetings(labels, axis, periodic) for axis in normals}
    counted = (labels != naive.OUTSIDE).sum() * volume.grid.voxel_volume
    everywhere = all(meeting.total() for meeting in edges.values())
    wanted = [
        {"phase": f"{NAMES[p]}|{NAMES[q]}|{NAMES[r]}"} | {"meet": {p, q, r}} for p, q, r in combinations(range(4), 3)
    ]
    for label in [*wanted, {"feature": "all_triplets", "meet": None}]:
        meet = label.pop("meet")
        length = points = 0.0
        for axis, meeting in edges.items():
            number = sum(n for seen, n in meeting.items() if (meet <= seen if meet else len(seen) >= 3))
            b, c = (sizes[other] for other in range(3) if other != axis)
            length += number * (sizes[axis] if axis in axes else 1)
            points += number / max(meeting.total(), 1) / (b * c * rectangles_per_point(b, c))
        assert_value(found.value(estimator="edges", **label), length, counted)
        assert_value(found.value(estimator="corrected", **label), points, everywhere * (1.5 if len(axes) == 3 else 1))


@settings(deadline=None, max_examples=30)
@given(media())
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


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**20), st.sampled_from([(5, 7, 13), (2, 3, 4), (1, 9, 12)]), st.floats(0.1, 0.9))
def test_padded_euler_number_is_that_of_scikit_image(seed, shape, fraction):
    phase = np.random.default_rng(seed).random(shape) < fraction
    found = EulerCharacteristic()(mc.as_volume(phase, phases={"rest": 0, "phase": 1}))
    image = phase if shape[0] > 1 else phase[0]
    for connectivity, name in ((1, {2: "4", 3: "6"}), (image.ndim, {2: "8", 3: "26"})):
        value = found.value(phase="phase", estimator="padded", feature=f"connectivity_{name[image.ndim]}").value
        assert round(value * phase.size, 6) == euler_number(image, connectivity)


@settings(deadline=None, max_examples=30)
@given(media(), st.tuples(*[st.integers(1, 5)] * 3), st.sampled_from([1, 2, 3]))
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


@settings(deadline=None, max_examples=25)
@given(media(), st.sampled_from([1, 2, 3]))
def test_blocks_add_up_to_the_whole(medium, edge):
    volume, periodic = medium
    for metric in (SpecificSurfaceArea(periodic=periodic), LocalPorosity(window=2, periodic=periodic)):
        whole, parts = counts_of(metric, volume, 100), counts_of(metric, volume, edge)
        assert whole.keys() == parts.keys()
        for key, number in whole.items():
            np.testing.assert_array_equal(number, parts[key])


def test_the_family_is_counted_once():
    keys = {m().count_key() for m in (SpecificSurfaceArea, InterfacialArea, TriplePhaseBoundary, EulerCharacteristic)}
    assert len(keys) == 1
    assert SpecificSurfaceArea(periodic=(0,)).count_key() not in keys


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


def test_window_with_a_unit_follows_the_voxel_size():
    volume = mc.as_volume(np.zeros((20, 20, 20), int), voxel_size=["1um", "2um", "0.5um"])
    assert LocalPorosity(window="5um").resolved(volume.grid).window == (5, 2, 10)
    assert LocalPorosity(window=["5um", 3, "1um"]).resolved(volume.grid).window == (5, 3, 2)


@pytest.mark.parametrize("window", [11, (3, 3, 11), "11voxel", 0, -2, "0.2voxel", 2.5, (3, 3), "5um"])
def test_window_that_cannot_be_is_refused(window):
    volume = mc.as_volume(np.zeros((12, 11, 10), int))
    with pytest.raises(InputError, match=r"window|voxel size"):
        LocalPorosity(window=window)(volume)


def test_a_single_phase_has_no_surface_and_no_pairs():
    volume = mc.as_volume(np.zeros((4, 5, 6), int), phases=["pore"])
    surface = SpecificSurfaceArea()(volume)
    assert [value.value for value in surface.values] == [0, 0, 0]
    assert InterfacialArea()(volume).status == "not_applicable"
    assert TriplePhaseBoundary()(volume).status == "not_applicable"
    euler = EulerCharacteristic()(volume)
    assert euler.value(estimator="padded", feature="connectivity_6").value * volume.values.size == pytest.approx(1)


@pytest.mark.parametrize("cls", [SpecificSurfaceArea, EulerCharacteristic, LocalPorosity])
def test_a_line_of_voxels_is_not_applicable(cls):
    assert cls()(mc.as_volume(np.array([[0, 1, 1, 0]]))).status == "not_applicable"
