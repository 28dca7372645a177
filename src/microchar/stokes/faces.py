"""The faces that carry flow, and the operators on their velocities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from microchar.diffusion.hierarchy import Hierarchy, Run
from microchar.kernels import stokes_faces
from microchar.stokes.problem import Problem

#: Number of steps of conjugate gradients after which a viscous problem is given up.
_MAX_STEPS = 1000


class Faces:
    """The faces of the conducting voxels of a hierarchy, with the viscous operator A and the gradient G.

    A velocity is an array with the rows that `kernels.stokes_faces` describes; a
    pressure has one entry for each node, and a last one that is 0.

    Parameters
    ----------
    problem : Problem
    hierarchy : Hierarchy
        Hierarchy of the fluid voxels that connect the two ends.
    run : Run
        Calls kernels on threads.

    Attributes
    ----------
    nbr : ndarray of uint32, (nodes, 6)
        Neighbours of each node, in the order of `diffusion_setup.neighbours`; the number
        of nodes stands for missing ones.
    """

    def __init__(self, problem: Problem, hierarchy: Hierarchy, run: Run):
        voxels = hierarchy.voxels
        self.run = run
        self.slabs = hierarchy.slabs
        self.n = voxels.n
        self.inlet = np.flatnonzero(voxels.ends & 1)
        self.ghost = np.zeros(int(self.inlet[-1]) + 1, np.uint32)
        self.ghost[self.inlet] = self.n + 1 + np.arange(len(self.inlet))
        self.code = np.zeros((self.n + 1 + len(self.inlet), 3), np.uint8)
        self.nbr, self._ends = voxels.neighbours(run), voxels.ends
        self._mark(problem, hierarchy)
        self.weight = np.column_stack([problem.weights, np.full(3, 0.5)])
        counts = np.indices((5, 5, 5)).reshape(3, -1)[::-1]  # the digits of 0 to 124, the lowest first
        inside = problem.weights @ counts
        self.diagonal = np.column_stack([np.zeros(3), inside, inside / 2])
        inverse = np.divide(1, self.diagonal, out=np.zeros_like(self.diagonal), where=self.diagonal > 0)
        self._single = [table.astype(np.float32) for table in (self.weight, self.diagonal, inverse)]

    def _mark(self, problem: Problem, hierarchy: Hierarchy) -> None:
        sides = np.array([-1 if problem.periodic[a] else 2 * problem.walls[a] for a in (1, 2)])

        numbering = hierarchy.numbering
        assert numbering is not None

        def mark(first: int, last: int) -> None:
            for i, number in numbering.planes(first, last):
                fine = (number, self.nbr, self._ends, self.ghost, self.code)
                stokes_faces.mark(i, problem.fluid.shape, sides, *fine)

        self.run(mark, [slab.planes for slab in self.slabs])

    @property
    def operator(self) -> tuple[np.ndarray, ...]:
        """The arrays of the viscous operator in double precision, as the kernels take them."""
        return (self.nbr, self._ends, self.ghost, self.inlet, self.weight, self.diagonal, self.code)

    # --- vectors ---------------------------------------------------------------

    def zeros(self, dtype: Any = np.float32) -> np.ndarray:
        """Return a velocity of zeros."""
        return np.zeros(self.code.shape, dtype)

    def each(self, work: Callable[[slice], Any]) -> list[Any]:
        """Call a function with the rows of each slab and with those at the inlet; return what it returns, in order."""
        parts = [slice(*slab.nodes) for slab in self.slabs]
        return self.run(work, [(part,) for part in [*parts, slice(self.n + 1, len(self.code))]])

    def dot(self, a: np.ndarray, b: np.ndarray) -> float:
        """Return the scalar product of two velocities."""
        return float(sum(self.each(lambda part: float(np.dot(a[part].reshape(-1), b[part].reshape(-1))))))

    def combine(self, x: np.ndarray, y: np.ndarray, *, factor: float = 1.0, other: float) -> None:
        """Replace the velocity x by ``factor x + other y``."""
        factor, other = x.dtype.type(factor), x.dtype.type(other)
        self.each(lambda part: stokes_faces.combine(x[part].reshape(-1), factor, y[part].reshape(-1), other))

    # --- operators -------------------------------------------------------------

    def gradient(self, p: np.ndarray, out: np.ndarray, factor: float = 0.0) -> None:
        """Replace `out` by ``G p + factor out``, all of single precision."""
        fine = (self.nbr, self.ghost, self.inlet, self.code, p, np.float32(factor), out)
        self.run(stokes_faces.gradient, [(*fine, *slab.nodes) for slab in self.slabs])

    def divergence(self, u: np.ndarray, out: np.ndarray) -> float:
        """Write the net flow into each node to `out`, and return the sum of its magnitudes."""
        fine = (self.nbr, self._ends, self.ghost, u, out)
        return float(sum(self.run(stokes_faces.divergence, [(*fine, *slab.nodes) for slab in self.slabs])))

    def momentum(self, u: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
        """Write the residual of the momentum balance, in which the pressure falls from 1 to 0, to `out`."""
        self.run(stokes_faces.momentum, [(*self.operator, u, p, out, *slab.nodes) for slab in self.slabs])

    def speed(self, u: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Return the magnitude of the mean velocity at each node, with the scale of each component, and a last 0."""
        out = np.zeros(self.n + 1, np.float32)
        fine = (self.nbr, self._ends, self.ghost, u, scale, out)
        self.run(stokes_faces.speed, [(*fine, *slab.nodes) for slab in self.slabs])
        return out

    def apply(self, u: np.ndarray, out: np.ndarray) -> float:
        """Write the viscous force ``A u`` to `out`, and return ``u · A u``."""
        weight, diagonal = (self.weight, self.diagonal) if u.dtype == float else self._single[:2]
        fine = (self.nbr, self._ends, self.ghost, self.inlet, weight, diagonal, self.code, u, out)
        return float(sum(self.run(stokes_faces.apply, [(*fine, *slab.nodes) for slab in self.slabs])))

    def _precondition(self, r: np.ndarray, z: np.ndarray) -> None:
        """Apply a symmetric Gauss-Seidel sweep to a zero start vector."""
        self.each(lambda part: z[part].fill(0))
        weight, _, inverse = self._single
        fine = (self.nbr, self._ends, self.ghost, self.inlet, weight, inverse, self.code, r, z)
        # Slabs of one colour have no common neighbours, so that the result does not depend on the number of threads.
        for backward, colour in ((False, 0), (False, 1), (True, 1), (True, 0)):
            slabs = self.slabs[colour::2]
            self.run(stokes_faces.relax, [(*fine, *slab.nodes, backward) for slab in slabs])

    def solve(self, b: np.ndarray, x: np.ndarray, tolerance: float, enough: float = 0.0) -> int:
        """Solve ``A x = b`` by conjugate gradients, preconditioned with Gauss-Seidel sweeps, in single precision.

        Parameters
        ----------
        b : ndarray of float32
            Right-hand side; replaced by the residual.
        x : ndarray of float32
            Set; the start vector is zero.
        tolerance : float
            Reduction of the residual in the norm of the preconditioner.
        enough : float
            Square of that norm at which the solve ends, too.

        Returns
        -------
        int
            Number of steps.
        """
        z, d, q = self.zeros(), self.zeros(), self.zeros()
        self.each(lambda part: x[part].fill(0))
        self._precondition(b, z)
        first = product = self.dot(b, z)
        step, ratio = 0, 0.0
        while product > max(tolerance**2 * first, enough) and step < _MAX_STEPS:
            self.combine(d, z, factor=ratio, other=1.0)
            alpha = product / self.apply(d, q)
            self.combine(x, d, other=alpha)
            self.combine(b, q, other=-alpha)
            self._precondition(b, z)
            before, product = product, self.dot(b, z)
            step, ratio = step + 1, product / before
        return step
