"""Noise is a function of seed, channel and position: agreement of overlapping boxes, periods, and statistics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microchar.core.errors import InputError
from microchar_gan.tiling.lattice_noise import noise

coordinates = st.tuples(*[st.integers(-40, 60)] * 3)
lengths = st.tuples(*[st.integers(1, 37)] * 3)
periods = st.tuples(*[st.none() | st.integers(1, 40)] * 3)


def end(start, length):
    return tuple(a + n for a, n in zip(start, length, strict=True))


@given(coordinates, lengths, st.integers(1, 3))
@settings(deadline=None, max_examples=25)
def test_a_box_holds_what_a_larger_one_holds_there(start, length, channels):
    origin = (-40, -40, -40)
    box = noise(3, start, end(start, length), channels)
    around = noise(3, origin, end(start, end(length, (1, 2, 3))), 3)
    inside = tuple(slice(a + 40, a + 40 + n) for a, n in zip(start, length, strict=True))
    assert box.dtype == np.float32
    np.testing.assert_array_equal(box, around[(slice(channels), *inside)])


@given(coordinates, lengths, periods)
@settings(deadline=None, max_examples=25)
def test_periodic_coordinates_count_modulo_their_period(start, length, period):
    box = noise(5, start, end(start, length), 2, period)
    ends = [40 if n is None else n for n in period]
    base = noise(5, (-40, -40, -40), (100, 100, 100), 2) if None in period else noise(5, (0, 0, 0), ends, 2)
    shift = 40 if None in period else 0
    for axis in range(3):
        at = np.arange(start[axis], start[axis] + length[axis])
        at = at if period[axis] is None else at % period[axis]
        base = np.take(base, at + shift, axis=axis + 1)
    np.testing.assert_array_equal(box, base)


def test_coordinates_beyond_32_bits_and_large_seeds_are_positions_and_seeds_like_others():
    far = noise(0, (2**40, -(2**40), 5), (2**40 + 20, -(2**40) + 20, 25), 1)
    near = noise(0, (0, 0, 5), (20, 20, 25), 1)
    assert not np.isin(far, near).all()
    assert abs(np.corrcoef(far.ravel(), near.ravel())[0, 1]) < 5 / np.sqrt(far.size)
    assert not np.array_equal(noise(2**100, (0, 0, 0), (2, 2, 2), 1), noise(0, (0, 0, 0), (2, 2, 2), 1))


def test_values_are_standard_normal():
    values = noise(11, (-64, -64, -64), (64, 64, 64), 1).astype(float).ravel()
    n = values.size
    # Standard errors of the first four moments of normal values: 1, 2, 15 and 96 over n; five of them.
    for power, (truth, variance) in enumerate([(0, 1), (1, 2), (0, 15), (3, 96)], start=1):
        assert np.mean(values**power) == pytest.approx(truth, abs=5 * np.sqrt(variance / n))
    # Beyond three standard deviations lie 0.27 % of the values.
    tail = 0.0026998
    assert np.mean(np.abs(values) > 3) == pytest.approx(tail, abs=5 * np.sqrt(tail / n))


def test_seeds_channels_and_positions_are_uncorrelated():
    first, second = noise(1, (0, 0, 0), (48, 48, 48), 2), noise(2, (0, 0, 0), (48, 48, 48), 2)
    fields = [*first, *second]
    pairs = [(fields[i], fields[j]) for i in range(4) for j in range(i)]
    # Neighbours within cells and across their faces, and whole cells against the next ones.
    pairs += [
        (f.take(range(lag, 48), axis), f.take(range(48 - lag), axis))
        for f in fields
        for axis in range(3)
        for lag in (1, 16)
    ]
    for a, b in pairs:
        # A correlation of n independent pairs spreads by 1/√n; of some thirty, none beyond five.
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / np.sqrt(a.size)


def test_no_stretch_of_random_numbers_is_used_twice():
    cells = noise(6, (-48, -16, -16), (48, 16, 16), 1)[0].reshape(6, 16, 2, 16, 2, 16).transpose(0, 2, 4, 1, 3, 5)
    stretches = np.lib.stride_tricks.sliding_window_view(cells.reshape(24, -1), 3, axis=1).reshape(-1, 3)
    # Three values in a row: 2^-66 or so that two of them are alike by chance.
    assert len(np.unique(stretches, axis=0)) == len(stretches)


def test_neighbours_across_faces_of_cells_are_uncorrelated():
    values = noise(4, (-160, -16, -16), (160, 16, 16), 4).astype(float)
    products = (values[:, 15:-1:16] * values[:, 16::16]).ravel()
    assert abs(products.mean()) < 5 / np.sqrt(products.size)


@pytest.mark.parametrize(
    "wrong",
    [{"seed": -1}, {"channels": 0}, {"stop": (0, 2, 2)}, {"periods": (None, 0, None)}],
)
def test_what_makes_no_sense_is_refused(wrong):
    right = {"seed": 0, "start": (0, 0, 0), "stop": (2, 2, 2), "channels": 1}
    with pytest.raises(InputError, match="expected"):
        noise(**right | wrong)
