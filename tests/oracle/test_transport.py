"""The solvers against a dense matrix built voxel by voxel, on random small volumes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microchar.diffusion import network, problem, small, solve
from oracles.transport import effective_diffusivity

SHAPES = [(1, 7, 13), (13, 1, 1), (2, 2, 2), (5, 4, 6), (3, 9, 2), (7, 7, 1), (6, 5, 5), (1, 1, 4)]


@st.composite
def cases(draw):
    shape = draw(st.sampled_from(SHAPES))
    fractions = draw(st.sampled_from([(0.3, 0.7, 0.0), (0.1, 0.9, 0.0), (0.2, 0.4, 0.4), (0.0, 0.5, 0.5)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return {
        "labels": rng.choice(3, shape, p=fractions).astype(np.uint8),
        "conductivity": draw(st.sampled_from([(0, 1, 0), (0, 1, 0.05), (0.3, 1, 20), (0, 1, 1)])),
        "axis": draw(st.integers(0, 2)),
        "voxel_size": draw(st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])),
        "periodic": draw(st.sampled_from([(), (1,), (0, 1, 2)])),
    }


@given(cases())
@settings(deadline=None, max_examples=150)
def test_interval_holds_the_dense_solution(case):
    exact = effective_diffusivity(**case)
    found = solve(**case, tolerance=1e-6)
    # lstsq and the factorisation both round: 1e-9 covers a condition number of 1e6.
    assert found.lower - 1e-9 <= exact <= found.upper + 1e-9
    assert found.value == pytest.approx(exact, rel=1e-7, abs=1e-9)
    assert found.status in ("ok", "not_percolating", "absent_phase")
    assert (found.value == 0) == (found.status != "ok")


@given(cases(), st.floats(1e-6, 1.0), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=100)
def test_bounds_hold_for_a_poisoned_field(case, size, seed):
    posed = problem.make_problem(**case)
    net, _ = network.assemble(posed)
    if net.n == 0:
        return
    exact, *_ = next(small.fields(net))
    truth = net.inlet @ (1 - exact)
    poisoned = exact + size * np.random.default_rng(seed).standard_normal(net.n)
    lower, upper = net.bounds(poisoned)
    assert lower <= truth <= upper
    assert lower >= 0


def test_conjugate_gradients_and_factorisation_agree():
    labels = (np.random.default_rng(5).random((20, 18, 16)) < 0.6).astype(np.uint8)
    net, _ = network.assemble(problem.make_problem(labels, (0, 1), axis=0))
    direct = net.bounds(next(iter(small.fields(net)))[0])
    iterated = [net.bounds(u) for u, _, _ in small._conjugate_gradients(net)]
    assert all(lower <= direct[1] and direct[0] <= upper for lower, upper in iterated)
    gaps = [upper - lower for lower, upper in iterated]
    assert gaps[-1] < 1e-6 * direct[1]
    assert gaps[-1] < gaps[0]
