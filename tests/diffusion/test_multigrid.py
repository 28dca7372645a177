"""The multigrid solver against the dense and the plain solvers, on volumes small enough for them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import microchar as mc
from media import transport_problems
from microchar.core.errors import NotEnoughMemoryError
from microchar.diffusion import hierarchy, multigrid, network, problem, small, solver
from oracles.transport import effective_diffusivity

pytestmark = pytest.mark.oracle


def by_multigrid(labels, conductivity, *, tolerance=1e-6, threads=1, concentration=False, **geometry):
    posed = problem.make_problem(labels, conductivity, **geometry)
    return solver._multigrid(posed, tolerance, threads, 100, concentration, lambda lower, upper: None)


def medium(seed, shape, porosity):
    """Smoothed noise cut at a level: blobs of some voxels, as in a porous medium."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.5, mode="wrap")
    return (noise < np.quantile(noise, porosity)).astype(np.uint8)


@given(transport_problems())
@settings(deadline=None, max_examples=150)
def test_interval_holds_the_dense_solution(case):
    exact = effective_diffusivity(**case)
    found = by_multigrid(**case)
    # lstsq rounds: 1e-9 covers a condition number of 1e6.
    assert found.lower - 1e-9 <= exact <= found.upper + 1e-9
    assert found.value == pytest.approx(exact, rel=1e-6, abs=1e-9)
    assert (found.value == 0) == (found.status == "not_percolating")


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("porosity", [0.2, 0.5])
def test_agrees_with_the_plain_solver_over_several_levels(axis, porosity):
    labels = medium(axis, (40, 37, 33), porosity)
    expected = solver.solve(labels, (0, 1), axis=axis, tolerance=1e-5)
    found = by_multigrid(labels, (0, 1), axis=axis, tolerance=1e-3)
    assert found.status == expected.status == "ok"
    assert found.lower <= expected.upper
    assert expected.lower <= found.upper
    assert found.gap <= 1e-3
    assert found.percolating_fraction == expected.percolating_fraction


@pytest.mark.parametrize("conductivity", [(0, 1), (0.01, 1)])
@pytest.mark.parametrize("size", [1e-4, 1e-2, 1.0])
def test_bounds_hold_for_a_poisoned_field(conductivity, size):
    rng = np.random.default_rng(1)
    for seed in range(10):
        posed = problem.make_problem(medium(seed, (18, 17, 16), 0.5), conductivity, axis=seed % 3)
        net, _ = network.assemble(posed)
        exact, *_ = next(small.fields(net))
        truth = net.inlet @ (1 - exact)
        kept, n = hierarchy.percolating(posed)
        assert n == net.n
        with hierarchy.runner(1) as run:
            found = multigrid.Solver(hierarchy.build(posed, kept, run), run)
            *_, (x, lower, upper, _) = found.steps(1e-8, 30)
            assert lower <= truth <= upper
            assert upper - lower < 1e-5 * truth
            x[:-1] += size * rng.standard_normal(n)
            lower, upper = found.bounds(x)
        assert 0 <= lower <= truth <= upper


@pytest.mark.parametrize("conductivity", [(0, 1), (0.01, 1)])
@pytest.mark.parametrize("worth_sharing", [0, 100_000])
def test_threads_change_nothing(monkeypatch, conductivity, worth_sharing):
    # From 0 nodes on, small and smaller networks are shared among threads too, or refused where parts lie too close.
    monkeypatch.setattr(hierarchy, "_WORTH_SHARING", worth_sharing)
    labels = medium(3, (130, 30, 32), 0.4)
    one, *others = (by_multigrid(labels, conductivity, axis=0, threads=threads) for threads in (1, 2, 3, 2))
    for other in others:
        assert (one.lower, one.upper) == (other.lower, other.upper)


def test_concentration_is_that_of_the_plain_solver():
    labels = medium(4, (24, 22, 20), 0.6)
    kinds = labels + (np.arange(22)[:, None] > 12) * labels
    for conductivity in [(0, 1, 1), (0, 1, 0.01)]:
        expected = solver.solve(kinds, conductivity, axis=1, tolerance=1e-9, concentration=True).concentration
        found = by_multigrid(kinds, conductivity, axis=1, tolerance=1e-7, concentration=True).concentration
        np.testing.assert_allclose(np.moveaxis(found, 0, 1), expected, atol=1e-3)
        assert expected.shape == labels.shape


