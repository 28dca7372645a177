"""Bounds of the flow through the volume that hold for any velocity and pressure."""

from __future__ import annotations

import numpy as np

from microchar.diffusion.multigrid import Solver
from microchar.kernels import stokes_bounds
from microchar.stokes.faces import Faces

_EPS = np.finfo(float).eps
#: The supporting field w solves A w = 1 to this residual at first; w is refined until A w is positive everywhere.
_ROUGHLY = 0.06
_POSITIVE = 0.01
_MAX_ROUNDS = 100


class Bounds:
    """Lower and upper bounds of the flow through the inlet at unit pressure difference and viscosity.

    Parameters
    ----------
    faces : Faces
    diffusion : Solver
        Solver of the diffusion problem on the same hierarchy, which leads residual flows
        to the ends.
    """

    def __init__(self, faces: Faces, diffusion: Solver):
        self._faces = faces
        self._diffusion = diffusion
        self._support: np.ndarray | None = None

    def lower(self, u: np.ndarray) -> float:
        r"""Return a lower bound, from the dissipation of a flow without divergence that is close to `u`.

        The divergence that remains, :math:`\rho` in total, is that of rounding. It could
        be led to the outlet along a tree, and no face of the tree would carry more than
        :math:`\rho`. The eigenvalues of the viscous operator are at most twice its
        largest possible diagonal.
        """
        faces = self._faces
        u = u.copy()
        rest = np.zeros(faces.n + 1)
        faces.divergence(u, rest)
        self._lead_to_the_ends(rest, u)
        left = faces.divergence(u, rest)
        tasks = [(*faces.operator, u, *slab.nodes) for slab in faces.slabs]
        sums = np.sum(faces.run(stokes_bounds.dissipation, tasks), axis=0)
        energy, magnitude, current, flows = sums.tolist()
        if current <= 0:
            return 0.0
        rounding = self._rounding()
        rho = left + 16 * _EPS * flows
        largest = 4 * faces.weight[:, :3].sum(axis=1)
        room = float(largest @ np.count_nonzero(faces.code, axis=0))
        root = np.sqrt(energy + 16 * rounding * magnitude) + rho * np.sqrt(room)
        return float(max(current - rounding * flows, 0.0) / root) ** 2 * (1 - 8 * _EPS)

    def upper(self, u: np.ndarray, p: np.ndarray) -> float:
        """Return an upper bound, from the pressure `p` and a velocity `u` that nearly balances it."""
        faces = self._faces
        w = self._supporting()
        largest = faces.diagonal.max()
        slack = 64 * _EPS * (1 + _largest(p) + largest * _largest(u))
        mass_slack = 64 * _EPS * largest * w.max()
        tasks = [(*faces.operator, u, p, w, slack, mass_slack, *slab.nodes) for slab in faces.slabs]
        linear, magnitude, square = np.sum(faces.run(stokes_bounds.dual, tasks), axis=0).tolist()
        return float(linear + 4 * self._rounding() * magnitude + square * (1 + self._rounding()))

    def _rounding(self) -> float:
        """Return the relative rounding error of a sum over a slab, three terms for each node."""
        return _EPS * (4 * max(slab.nodes[1] - slab.nodes[0] for slab in self._faces.slabs) + 64)

    def _supporting(self) -> np.ndarray:
        """Return a velocity w such that w and ``A w`` are positive on all faces, computed once."""
        if self._support is None:
            faces = self._faces
            b, x, w = faces.zeros(), faces.zeros(), faces.zeros(float)

            def rest(part: slice) -> bool:
                enough = bool((b[part] >= _POSITIVE)[faces.code[part] > 0].all())
                b[part] = (faces.code[part] > 0) - b[part]
                return enough

            faces.each(rest)
            for _ in range(_MAX_ROUNDS):
                faces.solve(b, x, _ROUGHLY)
                faces.combine(w, x, other=1.0)
                faces.apply(w, b)
                if all(faces.each(rest)):
                    break
            self._support = w
        return self._support

    def _lead_to_the_ends(self, source: np.ndarray, u: np.ndarray) -> None:
        """Add a flow to `u` that leads the net flow into each node, `source`, to the ends."""
        faces, diffusion = self._faces, self._diffusion
        hierarchy = diffusion.hierarchy
        v, slabs = hierarchy.voxels, hierarchy.slabs
        x = np.zeros(faces.n + 1)
        r, z = np.zeros(faces.n + 1, np.float32), np.zeros(faces.n + 1, np.float32)
        excess = np.empty(v.n_aggregates)

        def residual() -> None:
            fine = (faces.nbr, v.kind, v.table, v.ends, source, x, v.start)
            faces.run(stokes_bounds.residual, [(*fine, *slab.aggregates, r, excess) for slab in slabs])

        residual()
        diffusion.precondition(r, z)
        square, _ = diffusion.energies(z, z)
        if square > 0:
            x += float(np.dot(z, r)) / square * z
            residual()
        agg, flow = v.aggregates(faces.run, slabs), diffusion.flow(excess)
        fine = (faces.nbr, v.kind, v.table, v.ends, faces.ghost, source, x, agg, v.start, flow)
        faces.run(stokes_bounds.add_flow, [(*fine, *slab.aggregates, u) for slab in slabs])


def _largest(x: np.ndarray) -> float:
    return float(max(x.max(), -x.min()))
