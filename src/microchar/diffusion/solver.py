"""The function `solve`: effective diffusivity along one axis, with guaranteed bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from microchar.core.result import Status
from microchar.diffusion.problem import Problem, make_problem
from microchar.diffusion.solution import Solution, bounded, narrowed, nothing

#: Volumes of at most this many voxels use the solvers of `small`, which need no compiled kernels. From 24³ voxels on,
#: multigrid takes a tenth of their time, and a hundredth where they need conjugate gradients.
_SMALL = 16**3
_MAX_ITERATIONS = 100

#: The two bounds of the conductance; the field they were computed from, the number of iterations, and the method.
Step = tuple[float, float, tuple[np.ndarray, int, str]]


def solve(
    labels: np.ndarray,
    conductivity: Sequence[float],
    *,
    axis: int = 0,
    voxel_size: Sequence[float] = (1.0, 1.0, 1.0),
    periodic: Sequence[int] = (),
    tolerance: float = 1e-3,
    threads: int = 1,
    max_iterations: int = _MAX_ITERATIONS,
    concentration: bool = False,
    progress: Callable[[float, float], None] = lambda lower, upper: None,
) -> Solution:
    r"""Return the effective diffusivity of a voxel volume along one axis, with guaranteed bounds.

    The problem is discretised by finite volumes on the voxels. The concentration is 1
    on the first end face and 0 on the last one. No flux crosses the sides, unless they
    are periodic. The conductance between two voxels is that of two half voxels in
    series.

    Parameters
    ----------
    labels : ndarray of uint8, 3D
        Label of each voxel.
    conductivity : sequence of float
        Diffusivity of each label in units of the reference diffusivity. Labels beyond
        the end of the sequence do not conduct.
    axis : int
        Axis of transport.
    voxel_size : sequence of three floats
        Voxel size along each axis, in any unit.
    periodic : sequence of int
        Axes along which the volume repeats. The axis of transport is never periodic.
    tolerance : float
        Largest allowed gap between the bounds, relative to the value.
    threads : int
        Number of threads. The result does not depend on it.
    max_iterations : int
        Number of iterations after which the multigrid solver stops.
    concentration : bool
        Whether to return the concentration field too.
    progress : callable
        ``progress(lower, upper)``, called whenever new bounds have been computed.

    Returns
    -------
    Solution
        Value, bounds and status. The bounds are valid for the exact solution of the
        discrete problem, whatever the status. The status "not_converged" means that
        their gap is larger than the tolerance.

    Raises
    ------
    NotEnoughMemoryError
        If the solver would need more memory than is available. It is raised before
        the memory is allocated.

    Examples
    --------
    A straight channel that takes up a quarter of the cross-section:

    >>> import numpy as np
    >>> from microchar.diffusion import solve
    >>> labels = np.zeros((8, 4, 4), np.uint8)
    >>> labels[:, :2, :2] = 1
    >>> round(solve(labels, (0, 1)).value, 9)
    0.25
    """
    problem = make_problem(labels, conductivity, axis=axis, voxel_size=voxel_size, periodic=periodic)
    methods = [_multigrid] if labels.size > _SMALL else [_small, _multigrid]
    solution = nothing(Status.ABSENT_PHASE, 0.0)
    for method in methods if problem.parallel else []:
        solution = method(problem, tolerance, threads, max_iterations, concentration, progress)
        if solution.status != Status.NOT_CONVERGED:
            break
    if solution.concentration is None:
        return solution
    return replace(solution, concentration=np.moveaxis(solution.concentration, 0, axis))


def _small(
    problem: Problem,
    tolerance: float,
    threads: int,
    max_iterations: int,
    concentration: bool,
    progress: Callable[[float, float], None],
) -> Solution:
    from microchar.diffusion import small
    from microchar.diffusion.network import assemble

    network, node = assemble(problem)
    if network.n == 0:
        return nothing(Status.NOT_PERCOLATING, problem.parallel)
    steps = ((*network.bounds(u), (u, iterations, method)) for u, iterations, method in small.fields(network))
    solution, field = _narrow(problem, steps, network.n, tolerance, progress)
    if concentration:
        solution = replace(solution, concentration=np.append(field, np.nan).astype(np.float32)[node])
    return solution


def _multigrid(
    problem: Problem,
    tolerance: float,
    threads: int,
    max_iterations: int,
    concentration: bool,
    progress: Callable[[float, float], None],
) -> Solution:
    from microchar.diffusion import hierarchy, multigrid

    kept, n = hierarchy.percolating(problem)
    if n == 0:
        return nothing(Status.NOT_PERCOLATING, problem.parallel)
    with hierarchy.runner(threads) as run:
        solver = multigrid.Solver(hierarchy.build(problem, kept, run, numbered=False), run)
        # The memory of `kept` is needed for the vectors, and that of the solver for the field on the voxels.
        del kept
        steps = solver.steps(tolerance, max_iterations)
        found = ((lower, upper, (field, iterations, "multigrid")) for field, lower, upper, iterations in steps)
        solution, field = _narrow(problem, found, n, tolerance, progress)
        del solver, steps, found
        if concentration:
            _, numbering = hierarchy.number(problem, hierarchy.percolating(problem)[0], run)
            field = hierarchy.on_voxels(field, numbering, problem.labels.shape)
            solution = replace(solution, concentration=field)
    return solution


def _narrow(
    problem: Problem, steps: Iterator[Step], n: int, tolerance: float, progress: Callable[[float, float], None]
) -> tuple[Solution, np.ndarray]:
    lower, upper, (field, iterations, method) = narrowed(steps, problem.scale, tolerance, progress)
    solution = bounded(
        lower,
        upper,
        tolerance,
        iterations=iterations,
        method=method,
        parallel=problem.parallel,
        percolating_fraction=n / problem.labels.size,
    )
    return solution, field
