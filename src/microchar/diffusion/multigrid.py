"""The multigrid solver: aggregation of conducting voxels, K-cycles, and bounds from the iterates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from microchar.diffusion.hierarchy import LARGEST_AGGREGATE, Hierarchy, Run, Slab
from microchar.kernels import diffusion_bounds, diffusion_cycle

#: Factor of the corrections; it roughly compensates that piecewise-constant interpolation underestimates them.
_OVERCORRECTION = np.float32(1.4)
#: A coarse problem is solved by one step if that reduces the residual to this share or less, otherwise by two steps.
_GOOD_ENOUGH = 0.25
#: Bounds are computed when an iteration has changed the energy by less than this many tolerances. In rocks, the gap
#: between the bounds is about a sixth of that change (measured) and a few times the remaining error.
_WORTH_A_LOOK = 6
#: Number of pieces into which the routing of the flux is divided for threads.
_PIECES = 16


class Solver:
    """Flexible conjugate gradients, preconditioned with the cycle, on a hierarchy."""

    def __init__(self, hierarchy: Hierarchy, run: Run):
        self.hierarchy = hierarchy
        self.run = run
        voxels = hierarchy.voxels
        self._table32 = voxels.table.astype(np.float32)
        self._residual = np.zeros(voxels.n + 1, np.float32)
        self._excess = np.empty(voxels.n_aggregates)
        self._at_inlet = np.flatnonzero(voxels.ends[: hierarchy.slabs[0].nodes[1]] & 1)

    def steps(self, tolerance: float, max_iterations: int) -> Iterator[tuple[np.ndarray, float, float, int]]:
        """Yield fields, each with the bounds computed from it and the number of iterations so far.

        The bounds cost as much as an iteration. They are computed only when the last
        iteration changed the energy so little that they may be within the tolerance.
        """
        n = self.hierarchy.voxels.n
        x = np.zeros(n + 1)
        d, z = np.zeros(n + 1, np.float32), np.zeros(n + 1, np.float32)
        self._spread(self.start(), x)
        product = np.inf
        for iteration in range(max_iterations):
            # The residual is recomputed from the field in double precision, so that the single precision of the cycle
            # does not limit the accuracy.
            r = self.residual(x)
            self.precondition(r, z)
            square, overlap = self.energies(z, d)
            self._add(z, -overlap / product, d)
            d, z = z, d
            product = square - overlap**2 / product
            if product <= 0:
                break
            step = self._dot(d, r) / product
            self._add(x, step, d)
            if step**2 * product <= _WORTH_A_LOOK * tolerance * self._current(x) or iteration == max_iterations - 1:
                yield x, *self.bounds(x, z), iteration + 1
        else:
            return
        yield x, *self.bounds(x, z), iteration + 1

    def _current(self, x: np.ndarray) -> float:
        v = self.hierarchy.voxels
        return float(np.dot(v.inlet(self._at_inlet), 1 - x[self._at_inlet]))

    # --- vectors on the voxels, slab by slab ------------------------------------

    def _each(self, work: Callable[[slice], Any]) -> list[Any]:
        return self.run(work, [(slice(*slab.nodes),) for slab in self.hierarchy.slabs])

    def _dot(self, a: np.ndarray, b: np.ndarray) -> float:
        return float(sum(self._each(lambda part: float(np.dot(a[part], b[part])))))

    def _add(self, a: np.ndarray, factor: float, b: np.ndarray) -> None:
        def add(part: slice) -> None:
            a[part] += a.dtype.type(factor) * b[part]

        self._each(add)

    def _spread(self, coarse: np.ndarray, x: np.ndarray) -> None:
        """Set the values of the nodes to those of their aggregates."""
        start = self.hierarchy.voxels.start

        def spread(slab: Slab) -> None:
            first, last = slab.aggregates
            x[slice(*slab.nodes)] = np.repeat(coarse[first:last], np.diff(start[first : last + 1]))

        self.run(spread, [(slab,) for slab in self.hierarchy.slabs])

    # --- the voxels -----------------------------------------------------------

    def residual(self, x: np.ndarray) -> np.ndarray:
        """Return the residual of a field (the net flux into each node), and store its sums over the aggregates."""
        v = self.hierarchy.voxels
        fine = (v.nbr, v.kind, v.table, v.ends, x, v.start)
        self.run(
            diffusion_bounds.residual,
            [(*fine, *slab.aggregates, self._residual, self._excess) for slab in self.hierarchy.slabs],
        )
        return self._residual

    def precondition(self, r: np.ndarray, x: np.ndarray) -> None:
        """Apply one cycle to a zero start vector: relax, correct from the aggregates, relax backward."""
        v, slabs = self.hierarchy.voxels, self.hierarchy.slabs
        self._each(lambda part: x[part].fill(0))
        self._relax(r, x, backward=False)
        coarse = np.empty(v.n_aggregates, np.float32)
        operator = (v.nbr, v.kind, self._table32, v.ends)
        self.run(
            diffusion_cycle.restrict,
            [(*operator, r, x, v.start, *slab.aggregates, coarse) for slab in slabs],
        )
        correction = self.solve_graph(0, coarse)
        self.run(
            diffusion_cycle.prolong_to_voxels,
            [(v.start, correction, _OVERCORRECTION, x, *slab.aggregates) for slab in slabs],
        )
        self._relax(r, x, backward=True)

    def _relax(self, b: np.ndarray, x: np.ndarray, *, backward: bool) -> None:
        # Slabs of one colour have no common neighbours, so that the result does not depend on the number of threads.
        v = self.hierarchy.voxels
        for colour in (1, 0) if backward else (0, 1):
            slabs = self.hierarchy.slabs[colour::2]
            operator = (v.nbr, v.kind, self._table32, v.ends, v.inverse)
            self.run(diffusion_cycle.relax, [(*operator, b, x, *slab.nodes, backward) for slab in slabs])

    def energies(self, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        """Return x · A x and x · A y."""
        v = self.hierarchy.voxels
        operator = (v.nbr, v.kind, self._table32, v.ends)
        parts = self.run(diffusion_cycle.energies, [(*operator, x, y, *s.nodes) for s in self.hierarchy.slabs])
        return sum(xx for xx, _ in parts), sum(xy for _, xy in parts)

    # --- the networks below ---------------------------------------------------

    def start(self) -> np.ndarray:
        """Return a start vector by full multigrid: solve the coarsest problem, then refine it level by level."""
        graphs = self.hierarchy.graphs
        x = self.hierarchy.solve_coarsest(graphs[-1].inlet)
        for level in range(len(graphs) - 2, -1, -1):
            graph = graphs[level]
            x = x[graph.agg]
            out = np.empty_like(x)
            self._apply_graph(level, x, out)
            # On the finest network a V-cycle gives as good a start vector as a K-cycle, for half the work.
            x += self.solve_graph(level, graph.inlet - out, steps=1 if level == 0 else 2)
        return x

    def solve_graph(self, level: int, b: np.ndarray, steps: int = 2) -> np.ndarray:
        """Solve by at most `steps` steps of flexible conjugate gradients, preconditioned with the cycle.

        One step makes it a V-cycle, two steps make it a K-cycle.
        """
        if level == len(self.hierarchy.graphs) - 1:
            return self.hierarchy.solve_coarsest(b)
        c = self._cycle_graph(level, b, steps)
        v = np.empty_like(c)
        rho = self._apply_graph(level, c, v)
        if rho <= 0:
            return c
        step = float(np.dot(c, b)) / rho
        rest = b - np.float32(step) * v
        if steps == 1 or np.dot(rest, rest) <= _GOOD_ENOUGH**2 * np.dot(b, b):
            return np.float32(step) * c
        d = self._cycle_graph(level, rest, steps)
        w = np.empty_like(d)
        beta = self._apply_graph(level, d, w)
        gamma = float(np.dot(d, v))
        beta -= gamma * gamma / rho
        if beta <= 0:
            return np.float32(step) * c
        second = float(np.dot(d, rest)) / beta
        return np.float32(step - gamma * second / rho) * c + np.float32(second) * d

    def _cycle_graph(self, level: int, b: np.ndarray, steps: int) -> np.ndarray:
        graph = self.hierarchy.graphs[level]
        x = np.zeros(graph.n, np.float32)
        self._relax_graph(level, b, x, backward=False)
        coarse = np.zeros(self.hierarchy.graphs[level + 1].n, np.float32)
        operator = (graph.ptr, graph.nbr, graph.weight, graph.inverse, b, x, graph.agg)
        for parts in (graph.parts[::2], graph.parts[1::2]):
            self.run(diffusion_cycle.restrict_graph, [(*operator, *part, coarse) for part in parts])
        correction = self.solve_graph(level + 1, coarse, steps)
        self.run(diffusion_cycle.prolong, [(graph.agg, correction, _OVERCORRECTION, x, *part) for part in graph.parts])
        self._relax_graph(level, b, x, backward=True)
        return x

    def _relax_graph(self, level: int, b: np.ndarray, x: np.ndarray, *, backward: bool) -> None:
        graph = self.hierarchy.graphs[level]
        operator = (graph.ptr, graph.nbr, graph.weight, graph.inverse)
        for colour in (1, 0) if backward else (0, 1):
            parts = graph.parts[colour::2]
            self.run(diffusion_cycle.relax_graph, [(*operator, b, x, *part, backward) for part in parts])

    def _apply_graph(self, level: int, x: np.ndarray, out: np.ndarray) -> float:
        graph = self.hierarchy.graphs[level]
        operator = (graph.ptr, graph.nbr, graph.weight, graph.end)
        return sum(self.run(diffusion_cycle.apply_graph, [(*operator, x, out, *part) for part in graph.parts]))

    # --- the bounds -----------------------------------------------------------

    def bounds(self, x: np.ndarray, room: np.ndarray | None = None) -> tuple[float, float]:
        """Return a lower and an upper bound of the conductance that hold for any field.

        The method is that of `Network.bounds`, but the flux is first made conserved,
        level by level. `room` is a float32 vector that is overwritten.
        """
        v, slabs = self.hierarchy.voxels, self.hierarchy.slabs
        self.residual(x)
        flow = self.flow(self._excess)
        fine = (v.nbr, v.kind, v.table, v.ends, x, v.aggregates(self.run, slabs, room), v.start, v.shape, flow)
        sums = np.zeros((len(slabs), 6))
        self.run(
            diffusion_bounds.dissipation,
            [
                (*fine, np.zeros((256, 8, 8)), *np.empty((2, 8)), *slab.aggregates, sums[s])
                for s, slab in enumerate(slabs)
            ],
        )
        energy, dissipation, current, left, magnitude, resistance = sums.sum(axis=0).tolist()
        eps = np.finfo(float).eps
        # The balance of a node has about ten terms. A flow that is split level by level differs by about as many
        # rounding errors between its two ends. A sum over a slab has at most eight terms per node.
        rho = left + 64 * eps * magnitude
        rounding = eps * (8 * max(slab.nodes[1] - slab.nodes[0] for slab in slabs) + 64)
        if current <= 0:
            return 0.0, energy * (1 + rounding)
        root = np.sqrt(dissipation) + rho * np.sqrt(resistance)
        return float((current / root) ** 2 * (1 - 4 * rounding)), energy * (1 + rounding)

    def flow(self, excess: np.ndarray, level: int = 0) -> tuple[np.ndarray, ...]:
        """Return a flow that leads the excess of the nodes of a network to the ends, see `diffusion_bounds`."""
        graph = self.hierarchy.graphs[level]
        if level == len(self.hierarchy.graphs) - 1:
            potential = self.hierarchy.factors.solve(excess)
            drop = np.repeat(potential, np.diff(graph.ptr)) - potential[graph.nbr]
            return np.arange(graph.n, dtype=np.uint32), np.zeros(graph.n), graph.ptr, graph.nbr, drop, potential
        assert graph.agg is not None
        below = self.hierarchy.graphs[level + 1]
        drops = np.empty(len(below.nbr)), np.empty(below.n)
        below_flow = self.flow(np.bincount(graph.agg, excess, below.n), level + 1)
        pieces = list(pairwise(below.n * piece // _PIECES for piece in range(_PIECES + 1)))
        self.run(diffusion_bounds.edge_drops, [(below.ptr, below.nbr, below_flow, *piece, *drops) for piece in pieces])
        flow = (graph.agg, np.empty(graph.n), below.ptr, below.nbr, *drops)
        fine = (graph.ptr, graph.nbr, graph.weight, graph.end, excess, graph.member_ptr, graph.members)
        local, m = np.empty(graph.n, np.int32), LARGEST_AGGREGATE
        self.run(
            diffusion_bounds.route,
            [(*fine, local, flow, np.empty((m, m)), np.empty(m), *piece) for piece in pieces],
        )
        return flow
