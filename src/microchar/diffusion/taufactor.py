"""TauFactor as a backend, for GPUs and as a cross-check; it gives no bounds."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout

import numpy as np

from microchar.core.errors import InputError, MissingDependencyError
from microchar.core.result import Status
from microchar.diffusion.solution import Solution, nothing


def solve_with_taufactor(
    labels: np.ndarray,
    conductivity: Sequence[float],
    *,
    axis: int,
    voxel_size: Sequence[float],
    periodic: Sequence[int],
    tolerance: float,
    threads: int = 1,
) -> Solution:
    """Return the effective diffusivity like `microchar.diffusion.solve`, but computed by TauFactor.

    It supports phases with diffusivity 1, cubic voxels and closed sides. `tolerance`
    is TauFactor's stopping criterion, the spread of the flux over the cross-sections;
    it is not a bound of the error. `threads` is ignored: PyTorch chooses the threads.
    """
    try:
        import torch
        from taufactor import Solver
    except ImportError as error:
        raise MissingDependencyError("backend='taufactor' needs the extra microchar[taufactor]") from error
    if set(conductivity) - {0.0, 1.0} or periodic or len(set(voxel_size)) > 1:
        raise InputError(
            "backend='taufactor' supports only phases with diffusivity 1, cubic voxels and closed sides; "
            "use backend='own'"
        )
    conducts = np.zeros(256, np.uint8)
    conducts[: len(conductivity)] = conductivity
    image = np.ascontiguousarray(np.moveaxis(conducts[labels], axis, 0))
    fraction = float(image.mean())
    if fraction == 0:
        return nothing(Status.ABSENT_PHASE, fraction)
    with redirect_stdout(io.StringIO()):
        solver = Solver(image, device="cuda" if torch.cuda.is_available() else "cpu")
        solver.solve(verbose=False, conv_crit=tolerance)
    value = float(np.squeeze(solver.D_rel))
    if value == 0:
        return nothing(Status.NOT_PERCOLATING, fraction)
    return Solution(
        value=value,
        lower=None,
        upper=None,
        status=Status.OK if solver.converged else Status.NOT_CONVERGED,
        message="" if solver.converged else f"TauFactor stopped after {solver.iter} iterations",
        iterations=solver.iter,
        method="TauFactor",
        parallel=fraction,
        percolating_fraction=None,
    )
