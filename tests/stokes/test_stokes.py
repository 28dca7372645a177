"""The Stokes solver where the answer is known, against a dense matrix, and on real volumes."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import assume, given, settings
from scipy.interpolate import CubicSpline

from media import flow_problems
from microchar.core.errors import NotEnoughMemoryError
from microchar.diffusion import hierarchy, multigrid
from microchar.stokes import bounds, edt_darcy, faces, solve
from microchar.stokes.problem import darcy_problem, make_problem
from oracles.stokes import permeability

#: Drag on a sphere in a simple cubic array, in units of Stokes' drag, by the solid fraction (Zick and Homsy 1982).
DRAG = {0.027: 2.008, 0.064: 2.810, 0.125: 4.292, 0.216: 7.442, 0.343: 15.4, 0.45: 28.1, 0.5236: 42.1}


def slit(width, height, *, axis=0):
    """A slit between walls, normal to the last but one axis."""
    fluid = np.zeros((5, height, 3), bool)
    fluid[:, 1 : 1 + width] = True
    return np.moveaxis(fluid, 0, axis)


def spheres(edge, solid, shift=0.0):
    """A cubic cell with a solid sphere in its middle, or `shift` voxels from it along axes 1 and 2."""
    x, y, z = np.indices((edge,) * 3) + 0.5 - edge / 2
    squares = x**2 + (y - shift) ** 2 + (z - shift) ** 2
    return squares > edge**2 * (3 * solid / (4 * np.pi)) ** (2 / 3)


def sphere_permeability(edge, solid, drag):
    """Permeability of a simple cubic array of spheres, in voxel², from the drag on a sphere."""
    return edge**2 / (6 * np.pi * (3 * solid / (4 * np.pi)) ** (1 / 3) * drag)


def noise(shape, porosity, seed):
    """Smoothed noise cut at a level: pores of some voxels, as in a rock."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.5, mode="wrap")
    return field < np.quantile(field, porosity)


# --- truths ---------------------------------------------------------------------


@pytest.mark.analytic
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("width", [1, 2, 5, 12])
def test_slit_has_the_permeability_of_the_lattice(axis, width):
    found = solve(slit(width, width + 3, axis=axis), axis=axis, tolerance=1e-7)
    truth = (width**3 + 2 * width) / (12 * (width + 3))
    assert found.value == pytest.approx(truth, rel=1e-7)
    assert found.lower <= truth * (1 + 1e-12)
    assert found.upper >= truth * (1 - 1e-12)


@pytest.mark.analytic
@pytest.mark.parametrize("size", [(1, 2, 1), (1, 0.3, 5)])
def test_slit_of_voxels_that_are_no_cubes(size):
    # A slit of w voxels of the width h: h² times that of cubes.
    found = solve(slit(6, 8), voxel_size=size, tolerance=1e-7)
    assert found.value == pytest.approx(size[1] ** 2 * (6**3 + 12) / (12 * 8), rel=1e-6)


@pytest.mark.analytic
@pytest.mark.parametrize(("width", "bias"), [(4, 1.223), (6, 1.103), (8, 1.059), (16, 1.0155)])
def test_square_duct(width, bias):
    fluid = np.zeros((4, width + 2, width + 3), bool)
    fluid[:, 1:-1, 1:-2] = True
    truth = 0.0351442537 * width**4 / ((width + 2) * (width + 3))
    assert solve(fluid, tolerance=1e-4).value == pytest.approx(bias * truth, rel=1e-3)


@pytest.mark.analytic
def test_sides_that_are_walls_make_a_duct():
    duct = np.pad(np.ones((4, 6, 6), bool), [(0, 0), (1, 1), (1, 1)])
    expected = solve(duct, tolerance=1e-7).value * 64 / 36
    assert solve(np.ones((4, 6, 6), bool), sides="no-slip", tolerance=1e-7).value == pytest.approx(expected, rel=1e-6)


@pytest.mark.analytic
def test_free_slip_is_a_mirror():
    fluid = noise((8, 9, 7), 0.6, 3)
    doubled = np.concatenate([fluid, fluid[:, ::-1]], axis=1)
    doubled = np.concatenate([doubled, doubled[:, :, ::-1]], axis=2)
    expected = solve(doubled, periodic=(1, 2), tolerance=1e-7).value
    assert solve(fluid, tolerance=1e-7).value == pytest.approx(expected, rel=1e-6)


@pytest.mark.analytic
def test_ends_are_mirrors():
    fluid = noise((8, 9, 7), 0.6, 4)
    doubled = np.concatenate([fluid, fluid[::-1]])
    assert solve(doubled, tolerance=1e-7).value == pytest.approx(solve(fluid, tolerance=1e-7).value, rel=1e-6)