@pytest.mark.parametrize("contrast", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("porosity", [0.2, 0.5, 0.8])
def test_interval_holds_at_any_contrast(contrast, porosity):
    # Voxel noise is the worst medium there is: converged or not, the interval must hold.
    labels = (np.random.default_rng(2).random((22, 21, 20)) < porosity).astype(np.uint8)
    posed = problem.make_problem(labels, (contrast, 1), axis=0)
    net, _ = network.assemble(posed)
    exact, *_ = next(small.fields(net))
    truth = net.inlet @ (1 - exact) * posed.scale
    found = by_multigrid(labels, (contrast, 1), axis=0, tolerance=1e-3)
    assert found.lower <= truth <= found.upper
    assert (found.status == "ok") == (found.gap <= 1e-3)


def test_near_the_percolation_threshold():
    # Tortuous paths full of dead ends: the network of aggregates is all hubs and leaves.
    labels = (np.random.default_rng(11).random((60, 60, 60)) < 0.335).astype(np.uint8)
    expected = solver.solve(labels, (0, 1))
    found = by_multigrid(labels, (0, 1), axis=0, tolerance=1e-3)
    assert found.status == expected.status == "ok"
    assert found.lower <= expected.upper
    assert expected.lower <= found.upper


def test_rows_too_long_for_16_bit_differences():
    labels = (np.random.default_rng(7).random((6, 6, 8300)) < 0.7).astype(np.uint8)
    expected = solver.solve(labels, (0, 1), tolerance=1e-5)
    found = by_multigrid(labels, (0, 1), axis=0, tolerance=1e-3)
    assert found.status == expected.status == "ok"
    assert found.lower <= expected.upper
    assert expected.lower <= found.upper


def test_sums_that_single_precision_would_round_keep_the_bounds_close():
    # Conductances of 1/9 are held in double precision, those of cubic voxels in single precision.
    labels = medium(8, (40, 30, 30), 0.4)
    for size in [(1, 1, 1), (1, 3, 3)]:
        assert by_multigrid(labels, (0, 1), axis=0, voxel_size=size, tolerance=1e-8).gap <= 1e-8


def test_fibres_are_as_many_clusters():
    labels = np.zeros((40, 41, 41), np.uint8)
    labels[:, ::2, ::2] = 1
    found = by_multigrid(labels, (0, 1), axis=0)
    assert found.value == pytest.approx(labels.mean(), rel=1e-6)
    assert by_multigrid(labels, (0, 1), axis=1).status == "not_percolating"


def test_iterations_do_not_grow_with_the_volume():
    iterations = [by_multigrid(medium(1, (n, n, n), 0.4), (0, 1), axis=0, tolerance=1e-3).iterations for n in (32, 96)]
    assert max(iterations) <= 4


@pytest.mark.parametrize("voxel_size", [(1, 10, 10), (10, 1, 1), (1, 1, 30)])
def test_long_and_flat_voxels_take_no_more_iterations(voxel_size):
    labels = medium(6, (50, 50, 50), 0.4)
    found = by_multigrid(labels, (0, 1), axis=0, voxel_size=voxel_size, tolerance=1e-3)
    expected = solver.solve(labels, (0, 1), voxel_size=voxel_size)
    assert found.status == "ok"
    assert found.iterations <= 8
    assert found.lower <= expected.upper
    assert expected.lower <= found.upper


def test_too_few_iterations_say_so_and_give_the_interval_reached():
    labels = medium(1, (30, 30, 30), 0.4)
    posed = problem.make_problem(labels, (0, 1), axis=0)
    found = solver._multigrid(posed, 1e-6, 1, 1, False, lambda lower, upper: None)
    truth = solver.solve(labels, (0, 1), tolerance=1e-6).value
    assert found.status == "not_converged"
    assert "the tolerance was 1e-06" in found.message
    assert 0 < found.lower <= truth <= found.upper


def test_memory_is_refused_before_it_is_allocated(monkeypatch):
    monkeypatch.setattr("microchar.core.memory.available_memory", lambda: 1e6)
    labels = np.ones((70, 70, 70), np.uint8)
    with pytest.raises(NotEnoughMemoryError, match=r"343000|3\.43e\+05"):
        solver.solve(labels, (0, 1))
    metric = mc.metrics.EffectiveDiffusivity(axes=(0,), conducting=("1",))
    with pytest.warns(RuntimeWarning, match=r"volume: effective_diffusivity failed: .* needs about .* GB of memory"):
        result = mc.measure(labels, metric)["effective_diffusivity"]
    assert result.status == "failed"
    assert "--skip effective_diffusivity" in result.message
