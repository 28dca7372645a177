"""The multigrid solver: aggregates of conducting voxels, K-cycles, bounds after each iteration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from microchar.diffusion.hierarchy import LARGEST_AGGREGATE, Hierarchy, Run
from microchar.kernels import diffusion_bounds, diffusion_cycle

#: Piecewise-constant interpolation underestimates corrections; this much more is about right.
_OVERCORRECTION = np.float32(1.4)
#: A coarse problem is solved by one step where that reduces the residual to this share, else by two.
_GOOD_ENOUGH = 0.25
#: Bounds are found where an iteration changed the energy by less than this many tolerances: the gap between them is
#: about a sixth of that change in rocks (measured), a few times the error that is left.
_WORTH_A_LOOK = 6
#: Pieces that share the routing of the flux among threads.
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
        self._at_inlet = np.flatnonzero(voxels.ends & 1)

    def steps(self, tolerance: float, max_iterations: int) -> Iterator[tuple[np.ndarray, float, float, int]]:
        """Give fields with the bounds that follow from them and the iterations so far.

        Bounds cost as much as an iteration: they are found once the last one
        changed the energy so little that they may be within the tolerance.
        """
        n = self.hierarchy.voxels.n
        x = np.zeros(n + 1)
        d, z = np.zeros(n + 1, np.float32), np.zeros(n + 1, np.float32)
        start, agg = self.start(), self.hierarchy.voxels.agg
        self._each(lambda part: np.copyto(x[part], start[agg[part]]))
        product = np.inf
        for iteration in range(max_iterations):
            # Anew from the field, in double precision, so that single precision elsewhere costs no accuracy.
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
                yield x, *self.bounds(x), iteration + 1
        else:
            return
        yield x, *self.bounds(x), iteration + 1

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

    # --- the voxels -----------------------------------------------------------

    def residual(self, x: np.ndarray) -> np.ndarray:
        """Return what the flux of a field leaves at the nodes, and keep its sums over the aggregates."""
        v = self.hierarchy.voxels
        fine = (v.nbr, v.kind, v.table, v.ends, x, v.start)
        self.run(
            diffusion_bounds.residual,
            [(*fine, *slab.aggregates, self._residual, self._excess) for slab in self.hierarchy.slabs],
        )
        return self._residual

    def precondition(self, r: np.ndarray, x: np.ndarray) -> None:
        """One cycle from zero: relax, correct from the aggregates, relax backward."""
        v, slabs = self.hierarchy.voxels, self.hierarchy.slabs
        self._each(lambda part: x[part].fill(0))
        self._relax(r, x, backward=False)
        coarse = np.empty(v.n_aggregates, np.float32)
        operator = (v.nbr, v.kind, self._table32, v.inverse)
        self.run(
            diffusion_cycle.restrict,
            [(*operator, r, x, v.start, *slab.aggregates, coarse) for slab in slabs],
        )
        correction = self.solve_graph(0, coarse)
        self.run(
            diffusion_cycle.prolong,
            [(v.agg, correction, _OVERCORRECTION, x, *slab.nodes) for slab in slabs],
        )
        self._relax(r, x, backward=True)

    def _relax(self, b: np.ndarray, x: np.ndarray, *, backward: bool) -> None:
        # Slabs of one colour share no neighbours, and the order does not depend on the number of threads.
        v = self.hierarchy.voxels
        for colour in (1, 0) if backward else (0, 1):
            slabs = self.hierarchy.slabs[colour::2]
            operator = (v.nbr, v.kind, self._table32, v.inverse)
            self.run(diffusion_cycle.relax, [(*operator, b, x, *slab.nodes, backward) for slab in slabs])

    def energies(self, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        """Return x · A x and x · A y."""
        v = self.hierarchy.voxels
        operator = (v.nbr, v.kind, self._table32, v.ends)
        parts = self.run(diffusion_cycle.energies, [(*operator, x, y, *s.nodes) for s in self.hierarchy.slabs])
        return sum(xx for xx, _ in parts), sum(xy for _, xy in parts)

    # --- the networks below ---------------------------------------------------

    def start(self) -> np.ndarray:
        """Full multigrid: solve the coarsest problem, improve its solution level by level."""
        graphs = self.hierarchy.graphs
        x = self.hierarchy.solve_coarsest(graphs[-1].inlet)
        for level in range(len(graphs) - 2, -1, -1):
            graph = graphs[level]
            x = x[graph.agg]
            out = np.empty_like(x)
            self._apply_graph(level, x, out)
            # On the finest network a V-cycle finds as good a start as a K-cycle, for half the work.
            x += self.solve_graph(level, graph.inlet - out, steps=1 if level == 0 else 2)
        return x

    def solve_graph(self, level: int, b: np.ndarray, steps: int = 2) -> np.ndarray:
        """Up to so many steps of flexible conjugate gradients, preconditioned with the cycle: V-cycle or K-cycle."""
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

    def bounds(self, x: np.ndarray) -> tuple[float, float]:
        """Return a lower and an upper bound of the conductance that hold whatever the field.

        As `Network.bounds`, with the flux made conserved first, level by level.
        """
        v, slabs = self.hierarchy.voxels, self.hierarchy.slabs
        self.residual(x)
        fine = (v.nbr, v.kind, v.table, v.ends, x, v.agg, v.start, v.shape)
        graph = self.hierarchy.graphs[0]
        coarse = (graph.ptr, graph.nbr, *self._drops(0, self._excess))
        sums = np.zeros((len(slabs), 6))
        self.run(
            diffusion_bounds.dissipation,
            [
                (*fine, *coarse, np.zeros((256, 8, 8)), *np.empty((2, 8)), *slab.aggregates, sums[s])
                for s, slab in enumerate(slabs)
            ],
        )
        energy, dissipation, current, left, magnitude, resistance = sums.sum(axis=0).tolist()
        eps = np.finfo(float).eps
        # A node's balance has some ten terms, and a flow split level by level differs by as many roundings when it
        # is computed from either end; a sum over a slab has at most eight terms a node.
        rho = left + 64 * eps * magnitude
        rounding = eps * (8 * max(slab.nodes[1] - slab.nodes[0] for slab in slabs) + 64)
        if current <= 0:
            return 0.0, energy * (1 + rounding)
        root = np.sqrt(dissipation) + rho * np.sqrt(resistance)
        return float((current / root) ** 2 * (1 - 4 * rounding)), energy * (1 + rounding)

    def _drops(self, level: int, excess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lead what the nodes have in excess to the ends: flow over conductance along the edges, and to the ends."""
        graph = self.hierarchy.graphs[level]
        if level == len(self.hierarchy.graphs) - 1:
            potential = self.hierarchy.factors.solve(excess)
            return np.repeat(potential, np.diff(graph.ptr)) - potential[graph.nbr], potential
        assert graph.agg is not None
        below = self.hierarchy.graphs[level + 1]
        coarse_drops = self._drops(level + 1, np.bincount(graph.agg, excess, below.n))
        drops = np.empty(len(graph.nbr)), np.empty(graph.n)
        here = (graph.ptr, graph.nbr, graph.weight, graph.end, excess, graph.agg, graph.member_ptr, graph.members)
        given = (np.empty(graph.n, np.int32), below.ptr, below.nbr, *coarse_drops)
        m = LARGEST_AGGREGATE
        tasks = [
            (*here, *given, np.empty((m, m)), np.empty(m), np.empty((m * m, 3), np.int64), *part, *drops)
            for part in pairwise(below.n * piece // _PIECES for piece in range(_PIECES + 1))
        ]
        self.run(diffusion_bounds.route, tasks)
        return drops