@pytest.mark.analytic
@pytest.mark.parametrize(("edge", "within"), [(24, 0.06), (32, 0.02), (48, 0.01)])
@pytest.mark.parametrize("solid", sorted(DRAG))
def test_cubic_arrays_of_spheres_agree_with_zick_and_homsy(edge, within, solid):
    # Centred on a voxel along the periodic axes, where the voxels of the sphere hold the solid fraction best. Along
    # the flow the end faces, at which the medium is mirrored, must be planes of symmetry, and so is the middle.
    half = spheres(edge, solid, shift=0.5)[: edge // 2]
    assert solve(half, periodic=(1, 2)).value == pytest.approx(
        sphere_permeability(edge, solid, DRAG[solid]), rel=within
    )


@pytest.mark.analytic
@pytest.mark.parametrize(("edge", "within"), [(24, 0.013), (32, 0.01)])
@pytest.mark.parametrize("solid", sorted(DRAG)[:-1])
def test_spheres_agree_better_at_the_solid_fraction_that_their_voxels_hold(edge, within, solid):
    # Centred between voxels, the spheres of voxels hold up to 4 % more or less than they should.
    fluid = spheres(edge, solid)
    held = 1 - fluid.mean()
    drag = np.exp(CubicSpline(np.log(list(DRAG)), np.log(list(DRAG.values())))(np.log(held)))
    # By symmetry, an eighth of the cell between planes of free slip has the permeability of the cell.
    eighth = fluid[: edge // 2, : edge // 2, : edge // 2]
    assert solve(eighth).value == pytest.approx(sphere_permeability(edge, held, drag), rel=within)


@pytest.mark.analytic
def test_statuses():
    fluid = np.zeros((4, 5, 6), bool)
    assert solve(fluid).status == "absent_phase"
    fluid[:3, 2] = True
    blocked = solve(fluid)
    assert (blocked.status, blocked.value, blocked.lower, blocked.upper) == ("not_percolating", 0, 0, 0)
    free = solve(np.ones((4, 5, 6), bool))
    assert (free.status, free.value) == ("undefined", None)
    hurried = solve(noise((20, 20, 20), 0.5, 0), tolerance=1e-9, max_iterations=1)
    assert hurried.status == "not_converged"
    assert hurried.lower < hurried.value < hurried.upper


@pytest.mark.analytic
@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (1.0, 2.0, 0.7)])
def test_mean_speed_along_a_straight_channel_is_the_permeability(size):
    fluid = np.zeros((6, 7, 8), bool)
    fluid[:, 1:5, 2:7] = True
    found = solve(fluid, voxel_size=size, tolerance=1e-8, speed=True)
    assert np.nanmean(np.nan_to_num(found.speed)) == pytest.approx(found.value, rel=1e-4)
    assert (np.isfinite(found.speed) == fluid).all()


# --- oracles --------------------------------------------------------------------


@pytest.mark.oracle
@given(flow_problems())
@settings(deadline=None, max_examples=200)
def test_interval_holds_the_dense_solution(case):
    found = solve(**case, tolerance=1e-6)
    assume(found.status != "undefined")
    exact = permeability(**case) / case["voxel_size"][case["axis"]] ** 2
    # The oracle rounds, and its matrix is regularised: 1e-9.
    assert found.lower * (1 - 1e-9) - 1e-9 <= exact <= found.upper * (1 + 1e-9) + 1e-9
    assert found.status in ("ok", "not_percolating", "absent_phase")
    assert (found.value == 0) == (found.status != "ok")


@pytest.mark.oracle
@pytest.mark.parametrize("size", [1e-4, 1e-2, 1.0, 100.0])
@pytest.mark.parametrize("sides", ["slip", "no-slip"])
def test_bounds_hold_for_poisoned_fields(size, sides):
    rng = np.random.default_rng(1)
    for seed in range(5):
        problem = make_problem(noise((18, 17, 16), 0.5, seed), axis=seed % 3, sides=sides)
        truth = solve(problem.fluid, sides=sides, tolerance=1e-8).value / problem.scale
        darcy = darcy_problem(problem, 1)
        kept, n = hierarchy.percolating(darcy)
        with hierarchy.runner(1) as run:
            diffusion = multigrid.Solver(hierarchy.build(darcy, kept, run), run)
            network = faces.Faces(problem, diffusion.hierarchy, run)
            found = bounds.Bounds(network, diffusion)
            u = size * rng.standard_normal(network.code.shape) * (network.code > 0)
            p = np.append(rng.standard_normal(n), 0.0)
            assert 0 <= found.lower(u) <= truth <= found.upper(u, p)


