"""`solve`: effective diffusivity along one axis, between guaranteed bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microchar.diffusion import small
from microchar.diffusion.network import assemble
from microchar.diffusion.problem import Problem, make_problem
from microchar.diffusion.solution import Solution, bounded, midpoint, nothing


def solve(
    labels: np.ndarray,
    conductivity: Sequence[float],
    *,
    axis: int = 0,
    voxel_size: Sequence[float] = (1.0, 1.0, 1.0),
    periodic: Sequence[int] = (),
    tolerance: float = 1e-3,
) -> Solution:
    r"""Return the effective diffusivity of a voxel volume along one axis, between guaranteed bounds.

    Finite volumes on the voxels: the concentration is 1 on the first end face
    and 0 on the last one, the sides let nothing through (or repeat), and the
    conductance between two voxels is that of their halves in series.

    Parameters
    ----------
    labels : ndarray of uint8, 3D
        What each voxel is made of.
    conductivity : sequence of float
        Diffusivity of each label in units of the reference; labels beyond its
        end do not conduct.
    axis : int
        Axis of transport.
    voxel_size : sequence of three floats
        Spacing along each axis, in any unit.
    periodic : sequence of int
        Axes along which the volume repeats; the axis of transport never does.
    tolerance : float
        Largest gap between the bounds, relative to the value.

    Returns
    -------
    Solution
        The interval holds the exact answer of the discrete problem whatever the
        status; "not_converged" says that it is wider than the tolerance.

    Examples
    --------
    A straight channel through a quarter of the cross-section:

    >>> import numpy as np
    >>> from microchar.diffusion import solve
    >>> labels = np.zeros((8, 4, 4), np.uint8)
    >>> labels[:, :2, :2] = 1
    >>> round(solve(labels, (0, 1)).value, 9)
    0.25
    """
    problem = make_problem(labels, conductivity, axis=axis, voxel_size=voxel_size, periodic=periodic)
    conducting = int(np.count_nonzero((problem.conductivity > 0)[problem.labels])) / labels.size
    if conducting == 0:
        return nothing("absent_phase", 0.0)
    return _solve_small(problem, tolerance, conducting)


def _solve_small(problem: Problem, tolerance: float, conducting: float) -> Solution:
    network, _ = assemble(problem)
    if network.n == 0:
        return nothing("not_percolating", conducting)
    lower, upper = 0.0, np.inf
    about: dict[str, Any] = {}
    for u, iterations, method in small.fields(network):
        about = {"iterations": iterations, "method": method}
        bounds = network.bounds(u)
        lower, upper = max(lower, bounds[0]), min(upper, bounds[1])
        if upper - lower <= tolerance * midpoint(lower, upper):
            break
    return bounded(
        lower * problem.scale,
        upper * problem.scale,
        tolerance,
        conducting_fraction=conducting,
        percolating_fraction=network.n / problem.labels.size,
        **about,
    )
