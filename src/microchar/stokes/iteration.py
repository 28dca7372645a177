"""The iteration: conjugate gradients for the pressure, preconditioned with the diffusion solver."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from microchar.diffusion.multigrid import Solver
from microchar.kernels import stokes_faces
from microchar.stokes.bounds import Bounds
from microchar.stokes.faces import Faces

#: Gap of the diffusion problem whose concentration is the first pressure.
_START = 1e-2
#: The conductivity of the preconditioner is this share of the squared distance to the wall.
_SHARE = 0.8
#: Reduction of the residual in the solves for the velocity.
_INNER = 0.1
#: Usual step along a direction of search; it scales the correction of the velocity in the first iteration.
_USUAL_STEP = 0.5
#: Bounds are computed when an iteration has changed the energy by less than this many tolerances. In rocks, the gap
#: between the bounds is about half of that change.
_WORTH_A_LOOK = 2


class Iteration:
    """The pressure that makes the flow free of divergence.

    The velocity u is A⁻¹(f − G p) up to the accuracy of the inner solves, and the pressure is
    found by flexible conjugate gradients on Gᵀ A⁻¹ G p = Gᵀ A⁻¹ f.

    Parameters
    ----------
    faces : Faces
    diffusion : Solver
        Solver of the diffusion problem whose conductivity is the squared distance to the wall.
    """

    def __init__(self, faces: Faces, diffusion: Solver):
        self._faces = faces
        self._diffusion = diffusion
        self._bounds = Bounds(faces, diffusion)
        self.u = faces.zeros(float)

    def steps(self, tolerance: float, max_iterations: int) -> Iterator[tuple[float, float, int]]:
        """Yield the bounds of the flow through the inlet, with the number of iterations so far.

        The bounds cost as much as an iteration. They are computed only when the last
        iteration changed the energy so little that they may be within the tolerance.
        """
        faces, n = self._faces, self._faces.n
        p, u = self._first_pressure(), self.u
        b, v = faces.zeros(), faces.zeros()
        r = np.zeros(n + 1, np.float32)
        z, d, w = np.zeros((3, n + 1), np.float32)
        faces.momentum(u, p, b)
        faces.solve(b, v, _INNER)
        faces.combine(u, v, other=1.0)
        product, step = np.inf, _USUAL_STEP
        for iteration in range(max_iterations):
            faces.divergence(u, r)
            self._precondition(r, z)
            stokes_faces.combine(d, np.float32(-self._dot(z, w) / product), z, np.float32(1))
            # The velocity also corrects what the inner solves before it left of the momentum balance.
            faces.momentum(u, p, b)
            faces.gradient(d, b, -1 / step)
            faces.solve(b, v, _INNER)
            faces.divergence(v, w)
            product = self._dot(d, w)
            if product <= 0:
                break
            step = self._dot(d, r) / product
            stokes_faces.combine(p, 1.0, d, step)
            faces.combine(u, v, other=-step)
            flow = float(u[n + 1 :, 0].sum())
            if step**2 * product <= _WORTH_A_LOOK * tolerance * flow or iteration == max_iterations - 1:
                yield self._bounds.lower(u), self._bounds.upper(u, p), iteration + 1
        else:
            return
        yield self._bounds.lower(u), self._bounds.upper(u, p), iteration + 1

    def _first_pressure(self) -> np.ndarray:
        for p, lower, upper, _ in self._diffusion.steps(_START, 100):
            if upper - lower <= _START * upper:
                break
        return p

    def _precondition(self, r: np.ndarray, z: np.ndarray) -> None:
        """Apply the inverse of the Schur complement, about: 1 in free space, and diffusion between walls."""
        self._diffusion.precondition(r, z)
        stokes_faces.combine(z, np.float32(1 / _SHARE), r, np.float32(1))

    def _dot(self, a: np.ndarray, b: np.ndarray) -> float:
        return float(sum(self._faces.run(np.dot, [(a[slice(*s.nodes)], b[slice(*s.nodes)]) for s in self._faces.slabs])))

    def speed(self, problem: Problem) -> np.ndarray:
        """Return the speed at each node, at unit viscosity and unit mean pressure gradient, and a last 0."""
        faces, total = self._faces, np.zeros(self._faces.n + 1)
        flow = np.empty(faces.n + 1)
        for a in range(3):
            faces.mean_flow(self.u, a, flow)
            total += (flow * problem.size[a]) ** 2
        return np.sqrt(total).astype(np.float32) * np.float32(len(problem.fluid))