@pytest.mark.oracle
def test_threads_change_nothing():
    fluid = noise((130, 30, 32), 0.4, 3)
    one, *others = (solve(fluid, threads=threads) for threads in (1, 2, 3))
    for other in others:
        assert (one.lower, one.upper) == (other.lower, other.upper)


@pytest.mark.analytic
@pytest.mark.parametrize("tolerance", [1e-5, 1e-6, 1e-7])
def test_a_flow_whose_divergence_is_gone_at_once_is_still_refined(tolerance):
    # Half a slit: the wall beside two voxels, free slip behind them, and one voxel from end to end.
    found = solve(np.array([[[False, False, True, True]]]), tolerance=tolerance)
    assert found.status == "ok"
    assert found.lower * (1 - 1e-9) <= (4**3 + 2 * 4) / (12 * 8) <= found.upper * (1 + 1e-9)


@pytest.mark.oracle
def test_a_few_iterations_are_enough_at_any_length():
    # The diffusion solver makes the number independent of the size; 40 iterations do not do without it.
    for length in (32, 128):
        found = solve(noise((length, 32, 32), 0.35, 5))
        assert found.status == "ok"
        assert found.iterations <= 6


@pytest.mark.oracle
def test_memory_is_checked_before_it_is_allocated(monkeypatch):
    monkeypatch.setattr("microchar.core.memory.available_memory", lambda: 1e5)
    with pytest.raises(NotEnoughMemoryError, match=r"permeability of .* GB are available"):
        solve(noise((20, 20, 20), 0.5, 0))


@pytest.mark.oracle
def test_edt_darcy_of_a_slit_does_not_depend_on_shifts():
    fluid = slit(6, 9)
    expected = edt_darcy(fluid, periodic=(1, 2)).value
    # The squares of 0.5, 1.5, 2.5; classes of the distance are 6 % wide.
    assert expected == pytest.approx(2 * (0.25 + 2.25 + 6.25) / 9, rel=0.03)
    for shift in (3, 6):
        assert edt_darcy(np.roll(fluid, shift, 1), periodic=(1, 2)).value == pytest.approx(expected, rel=1e-9)
    walls = edt_darcy(np.ones((5, 6, 3), bool), sides="no-slip", periodic=(2,)).value
    assert walls == pytest.approx(expected * 9 / 6, rel=1e-9)


# --- real volumes ---------------------------------------------------------------


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [("berea", 100, 0.09784), ("berea", 200, 0.04703), ("ketton", 256, 0.02628), ("nmc_cathode", 96, 1.256)],
)
def test_pores_of_real_volumes(real_array, name, size, expected):
    found = solve(real_array(name)[:size, :size, :size] == 0, threads=2)
    assert found.status == "ok"
    assert found.iterations <= 6
    assert found.gap <= 1e-3
    assert found.value == pytest.approx(expected, rel=1e-3)


def published_pieces(real, real_array):
    """Yield every third piece of Berea with published permeabilities: its pores, and the value along each axis."""
    pore = real_array("berea") == 0
    with (real("berea").parent / "berea_128_permeability.csv").open() as lines:
        for row in list(csv.DictReader(lines))[::3]:
            start = [int(row[f"origin{a}"]) for a in range(3)]
            piece = pore[tuple(slice(s, s + 128) for s in start)]
            yield piece, [float(row[f"k_axis{a}_voxel2"]) for a in range(3)]


@pytest.mark.realdata
def test_published_permeabilities_of_berea(real, real_array):
    # All 54 of them: benchmarks/permeability.py --published.
    ours, published = [], []
    for number, (piece, values) in enumerate(published_pieces(real, real_array)):
        axis = number % 3
        ours.append(solve(piece, axis=axis, tolerance=1e-2, threads=2).value)
        published.append(values[axis])
    assert np.corrcoef(np.log(ours), np.log(published))[0, 1] ** 2 >= 0.98
    assert 0.75 <= np.median(np.array(published) / ours) <= 0.90


@pytest.mark.realdata
def test_edt_darcy_ranks_published_permeabilities_of_berea(real, real_array):
    pieces = published_pieces(real, real_array)
    ours, published = zip(*((edt_darcy(piece, threads=2).value, values[0]) for piece, values in pieces), strict=True)
    assert np.corrcoef(np.log(ours), np.log(published))[0, 1] ** 2 > 0.95
