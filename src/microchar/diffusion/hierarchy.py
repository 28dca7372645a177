"""The hierarchy of networks: the voxels, their aggregates, the aggregates of these, down to a few nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from microchar.core.memory import refuse_beyond_memory
from microchar.diffusion.problem import Problem
from microchar.kernels import diffusion_setup

#: Networks of at most this many nodes are factorised.
_COARSEST = 500
#: Largest number of nodes of a coarse aggregate: for aggregation by cells, and otherwise. The flux inside an aggregate
#: is computed by elimination.
LARGEST_AGGREGATE, _LARGEST_CLUSTER = 64, 8
#: Aggregation by cells is used only if it reduces the number of nodes to this share or less.
_MUCH_SMALLER = 0.4
#: A network is factorised, whatever its size, if aggregation leaves more than this share of its nodes.
_BARELY_SMALLER = 0.8
#: Number of slabs into which the sweeps are divided for threads. It must not depend on the number of threads.
_SLABS = 16
#: Networks with fewer nodes are not divided among threads.
_WORTH_SHARING = 100_000
#: Bytes per node for all levels and vectors: 89 were measured on porous media; the rest is a margin.
BYTES_PER_NODE = 110

#: Advice where a solve needs more memory than there is.
LARGER_MACHINE = "crop the volume, or measure on a machine with more memory"

Run = Callable[[Callable[..., Any], Iterable[tuple[Any, ...]]], list[Any]]


@dataclass(frozen=True, eq=False)
class Slab:
    """A range of planes of blocks, with its ranges of nodes and of aggregates."""

    planes: tuple[int, int]
    nodes: tuple[int, int]
    aggregates: tuple[int, int]


@dataclass(eq=False)
class Voxels:
    """The conducting voxels; `link`, `number_plane` and `galerkin` in `diffusion_setup` document the arrays."""

    nbr: np.ndarray
    kind: np.ndarray | None
    table: np.ndarray
    ends: np.ndarray
    agg: np.ndarray
    start: np.ndarray
    cell: np.ndarray
    shape: np.ndarray
    inverse: np.ndarray

    @property
    def n(self) -> int:
        """Number of voxels."""
        return len(self.ends)

    @property
    def n_aggregates(self) -> int:
        """Number of aggregates."""
        return len(self.cell)

    def inlet(self, nodes: np.ndarray) -> np.ndarray:
        """Return the conductance between the inlet and nodes at the inlet."""
        by_kind = 2 * self.table[0].diagonal()
        return by_kind[np.zeros_like(nodes) if self.kind is None else self.kind[nodes]]


@dataclass(eq=False)
class Graph:
    """A network; the edges of node i are ``ptr[i]:ptr[i + 1]`` of `nbr` and `weight`.

    `parts` are consecutive ranges of nodes. When the hierarchy is complete, two
    neighbours lie in the same part or in adjacent parts, and so do the nodes of an
    aggregate.
    """

    parts: list[tuple[int, int]]
    ptr: np.ndarray
    nbr: np.ndarray
    weight: np.ndarray
    end: np.ndarray
    inlet: np.ndarray
    cell: np.ndarray
    inverse: np.ndarray
    agg: np.ndarray | None = None
    member_ptr: np.ndarray | None = None
    members: np.ndarray | None = None

    @property
    def n(self) -> int:
        """Number of nodes."""
        return len(self.end)


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The networks of all levels, and the factors of the coarsest one."""

    voxels: Voxels
    slabs: list[Slab]
    graphs: list[Graph]
    factors: Any
    numbering: _Numbering

    def solve_coarsest(self, b: np.ndarray) -> np.ndarray:
        """Solve on the coarsest network, in single precision."""
        return self.factors.solve(b.astype(float)).astype(np.float32)


@cache
def _components(steps: tuple[int, ...]) -> np.ndarray:
    """Return the connected components of each of the 256 masks of a 2×2×2 block.

    A row contains the component of each bit, the number of components and the number
    of set bits. Bits are neighbours if they differ by one of the steps; the steps
    along axes 0, 1, 2 are 4, 2, 1.
    """
    table = np.zeros((256, 10), np.uint8)
    for mask in range(256):
        left = {bit for bit in range(8) if mask >> bit & 1}
        table[mask, 9] = len(left)
        while left:
            grown, front = set(), {min(left)}
            while front:
                grown |= front
                front = {bit ^ step for bit in front for step in steps} & left - grown
            table[mask, list(grown)] = table[mask, 8]
            table[mask, 8] += 1
            left -= grown
    return table


