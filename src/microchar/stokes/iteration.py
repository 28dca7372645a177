"""The iteration: conjugate gradients for the pressure, preconditioned with the diffusion solver."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from microchar.diffusion.multigrid import Solver
from microchar.kernels import stokes_faces
from microchar.stokes.bounds import Bounds
from microchar.stokes.faces import Faces
from microchar.stokes.problem import Problem

#: Gap of the diffusion problem whose concentration is the first pressure.
_START = 1e-2
#: The conductivity of the preconditioner is this share of the squared distance to the wall.
_SHARE = 0.8
#: Reduction of the residual in the solves for the velocity.
_INNER = 0.1
#: Largest energy of the residual of the momentum balance, as a share of that of the divergence.
_BALANCE = 0.1
#: Usual step along a direction of search. It scales what a solve corrects of the momentum balance besides.
_USUAL_STEP = 0.5
#: Bounds are computed when an iteration has changed the energy by less than this many tolerances. In rocks, the gap
#: between the bounds is about as large as that change (measured).
_WORTH_A_LOOK = 1


class Iteration:
    """The pressure that makes the flow free of divergence.

    With the viscous operator A and the gradient G, the velocity for a pressure is
    A⁻¹(f − G p), up to the accuracy of the inner solves. The pressure is found by
    flexible conjugate gradients on Gᵀ A⁻¹ G p = Gᵀ A⁻¹ f.

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
        #: The velocity.
        self.u = faces.zeros(float)

    def steps(self, tolerance: float, max_iterations: int) -> Iterator[tuple[float, float, int]]:
        """Yield the bounds of the flow through the inlet, with the number of iterations so far.

        The bounds cost as much as an iteration. They are computed only when the last
        iteration changed the energy so little that they may be within the tolerance.
        """
        faces, u, n = self._faces, self.u, self._faces.n
        p = self._first_pressure()
        b, v = faces.zeros(), faces.zeros()
        r, z, d, w = np.zeros((4, n + 1), np.float32)
        faces.momentum(u, p, b)
        self._balance(b, v, 0.0)
        product = np.inf
        for iteration in range(max_iterations):
            self._measure(p, r, z, b)
            if self._balance(b, v, _BALANCE * self._dot(r, z)):
                self._measure(p, r, z, b)
            stokes_faces.combine(d, np.float32(-self._dot(z, w) / product), z, np.float32(1))
            # The velocity also corrects what earlier inner solves left of the momentum balance.
            faces.gradient(d, b, -1 / _USUAL_STEP)
            faces.solve(b, v, _INNER)
            faces.divergence(v, w)
            product = self._dot(d, w)
            if product <= 0:
                # The divergence is gone, and no pressure can gain anything: what is left is the momentum balance.
                faces.momentum(u, p, b)
                if not self._balance(b, v, 0.0):
                    break
                product = np.inf
                yield self._bounds.lower(u), self._bounds.upper(u, p), iteration + 1
                continue
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
        for p, lower, upper, _ in self._diffusion.steps(_START, 100):  # noqa: B007
            if upper - lower <= _START * upper:
                break
        return p

    def _measure(self, p: np.ndarray, r: np.ndarray, z: np.ndarray, b: np.ndarray) -> None:
        """Compute the divergence r, the pressure z that it calls for, and the residual b of the momentum balance."""
        self._faces.divergence(self.u, r)
        # The inverse of the Schur complement is about 1 in free space, and that of diffusion between walls.
        self._diffusion.precondition(r, z)
        stokes_faces.combine(z, np.float32(1 / _SHARE), r, np.float32(1))
        self._faces.momentum(self.u, p, b)

    def _balance(self, b: np.ndarray, v: np.ndarray, enough: float) -> bool:
        """Correct the velocity if the energy of the residual b of the momentum balance is more than enough."""
        if self._faces.solve(b, v, _INNER, enough) == 0:
            return False
        self._faces.combine(self.u, v, other=1.0)
        return True

    def _dot(self, a: np.ndarray, b: np.ndarray) -> float:
        pieces = [slice(*slab.nodes) for slab in self._faces.slabs]
        return float(sum(self._faces.run(np.dot, [(a[piece], b[piece]) for piece in pieces])))

    def speed(self, problem: Problem) -> np.ndarray:
        """Return the speed at each node, at unit viscosity and unit mean pressure gradient, and a last 0."""
        # The unknowns are flows in units that make all faces count alike, the pressure difference is 1.
        return self._faces.speed(self.u, np.array(problem.size) * len(problem.fluid))
