"""Counts that swaps update against counts taken anew, and against the definition."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microchar.core.material import Material
from microchar.generators.annealing.run import Run
from microchar.generators.annealing.targets import tally
from oracles.correlation import along, pairs, segments

pytestmark = pytest.mark.oracle


def volume(labels, n_phases):
    material = Material(phases=tuple("abc"[:n_phases]), grey_values=tuple(range(n_phases)))
    return material.volume(labels, name="test", source={})


def run_of(labels, target_of, **changes):
    """Give a run that takes the first labels towards the functions of the second."""
    n_phases = int(labels.max()) + 1
    lags = tuple(n // 2 for n in labels.shape)
    counts, valid = tally(volume(target_of, n_phases), lags)
    target = np.divide(counts, valid[:, None], out=np.zeros(counts.shape), where=valid[:, None] > 0)
    given = {"periodic": (), "tries": 5000, "temperature": 0.0, "seed": 1, "lags": np.array(lags), "target": target}
    return Run(labels=labels, **(given | changes))


def random_labels(shape, n_phases, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(np.prod(shape)) % n_phases).astype(np.uint8)
    return labels.reshape(shape)


@given(
    shape=st.sampled_from([(9, 8, 7), (1, 12, 13), (2, 3, 16), (16, 1, 5), (8, 8, 8)]),
    n_phases=st.sampled_from([2, 3]),
    periodic=st.sets(st.sampled_from([0, 1, 2])),
    temperature=st.sampled_from([0.0, 0.03, 0.5]),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=40)
def test_updated_counts_equal_counts_taken_anew(shape, n_phases, periodic, temperature, seed):
    start, goal = random_labels(shape, n_phases, seed), random_labels(shape, n_phases, seed + 1)
    run = run_of(start, goal, periodic=tuple(sorted(periodic)), temperature=temperature, seed=seed)
    while run.done < run.tries:
        run.advance()
    counts, _ = tally(volume(run.labels, n_phases), tuple(run.lags.tolist()), tuple(sorted(periodic)))
    assert run.kept > 0
    assert np.array_equal(run.counts, counts)
    assert np.array_equal(np.bincount(run.labels.ravel()), np.bincount(start.ravel()))


@pytest.mark.parametrize("periodic", [(), (0, 2), (0, 1, 2)])
def test_updated_counts_equal_the_definition(periodic):
    start, goal = random_labels((6, 5, 7), 3, 1), random_labels((6, 5, 7), 3, 2)
    run = run_of(start, goal, periodic=periodic, temperature=0.1)
    run.advance()
    assert run.kept > 100
    for axis in range(3):
        for lag in range(1, int(run.lags[axis]) + 1):
            both, _ = pairs(run.labels, along(axis, lag), periodic)
            pure, _ = segments(run.labels, axis, lag, periodic)
            for phase in range(3):
                assert run.counts[0, phase, axis, lag] == both.get(phase, 0)
                assert run.counts[1, phase, axis, lag] == pure.get(phase, 0)


def test_the_error_is_that_of_the_counts_and_never_rises_at_zero_temperature():
    start, goal = random_labels((32, 32, 32), 2, 1), np.repeat(random_labels((32, 32, 8), 2, 2), 4, axis=2)
    run = run_of(start, goal, tries=100_000)
    errors = [run.error()]
    while run.done < run.tries:
        run.advance()
        errors.append(run.error())
    assert len(errors) == 11
    assert all(after <= before for before, after in itertools.pairwise(errors))
    assert errors[-1] < errors[0] / 10
    # The mean over lags, axes, phases and both functions, by hand.
    lags = (16, 16, 16)
    (found, valid), (wanted, _) = tally(volume(run.labels, 2), lags), tally(volume(goal, 2), lags)
    difference = ((found - wanted) / valid[:, None])[..., 1:]
    assert run.error() == pytest.approx(np.sqrt(np.mean(difference**2)))
    assert run.errors() == pytest.approx(np.sqrt(np.mean(difference**2, axis=(1, 2, 3))))


def test_rejected_swaps_leave_no_trace():
    # Already at the goal: whatever moves counts is refused, and swaps that move none change none.
    labels = random_labels((12, 12, 12), 2, 3)
    run = run_of(labels, labels)
    before = run.counts.copy()
    run.advance()
    assert run.kept < run.tries / 100
    assert np.array_equal(run.counts, before)
    assert run.error() < 1e-12  # rounding of the target
    counts, _ = tally(volume(run.labels, 2), (6, 6, 6))
    assert np.array_equal(run.counts, counts)


def test_equilibrium_error_is_the_temperature():
    # E has its minimum at zero and many terms, all of which the swaps move: each holds half a temperature. The lattice
    # gives the counts of neighbouring lags in common, so that fewer move freely: a factor of two is allowed for.
    start = random_labels((24, 24, 24), 2, 4)
    run = run_of(start, start, tries=10**9, temperature=0.01)
    for _ in range(20):
        run.advance()
    assert 0.005 < run.error() < 0.02