def percolating(problem: Problem) -> tuple[np.ndarray, int]:
    """Find the voxels that conduct from end to end.

    Returns
    -------
    kept : ndarray of uint8, 3D
        1 + the kind of each voxel that conducts from end to end, 0 elsewhere. The kind
        is the index of the diffusivity among the distinct diffusivities. Odd axes are
        padded with 0, so that the array consists of complete blocks of 2×2×2 voxels.
    n : int
        Number of these voxels.
    """
    labels = problem.labels
    conducts = np.flatnonzero(problem.conductivity)
    code = np.zeros(256, np.uint8)
    code[conducts] = 1 + np.unique(problem.conductivity[conducts], return_inverse=True)[1]
    rows = np.empty(labels.shape[0] * labels.shape[1] + 1, np.int64)
    diffusion_setup.count_runs(labels, code, rows)
    workspace = [*(np.empty(rows[-1], np.int32) for _ in range(3)), np.zeros(rows[-1], np.uint8)]
    kept = np.zeros([n + n % 2 for n in labels.shape], np.uint8)
    percolate: Callable[..., int] = diffusion_setup.percolate
    total = percolate(labels, code, *problem.periodic[1:], rows, *workspace, kept)
    return kept, total


@contextmanager
def runner(threads: int) -> Iterator[Run]:
    """Return a context manager for a function that calls a kernel with each of several argument tuples on threads."""

    def one_by_one(kernel: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> list[Any]:
        return [kernel(*task) for task in tasks]

    if threads == 1:
        yield one_by_one
        return
    with ThreadPoolExecutor(threads - 1) as pool:

        def on_threads(kernel: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> list[Any]:
            # This thread and its helpers take the next task as soon as they are free. On small networks this costs less
            # than to submit each task.
            tasks = list(tasks)
            results, left = [None] * len(tasks), iter(range(len(tasks)))

            def work() -> None:
                for number in left:
                    results[number] = kernel(*tasks[number])

            helpers = [pool.submit(work) for _ in range(min(threads, len(tasks)) - 1)]
            work()
            for helper in helpers:
                helper.result()
            return results

        yield on_threads


def build(problem: Problem, kept: np.ndarray, run: Run) -> Hierarchy:
    """Build the hierarchy from the array `kept` that `percolating` returned."""
    n = int(np.count_nonzero(kept))
    refuse_beyond_memory(n * BYTES_PER_NODE, f"effective diffusivity of {n:.3g} conducting voxels", LARGER_MACHINE)
    voxels, slabs, numbering = _voxels(problem, kept, run)
    graphs = [_first_graph(voxels, slabs, run)]
    by_cell = voxels.kind is None and len(_strong_steps(problem)) == sum(n > 1 for n in problem.labels.shape)
    while graphs[-1].n > _COARSEST:
        coarse, by_cell = _coarser(graphs[-1], by_cell)
        if coarse is None:
            break
        graphs.append(coarse)
    return Hierarchy(voxels, slabs, graphs, _factorised(graphs[-1]), numbering)


def _families(kinds: np.ndarray) -> tuple[np.ndarray, int]:
    """Group the kinds by the order of magnitude of their diffusivity; return the family of each kind and their number.

    The index of a family array is 1 + the kind, as in the array of `percolating`.
    """
    family = np.zeros(256, np.uint8)
    family[1 : len(kinds) + 1] = np.unique(np.round(np.log10(kinds / kinds.max())), return_inverse=True)[1]
    return family, int(family.max()) + 1


def _strong_steps(problem: Problem) -> tuple[int, ...]:
    """Return the steps within a block along the axes that conduct well.

    Elongated and flat voxels are not aggregated along the axes that conduct poorly.
    """
    weights = [weight if n > 1 else 0.0 for weight, n in zip(problem.weights, problem.labels.shape, strict=True)]
    return tuple(step for step, weight in zip((4, 2, 1), weights, strict=True) if weight >= 0.1 * max(weights))


def _voxels(problem: Problem, kept: np.ndarray, run: Run) -> tuple[Voxels, list[Slab], _Numbering]:
    kinds = np.unique(problem.conductivity[problem.conductivity > 0])
    family, families = _families(kinds)
    planes = kept.shape[0] // 2
    # Slabs begin at even planes, so that no aggregate of aggregates by cells lies in two slabs. They are thick enough
    # that other aggregates, `_LARGEST_CLUSTER` long and with a dead end on either side, never extend over three slabs.
    pieces = min(_SLABS, max(1, planes // (_LARGEST_CLUSTER + 2)))
    ranges = list(pairwise([*(planes * piece // pieces // 2 * 2 for piece in range(pieces)), planes]))
    components = _components(_strong_steps(problem))
    counts = np.zeros((2, planes), np.int64)
    run(
        diffusion_setup.count_blocks,
        [(kept, family, np.empty(families, np.int64), components, *planes, *counts) for planes in ranges],
    )
    nodes, aggregates = (np.concatenate([[0], np.cumsum(count)]) for count in counts)
    n = int(nodes[-1])
    slabs = [Slab((a, b), (int(nodes[a]), int(nodes[b])), (int(aggregates[a]), int(aggregates[b]))) for a, b in ranges]
    voxels = Voxels(
        nbr=np.empty((n, 6), np.uint32),
        kind=None if len(kinds) == 1 else np.zeros(n + 1, np.uint8),
        table=_table(kinds, problem.weights),
        ends=np.empty(n, np.uint8),
        agg=np.empty(n, np.uint32),
        start=np.full(aggregates[-1] + 1, n, np.int64),
        cell=np.empty((aggregates[-1], 3), np.int32),
        shape=np.empty(aggregates[-1], np.uint8),
        inverse=np.empty(n, np.float32),
    )
    numbering = _Numbering(kept, family, families, components, nodes, aggregates, voxels)
    # This is the largest array, and the first access to its memory is expensive; therefore threads fill it.
    run(lambda slab: voxels.nbr[slice(*slab.nodes)].fill(n), [(slab,) for slab in slabs])
    run(_link, [(problem, numbering, slab.planes) for slab in slabs])
    return voxels, slabs, numbering


@dataclass(frozen=True, eq=False)
class _Numbering:
    """The data needed to number the voxels of a plane of blocks."""

    kept: np.ndarray
    family: np.ndarray
    families: int
    components: np.ndarray
    nodes: np.ndarray
    aggregates: np.ndarray
    voxels: Voxels

    def planes(self, first: int, last: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the index of each plane of voxels in a range of planes of blocks, and an array of node numbers.

        The array holds the nodes of this plane and of the plane before it. The
        aggregates of the nodes are also written to `voxels`; a repeated call writes the
        same numbers again.
        """
        v, masks = self.voxels, np.empty(self.families, np.int64)
        number = np.empty((4, *self.kept.shape[1:]), np.uint32)
        for plane in range(max(first - 1, 0), last):
            node, aggregate = self.nodes[plane], self.aggregates[plane]
            number[2 * plane % 4 : 2 * plane % 4 + 2] = v.n
            here = (self.kept, plane, self.family, masks, self.components, node, aggregate, number)
            diffusion_setup.number_plane(*here, v.agg, v.start, v.cell, v.shape)
            if plane >= first:
                yield from ((2 * plane + half, number) for half in range(2))


def _link(problem: Problem, numbering: _Numbering, planes: tuple[int, int]) -> None:
    v, shape = numbering.voxels, problem.labels.shape
    for i, number in numbering.planes(*planes):
        diffusion_setup.link(numbering.kept, i, shape, *problem.periodic[1:], number, v.nbr, v.ends, v.kind)


def on_voxels(x: np.ndarray, hierarchy: Hierarchy, shape: tuple[int, ...]) -> np.ndarray:
    """Return the values of the nodes as an array over the voxels; nan for voxels that are not nodes."""
    numbering = hierarchy.numbering
    out = np.full(numbering.kept.shape, np.nan, np.float32)
    for i, number in numbering.planes(0, len(numbering.nodes) - 1):
        diffusion_setup.spread(numbering.kept, i, number, x, out)
    return out[tuple(map(slice, shape))]


def _table(kinds: np.ndarray, weights: tuple[float, float, float]) -> np.ndarray:
    series = 2 * kinds[:, None] * kinds / (kinds[:, None] + kinds)
    return np.ascontiguousarray(np.array(weights)[:, None, None] * series)


def _first_graph(voxels: Voxels, slabs: list[Slab], run: Run) -> Graph:
    n = voxels.n_aggregates
    degree, end, inlet, inverse = np.empty(n, np.int64), np.empty(n), np.empty(n), np.empty(n, np.float32)
    # The arrays have space for every face; memory pages that are never written to are not allocated.
    room = [6 * (slab.nodes[1] - slab.nodes[0]) for slab in slabs]
    edges = [(np.empty(size, np.uint32), np.empty(size)) for size in room]
    used = run(
        diffusion_setup.galerkin,
        [
            (voxels.nbr, voxels.kind, voxels.table, voxels.ends, voxels.agg, voxels.start, *slab.aggregates,
             voxels.inverse, degree, *out, end, inlet, inverse)
            for slab, out in zip(slabs, edges, strict=True)
        ],
    )  # fmt: skip
    ptr = np.concatenate([[0], np.cumsum(degree)])
    nbr, weight = np.empty(ptr[-1], np.uint32), np.empty(ptr[-1])

    def collect(slab: Slab, out: tuple[np.ndarray, np.ndarray], size: int) -> None:
        slots = slice(ptr[slab.aggregates[0]], ptr[slab.aggregates[1]])
        nbr[slots], weight[slots] = out[0][:size], out[1][:size]

    run(collect, zip(slabs, edges, used, strict=True))
    parts = [slab.aggregates for slab in slabs]
    return Graph(parts, ptr, nbr, weight, end, inlet.astype(np.float32), voxels.cell, inverse)


def _coarser(graph: Graph, by_cell: bool) -> tuple[Graph | None, bool]:
    """Aggregate a network, by cells if that makes it much smaller, otherwise by its best connections.

    The result is None if neither makes the network smaller. The flag says whether the
    next coarser network may be aggregated by cells.
    """
    workspace = np.empty((2, graph.n), np.int32)
    agg, cell = np.empty(graph.n, np.uint32), np.empty((graph.n, 3), np.int32)
    aggregate: Callable[..., int] = diffusion_setup.aggregate
    n, network = graph.n, (graph.ptr, graph.nbr, graph.weight, graph.end, graph.cell)
    if by_cell:
        n = aggregate(*network, True, LARGEST_AGGREGATE, *workspace, agg, cell)
    if n > _MUCH_SMALLER * graph.n:
        by_cell = False
        n = aggregate(*network, False, _LARGEST_CLUSTER, *workspace, agg, cell)
    if n > _BARELY_SMALLER * graph.n:
        return None, by_cell
    graph.agg = agg
    graph.member_ptr = np.concatenate([[0], np.cumsum(np.bincount(agg, minlength=n))])
    graph.members = np.argsort(agg, kind="stable").astype(np.uint32)
    ptr, nbr, weight = np.empty(n + 1, np.int64), np.empty(len(graph.nbr), np.uint32), np.empty(len(graph.nbr))
    end, inlet, inverse = np.bincount(agg, graph.end, n), np.bincount(agg, graph.inlet, n), np.empty(n, np.float32)
    edges, members = (graph.ptr, graph.nbr, graph.weight), (agg, graph.member_ptr, graph.members)
    used = diffusion_setup.galerkin_graph(*edges, *members, np.full(n, -1), end, ptr, nbr, weight, inverse)
    coarse = (ptr, nbr[:used].copy(), weight[:used].copy(), end, inlet.astype(np.float32), cell[:n].copy(), inverse)
    parts = _coarse_parts(graph)
    if graph.n < _WORTH_SHARING or not _are_apart(graph, parts):
        graph.parts, parts = [(0, graph.n)], [(0, n)]
    return Graph(parts, *coarse), by_cell


def _coarse_parts(graph: Graph) -> list[tuple[int, int]]:
    """Return, for each part of a network, the range of aggregates whose first node is in this part."""
    assert graph.members is not None
    assert graph.member_ptr is not None
    firsts = graph.members[graph.member_ptr[:-1]]
    starts = np.searchsorted(firsts, [first for first, _ in graph.parts])
    return list(pairwise([*starts.tolist(), len(firsts)]))


def _are_apart(graph: Graph, coarse_parts: list[tuple[int, int]]) -> bool:
    """Return whether the neighbours and the aggregates of all nodes lie in their own or adjacent parts."""
    assert graph.agg is not None
    for p, (first, last) in enumerate(graph.parts):
        before, after = max(p - 1, 0), min(p + 1, len(graph.parts) - 1)
        near, aggregates = graph.nbr[graph.ptr[first] : graph.ptr[last]], graph.agg[first:last]
        if (
            near.min(initial=graph.n) < graph.parts[before][0]
            or near.max(initial=0) >= graph.parts[after][1]
            or aggregates.min(initial=graph.n) < coarse_parts[before][0]
        ):
            return False
    return True


def _factorised(graph: Graph) -> Any:
    from scipy.sparse import csr_array, diags_array
    from scipy.sparse.linalg import splu

    links = csr_array((graph.weight, graph.nbr.astype(np.int64), graph.ptr), shape=(graph.n, graph.n))
    matrix = diags_array(links.sum(axis=1) + graph.end) - links
    return splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
