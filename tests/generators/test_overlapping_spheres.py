"""Overlapping spheres against the closed forms of the Boolean model, and painted spheres against every distance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microchar.core.errors import InputError
from microchar.core.volume import as_volume
from microchar.generation.training import TrainingData
from microchar.generators.overlapping_spheres import OverlappingSpheres
from microchar.kernels.spheres import paint
from microchar.testing import check_generator

SEEDS = st.integers(0, 2**32 - 1)


def both_uncovered(r, radius, fraction):
    x = np.minimum(np.asarray(r) / radius, 2)
    return (1 - fraction) ** (1 + 3 * x / 4 - x**3 / 16)


@pytest.mark.analytic
@pytest.mark.parametrize("spheres", [0, 1])
def test_the_contract(spheres):
    generator = OverlappingSpheres(radius=3, volume_fraction=0.4, spheres=spheres)
    check_generator(generator)
    real = generator.generate((32, 32, 32), seed=0)
    check_generator(OverlappingSpheres(spheres=spheres), real)
    check_generator(OverlappingSpheres(spheres=spheres), TrainingData.from_slices({0: real.values[:4]}))
    check_generator(generator, shape=(40, 32))


@pytest.mark.analytic
@pytest.mark.parametrize("periodic", [(), (1,), (0, 1, 2)])
@pytest.mark.parametrize("spheres", [0, 1])
def test_volume_fraction_and_s2(periodic, spheres):
    generator = OverlappingSpheres(radius=3.5, volume_fraction=0.4, spheres=spheres)
    found = []
    for seed in range(24):
        values = generator.generate((48, 48, 48), seed=seed, periodic=periodic).values
        free = values != spheres
        found.append([np.mean(free[lag:] & free[: 48 - lag]) for lag in (0, 1, 2, 5, 9)])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    # Five standard errors: a false alarm in about 10^5 for another set of seeds, never for this one.
    assert (np.abs(mean - both_uncovered([0, 1, 2, 5, 9], 3.5, 0.4)) < 5 * error).all()
    assert error.max() < 0.01


@pytest.mark.analytic
@pytest.mark.parametrize("fraction", [0.25, 0.75])
def test_a_fit_finds_radius_and_fraction(fraction):
    real = OverlappingSpheres(radius=5, volume_fraction=fraction).generate((96, 96, 96), seed=2)
    fitted = OverlappingSpheres().fit(real)
    assert fitted.state["volume_fraction"][0] == pytest.approx(real.values.mean(), abs=1e-12)
    # Some 500 to 2800 spheres per volume: their surface fluctuates by a few percent.
    assert fitted.state["radius"][0] == pytest.approx(5, rel=0.05)
    slices = TrainingData.from_slices({axis: np.moveaxis(real.values, axis, 0)[::8] for axis in (0, 1)})
    assert OverlappingSpheres().fit(slices).state["radius"][0] == pytest.approx(5, rel=0.1)


@pytest.mark.analytic
def test_long_voxels():
    fine = OverlappingSpheres(radius=6, volume_fraction=0.5).generate((96, 96, 96), seed=3).values
    fitted = OverlappingSpheres().fit(as_volume(fine[::2], voxel_size="2,1,1um"))
    assert fitted.state["radius"][0] == pytest.approx(6, rel=0.05)
    again = fitted.generate((48, 96, 96), seed=1).values
    unlike = [np.mean(np.diff(again, axis=axis) != 0) for axis in range(3)]
    # Steps of two lengths meet nearly twice as many surfaces as steps of one.
    expected = 2 * (0.5 - both_uncovered([2, 1, 1], 6, 0.5))
    np.testing.assert_allclose(unlike, expected, rtol=0.1)


@pytest.mark.analytic
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"radius": 0.2}, "greater than 0.5"),
        ({"radius": "5um"}, "greater than 0.5"),
        ({"volume_fraction": 1.0}, "between 0 and 1"),
        ({"spheres": 2}, "0 or 1"),
        ({"radius": 20}, "overlaps itself around axis 0"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        OverlappingSpheres(**parameters).generate((32, 32, 32), periodic=(0,))


@pytest.mark.analytic
def test_what_no_spheres_can_be_is_refused():
    with pytest.raises(InputError, match="half a voxel"):
        OverlappingSpheres().fit(np.indices((8, 8, 8)).sum(axis=0) % 2)
    with pytest.raises(InputError, match="has no voxels"):
        OverlappingSpheres().fit(as_volume(np.zeros((4, 4, 4), int), phases={"a": 0, "b": 1}))
    with pytest.raises(InputError, match="2 phases, the training data have 3"):
        OverlappingSpheres().fit(np.arange(27).reshape(3, 3, 3) % 3)


@pytest.mark.oracle
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
