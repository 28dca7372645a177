"""The function `solve`: permeability along one axis, with guaranteed bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from microchar.core.memory import refuse_beyond_memory
from microchar.core.result import Status
from microchar.diffusion import hierarchy, multigrid
from microchar.diffusion import solve as solve_diffusion
from microchar.diffusion.solution import midpoint, narrowed, too_wide
from microchar.stokes.faces import Faces
from microchar.stokes.iteration import Iteration
from microchar.stokes.problem import Problem, Sides, darcy_problem, make_problem
from microchar.stokes.solution import Solution

_MAX_ITERATIONS = 100
#: Bytes per fluid voxel for the hierarchy and all vectors.
BYTES_PER_NODE = 300


def solve(
    fluid: np.ndarray,
    *,
    axis: int = 0,
    voxel_size: Sequence[float] = (1.0, 1.0, 1.0),
    periodic: Sequence[int] = (),
    sides: Sides = "slip",
    tolerance: float = 1e-3,
    threads: int = 1,
    max_iterations: int = _MAX_ITERATIONS,
    speed: bool = False,
    progress: Callable[[float, float], None] = lambda lower, upper: None,
) -> Solution:
    r"""Return the permeability of a voxel volume along one axis, with guaranteed bounds.

    Stokes flow is discretised on the faces of the voxels (marker-and-cell scheme). The
    pressure is 1 on the first end face and 0 on the last one, where the flow is normal
    to the face. Voxels that are not fluid are walls without slip.

    Parameters
    ----------
    fluid : ndarray of bool, 3D
        Voxels in which the fluid flows.
    axis : int
        Axis of flow.
    voxel_size : sequence of three floats
        Voxel size along each axis, in any unit.
    periodic : sequence of int
        Axes along which the volume repeats. The axis of flow is never periodic.
    sides : {"slip", "no-slip"}
        Whether the fluid slips along the sides that are not periodic. An axis of one
        voxel has no sides.
    tolerance : float
        Largest allowed gap between the bounds, relative to the value.
    threads : int
        Number of threads. The result does not depend on it.
    max_iterations : int
        Number of iterations after which the solver stops.
    speed : bool
        Whether to return the speed too.
    progress : callable
        ``progress(lower, upper)``, called whenever new bounds have been computed.

    Returns
    -------
    Solution
        Value, bounds and status, in units of the squared voxel size along `axis`. The
        bounds are valid for the exact solution of the discrete problem, whatever the
        status. The status "not_converged" means that their gap is larger than the
        tolerance.

    Raises
    ------
    NotEnoughMemoryError
        If the solver would need more memory than is available. It is raised before
        the memory is allocated.

    Examples
    --------
    A slit of the width w between walls has the permeability (w³ + 2 w) / 12 H on voxels,
    where H is the height of the volume:

    >>> import numpy as np
    >>> from microchar.stokes import solve
    >>> fluid = np.zeros((5, 8, 3), bool)
    >>> fluid[:, 2:6] = True
    >>> round(float(solve(fluid, tolerance=1e-6).value) * 12 * 8, 4)
    72.0
    """
    problem = make_problem(fluid, axis=axis, voxel_size=voxel_size, periodic=periodic, sides=sides)
    trivial = _trivial(problem)
    if trivial is not None:
        return trivial
    darcy = darcy_problem(problem, threads)
    kept, n = hierarchy.percolating(darcy)
    if n == 0:
        return _nothing(Status.NOT_PERCOLATING)
    refuse_beyond_memory(n * BYTES_PER_NODE, f"permeability of {n:.3g} fluid voxels", hierarchy.LARGER_MACHINE)
    with hierarchy.runner(threads) as run:
        diffusion = multigrid.Solver(hierarchy.build(darcy, kept, run), run)
        iteration = Iteration(Faces(problem, diffusion.hierarchy, run), diffusion)
        solution = _narrow(problem, iteration.steps(tolerance, max_iterations), tolerance, progress)
        if speed:
            numbering = diffusion.hierarchy.numbering
            assert numbering is not None
            field = hierarchy.on_voxels(iteration.speed(problem), numbering, problem.fluid.shape)
            solution = replace(solution, speed=np.moveaxis(field, 0, axis))
    return solution


def edt_darcy(
    fluid: np.ndarray,
    *,
    axis: int = 0,
    voxel_size: Sequence[float] = (1.0, 1.0, 1.0),
    periodic: Sequence[int] = (),
    sides: Sides = "slip",
    tolerance: float = 1e-3,
    threads: int = 1,
    progress: Callable[[float, float], None] = lambda lower, upper: None,
) -> Solution:
    """Return the permeability if each voxel were a porous medium of the permeability d², d its distance to the wall.

    The parameters are those of `solve`. The bounds are those of this problem, which is
    a diffusion problem; they are no bounds of the permeability.

    Examples
    --------
    >>> import numpy as np
    >>> from microchar.stokes import edt_darcy
    >>> fluid = np.zeros((5, 8, 3), bool)
    >>> fluid[:, 2:6] = True
    >>> round(float(edt_darcy(fluid).value), 2)  # (0.5² + 1.5²) / 4, with the distance in classes
    0.62
    """
    problem = make_problem(fluid, axis=axis, voxel_size=voxel_size, periodic=periodic, sides=sides)
    trivial = _trivial(problem)
    if trivial is not None:
        return trivial
    darcy = darcy_problem(problem, threads)
    found = solve_diffusion(
        darcy.labels,
        darcy.conductivity.tolist(),
        axis=0,
        voxel_size=problem.size,
        periodic=[a for a in range(3) if problem.periodic[a]],
        tolerance=tolerance,
        threads=threads,
        progress=progress,
    )
    return Solution(
        value=found.value,
        lower=found.lower,
        upper=found.upper,
        status=found.status,
        message=found.message,
        iterations=found.iterations,
    )


def _trivial(problem: Problem) -> Solution | None:
    """Return the solution of a problem without fluid or without walls; None for any other."""
    if not problem.fluid.any():
        return _nothing(Status.ABSENT_PHASE)
    if problem.nothing_resists:
        message = "the fluid fills the volume and slips along its sides: nothing resists the flow"
        return Solution(value=None, lower=None, upper=None, status=Status.UNDEFINED, message=message)
    return None


def _nothing(status: Status) -> Solution:
    return Solution(value=0.0, lower=0.0, upper=0.0, status=status, message=status.meaning)


def _narrow(
    problem: Problem,
    steps: Iterator[tuple[float, float, int]],
    tolerance: float,
    progress: Callable[[float, float], None],
) -> Solution:
    lower, upper, iterations = narrowed(steps, problem.scale, tolerance, progress)
    solution = Solution(value=midpoint(lower, upper), lower=lower, upper=upper, iterations=iterations)
    if solution.gap <= tolerance:
        return solution
    return replace(solution, status=Status.NOT_CONVERGED, message=too_wide(solution.gap, tolerance))
