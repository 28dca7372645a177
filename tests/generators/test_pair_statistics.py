"""S2 at lag vectors against counting every pair, and the painted spheres against every distance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microchar.core.errors import InputError
from microchar.core.volume import as_volume
from microchar.generation.training import TrainingData
from microchar.generators.bootstrap import _positions
from microchar.generators.gaussian_field.lattice import fold
from microchar.generators.gaussian_field.pair_statistics import PairStatistics, lines, width
from microchar.kernels.spheres import paint

pytestmark = pytest.mark.oracle

SEEDS = st.integers(0, 2**32 - 1)


def silent(fraction, what):
    del fraction, what


def naive_s2(labels, inside, phase, lag):
    pairs = both = 0
    for place in np.ndindex(labels.shape):
        other = tuple(p + h for p, h in zip(place, lag, strict=True))
        if any(not 0 <= o < n for o, n in zip(other, labels.shape, strict=True)) or not inside[place]:
            continue
        if inside[other]:
            pairs += 1
            both += labels[place] == phase == labels[other]
    return both / pairs if pairs >= 0.1 * inside.sum() else None


@settings(deadline=None, max_examples=12)
@given(seed=SEEDS, n_phases=st.integers(2, 3), masked=st.booleans())
def test_s2_of_a_volume(seed, n_phases, masked):
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_phases, size=(7, 4, 6))
    labels.flat[:n_phases] = range(n_phases)
    inside = rng.random(labels.shape) < 0.8 if masked else np.ones(labels.shape, bool)
    inside.flat[:n_phases] = True
    volume = as_volume(labels, mask=inside if masked else None)
    found = PairStatistics.of(TrainingData.of(volume), silent)
    assert found.lags == (3, 2, 3)
    for lag in [(0, 0, 0), (1, 0, 0), (0, -2, 1), (3, 2, -3), (-2, 1, 0)]:
        for phase in range(n_phases):
            counted = 1 if n_phases == 2 else phase
            expected = naive_s2(labels, inside, counted, lag)
            if expected is None:
                expected = found.fractions[counted] ** 2
            # Of two phases one is counted; the other follows but for pairs of which one end is near the face.
            if phase != counted:
                expected = 1 - 2 * found.fractions[1] + expected
            assert found.s2[(phase, *lag)] == pytest.approx(expected, abs=1e-5)


@settings(deadline=None, max_examples=12)
@given(seed=SEEDS, normals=st.sets(st.integers(0, 2), min_size=2))
def test_s2_of_slices_along_the_axes(seed, normals):
    rng = np.random.default_rng(seed)
    slices = {normal: [rng.integers(2, size=(6, 9)), rng.integers(2, size=(8, 5))] for normal in normals}
    found = PairStatistics.of(TrainingData.from_slices(slices), silent)
    for axis, line in enumerate(lines(found.s2[1], found.lags)):
        for lag in range(1, min(found.lags[axis], 4) + 1):
            pairs = both = 0
            for normal, group in slices.items():
                if axis == normal:
                    continue
                for image in group:
                    rows = np.moveaxis(image, sorted({0, 1, 2} - {normal}).index(axis), 0)
                    pairs += rows[lag:].size
                    both += np.sum(rows[lag:] * rows[:-lag])
            assert line[lag] == pytest.approx(both / pairs, abs=1e-5)


def test_an_axis_in_no_slice_takes_the_mean_of_the_others():
    rng = np.random.default_rng(1)
    found = PairStatistics.of(TrainingData.from_slices({1: [rng.integers(2, size=(20, 20))]}), silent)
    zeroth, first, second = lines(found.s2[1], found.lags)
    np.testing.assert_allclose(first, (zeroth + second) / 2, atol=1e-5)


def test_the_width_is_where_a_line_crosses():
    assert width(np.array([1.0, 0.5, 0.3])) == pytest.approx(1 + (0.5 - np.exp(-1)) / 0.2)
    assert width(np.array([1.0, 0.9])) == 1
    assert width(np.array([1.0, 0.0, -0.6, 0.1])) == pytest.approx(2 + (0.6 - np.exp(-1)) / 0.5)


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, lattice=st.tuples(*[st.integers(1, 9)] * 3))
def test_folding_adds_up_all_images(seed, lattice):
    covariance = np.random.default_rng(seed).random((5, 3, 7)).astype(np.float32)
    covariance[0, 0, 0] = 200  # what is divided by stays large
    expected = np.zeros(lattice)
    for place in itertools.product(range(-2, 3), range(-1, 2), range(-3, 4)):
        if all(p == 0 for p, n in zip(place, lattice, strict=True) if n == 1):
            expected[tuple(p % n for p, n in zip(place, lattice, strict=True))] += covariance[place]
    np.testing.assert_allclose(fold(covariance, lattice), expected / expected[0, 0, 0], rtol=1e-5)


@settings(deadline=None, max_examples=30)
@given(
    seed=SEEDS,
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    radii=st.tuples(*[st.floats(0.6, 4.0)] * 3),
    periodic=st.tuples(*[st.booleans()] * 3),
)
def test_painted_spheres(seed, shape, radii, periodic):
    rng = np.random.default_rng(seed)
    centres = rng.random((2, 3)) * (np.array(shape) + 4) - 2
    labels = np.zeros(shape, np.uint8)
    paint(labels, centres, np.array(radii), np.array(periodic))
    # Radii up to 4 and centres up to 2 outside: images within 7 voxels.
    images = [[n * k for k in range(-8, 9)] if wraps else [0] for n, wraps in zip(shape, periodic, strict=True)]
    shifts = np.array(list(itertools.product(*images)))
    expected = np.zeros(shape, np.uint8)
    for place in np.ndindex(shape):
        for centre in centres:
            gaps = (np.array(place) + shifts - centre) / radii
            expected[place] |= np.uint8((np.sum(gaps**2, axis=1) <= 1).any())
    assert np.array_equal(labels, expected)


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, block=st.tuples(*[st.integers(1, 3)] * 3))
def test_places_of_blocks_inside_a_mask(seed, block):
    labels = np.where(np.random.default_rng(seed).random((5, 3, 6)) < 0.1, 255, 1).astype(np.uint8)
    found = _positions(labels, block)
    assert found.shape == tuple(n - b + 1 for n, b in zip(labels.shape, block, strict=True))
    for start in np.ndindex(found.shape):
        box = tuple(slice(s, s + b) for s, b in zip(start, block, strict=True))
        assert found[start] == (labels[box] != 255).all()


def test_a_direction_that_does_not_show_a_phase_is_refused():
    image = np.random.default_rng(0).integers(0, 2, (16, 16)).astype(np.uint8)
    data = TrainingData.from_slices({0: [image], 1: [np.ones_like(image)]})
    with pytest.raises(InputError, match=r"phase '0' has no pixels in the slices normal to axis 1"):
        PairStatistics.of(data, silent)
