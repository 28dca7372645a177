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
#: Bytes per node for all levels and vectors: 55 to 62 were measured on rocks, 75 on voxel noise; the rest is a margin.
BYTES_PER_NODE = 80

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
    """The conducting voxels; `link`, `number_plane` and `galerkin` in `diffusion_setup` document the arrays.

    If `kind` is None, `inverse` has one entry for each value of `ends`.
    """

    nbr: tuple[np.ndarray, np.ndarray]
    kind: np.ndarray | None
    table: np.ndarray
    ends: np.ndarray
    start: np.ndarray
    shape: np.ndarray
    inverse: np.ndarray

    @property
    def n(self) -> int:
        """Number of voxels."""
        return len(self.ends)

    @property
    def n_aggregates(self) -> int:
        """Number of aggregates."""
        return len(self.shape)

    def inlet(self, nodes: np.ndarray) -> np.ndarray:
        """Return the conductance between the inlet and nodes at the inlet."""
        by_kind = 2 * self.table[0].diagonal()
        return by_kind[np.zeros_like(nodes) if self.kind is None else self.kind[nodes]]

    def aggregates(self, run: Run, slabs: list[Slab], out: np.ndarray | None = None) -> np.ndarray:
        """Return the aggregate of each node (uint32), in the memory of `out` if it is given."""
        agg = np.empty(self.n, np.uint32) if out is None else out[: self.n].view(np.uint32)
        run(diffusion_setup.aggregates_of_nodes, [(self.start, *slab.aggregates, agg) for slab in slabs])
        return agg

    def neighbours(self, run: Run) -> np.ndarray:
        """Return a table of the neighbours of each node, see `diffusion_setup.neighbour_table`."""
        table = np.empty((self.n, 6), np.uint32)
        pieces = pairwise(self.n * piece // _SLABS for piece in range(_SLABS + 1))
        run(diffusion_setup.neighbour_table, [(self.nbr, *piece, table) for piece in pieces])
        return table


@dataclass(eq=False)
class Graph:
    """A network; the edges of node i are ``ptr[i]:ptr[i + 1]`` of `nbr` and `weight`.

    `weight` and `end` are in single precision where that is exact. `parts` are
    consecutive ranges of nodes. When the hierarchy is complete, two neighbours lie in
    the same part or in adjacent parts, and so do the nodes of an aggregate. `cell` is
    needed only until the next network has been built.
    """

    parts: list[tuple[int, int]]
    ptr: np.ndarray
    nbr: np.ndarray
    weight: np.ndarray
    end: np.ndarray
    inlet: np.ndarray
    inverse: np.ndarray
    cell: np.ndarray | None
    agg: np.ndarray | None = None
    member_ptr: np.ndarray | None = None
    members: np.ndarray | None = None

    @property
    def n(self) -> int:
        """Number of nodes."""
        return len(self.end)


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The networks of all levels, and the factors of the coarsest one.

    `numbering` is None if it was not to be kept.
    """

    voxels: Voxels
    slabs: list[Slab]
    graphs: list[Graph]
    factors: Any
    numbering: Numbering | None

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


def build(problem: Problem, kept: np.ndarray, run: Run, *, numbered: bool = True) -> Hierarchy:
    """Build the hierarchy from the array `kept` that `percolating` returned.

    `numbered` says whether to keep the numbering, which takes a byte for each voxel of
    the volume, conducting or not.
    """
    n = int(np.count_nonzero(kept))
    refuse_beyond_memory(n * BYTES_PER_NODE, f"effective diffusivity of {n:.3g} conducting voxels", LARGER_MACHINE)
    voxels, slabs, numbering, cell = _voxels(problem, kept, run)
    graphs = [_first_graph(voxels, slabs, cell, run)]
    del cell
    by_cell = voxels.kind is None and len(_strong_steps(problem)) == sum(n > 1 for n in problem.labels.shape)
    while graphs[-1].n > _COARSEST:
        coarse, by_cell = _coarser(graphs[-1], by_cell)
        if coarse is None:
            break
        graphs[-1].cell = None
        graphs.append(coarse)
    return Hierarchy(voxels, slabs, graphs, _factorised(graphs[-1]), numbering if numbered else None)


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


def _index(largest: int) -> type:
    """Return the integer type for indices up to `largest`."""
    return np.int32 if largest < 2**31 else np.int64


def number(problem: Problem, kept: np.ndarray, run: Run) -> tuple[list[Slab], Numbering]:
    """Number the voxels of the array `kept` that `percolating` returned, and divide them into slabs."""
    family, families = _families(_kinds(problem))
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
    slabs = [Slab((a, b), (int(nodes[a]), int(nodes[b])), (int(aggregates[a]), int(aggregates[b]))) for a, b in ranges]
    return slabs, Numbering(kept, family, families, components, nodes, aggregates)


def _kinds(problem: Problem) -> np.ndarray:
    return np.unique(problem.conductivity[problem.conductivity > 0])


def _voxels(problem: Problem, kept: np.ndarray, run: Run) -> tuple[Voxels, list[Slab], Numbering, np.ndarray]:
    slabs, numbering = number(problem, kept, run)
    kinds, n, aggregates = _kinds(problem), numbering.n, int(numbering.aggregates[-1])
    table = _table(kinds, problem.weights)
    # A neighbour along axis 1 is at most a row of blocks away, eight nodes for each.
    near = np.int16 if not any(problem.periodic) and 4 * kept.shape[2] + 8 < 2**15 else _index(n)
    voxels = Voxels(
        nbr=(np.zeros((n, 4), near), np.zeros((n, 2), _index(n))),
        kind=None if len(kinds) == 1 else np.zeros(n, np.uint8),
        table=table,
        ends=np.zeros(n, np.uint8),
        start=np.full(aggregates + 1, n, _index(n)),
        shape=np.empty(aggregates, np.uint8),
        inverse=_inverse_by_ends(table) if len(kinds) == 1 else np.empty(n, np.float32),
    )
    cell = np.empty((aggregates, 3), np.int16 if max(kept.shape) < 2**16 else np.int32)
    # A slab also writes to the last plane of the slab before it.
    for some in (slabs[::2], slabs[1::2]):
        run(_link, [(problem, numbering, slab.planes, voxels, cell) for slab in some])
    if voxels.kind is not None:
        fine = (voxels.nbr, voxels.kind, table, voxels.ends)
        run(diffusion_setup.inverse_diagonal, [(*fine, *slab.nodes, voxels.inverse) for slab in slabs])
    return voxels, slabs, numbering, cell


def _inverse_by_ends(table: np.ndarray) -> np.ndarray:
    """Return the inverse of the diagonal for each value of `ends`, if all voxels have the same diffusivity."""
    bits = np.arange(256)[:, None] >> np.arange(8) & 1
    along = table[:, 0, 0]
    diagonal = bits @ np.concatenate([[2 * along[0]] * 2, along, along[::-1]])
    return np.divide(1, diagonal, out=np.zeros(256), where=diagonal > 0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Numbering:
    """The data needed to number the voxels of a plane of blocks; `count_blocks` documents the arrays."""

    kept: np.ndarray
    family: np.ndarray
    families: int
    components: np.ndarray
    nodes: np.ndarray
    aggregates: np.ndarray

    @property
    def n(self) -> int:
        """Number of nodes."""
        return int(self.nodes[-1])

    def planes(
        self, first: int, last: int, record: tuple[np.ndarray, ...] | None = None
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the index of each plane of voxels in a range of planes of blocks, and an array of node numbers.

        The array holds the nodes of this plane and of the plane before it. The
        aggregates are recorded in `record`, see `diffusion_setup.number_plane`.
        """
        masks = np.empty(self.families, np.int64)
        number = np.empty((4, *self.kept.shape[1:]), np.uint32)
        for plane in range(max(first - 1, 0), last):
            node, aggregate = self.nodes[plane], self.aggregates[plane]
            number[2 * plane % 4 : 2 * plane % 4 + 2] = self.n
            here = (self.kept, plane, self.family, masks, self.components, node, aggregate, number)
            diffusion_setup.number_plane(*here, record)
            if plane >= first:
                yield from ((2 * plane + half, number) for half in range(2))


def _link(problem: Problem, numbering: Numbering, planes: tuple[int, int], voxels: Voxels, cell: np.ndarray) -> None:
    v, shape = voxels, problem.labels.shape
    for i, number in numbering.planes(*planes, (v.start, v.shape, cell)):
        diffusion_setup.link(numbering.kept, i, shape, *problem.periodic[1:], number, v.nbr, v.ends, v.kind)


def on_voxels(x: np.ndarray, numbering: Numbering, shape: tuple[int, ...]) -> np.ndarray:
    """Return the values of the nodes as an array over the voxels; nan for voxels that are not nodes."""
    out = np.full(numbering.kept.shape, np.nan, np.float32)
    for i, number in numbering.planes(0, len(numbering.nodes) - 1):
        diffusion_setup.spread(numbering.kept, i, number, x, out)
    return out[tuple(map(slice, shape))]


def _table(kinds: np.ndarray, weights: tuple[float, float, float]) -> np.ndarray:
    series = 2 * kinds[:, None] * kinds / (kinds[:, None] + kinds)
    return np.ascontiguousarray(np.array(weights)[:, None, None] * series)


def _first_graph(voxels: Voxels, slabs: list[Slab], cell: np.ndarray, run: Run) -> Graph:
    n, real = voxels.n_aggregates, np.float32 if _sums_are_exact(voxels) else np.float64
    degree, end = np.empty(n, np.int32), np.empty(n, real)
    inlet, inverse = np.empty(n, np.float32), np.empty(n, np.float32)
    agg = voxels.aggregates(run, slabs)
    # The arrays have space for every face; memory pages that are never written to are not allocated.
    room = np.empty(6 * voxels.n, np.uint32), np.empty(6 * voxels.n, real)
    edges = [tuple(array[6 * slab.nodes[0] : 6 * slab.nodes[1]] for array in room) for slab in slabs]
    used = run(
        diffusion_setup.galerkin,
        [
            (voxels.nbr, voxels.kind, voxels.table, voxels.ends, agg, voxels.start, *slab.aggregates,
             degree, *out, end, inlet, inverse)
            for slab, out in zip(slabs, edges, strict=True)
        ],
    )  # fmt: skip
    del agg
    total = sum(used)
    ptr: np.ndarray = np.zeros(n + 1, _index(total))
    np.cumsum(degree, out=ptr[1:])
    nbr, weight = np.empty(total, np.uint32), np.empty(total, real)

    def collect(slab: Slab, out: tuple[np.ndarray, ...], size: int) -> None:
        slots = slice(ptr[slab.aggregates[0]], ptr[slab.aggregates[1]])
        nbr[slots], weight[slots] = out[0][:size], out[1][:size]

    run(collect, zip(slabs, edges, used, strict=True))
    parts = [slab.aggregates for slab in slabs]
    return Graph(parts, ptr, nbr, weight, end, inlet, inverse, cell)


def _sums_are_exact(voxels: Voxels) -> bool:
    """Return whether the conductances between aggregates can be summed in single precision without rounding."""
    scaled = voxels.table * 2**8
    return voxels.kind is None and bool((scaled == np.round(scaled)).all() and scaled.max() < 2**18)


def _in_single(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the arrays in single precision if that is exact for all of them."""
    single = tuple(array.astype(np.float32) for array in arrays)
    return single if all(np.array_equal(s, a) for s, a in zip(single, arrays, strict=True)) else arrays


def _coarser(graph: Graph, by_cell: bool) -> tuple[Graph | None, bool]:
    """Aggregate a network, by cells if that makes it much smaller, otherwise by its best connections.

    The result is None if neither makes the network smaller. The flag says whether the
    next coarser network may be aggregated by cells.
    """
    assert graph.cell is not None
    workspace = np.empty((2, graph.n), np.int32)
    agg, cell = np.empty(graph.n, np.uint32), np.empty_like(graph.cell)
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
    ptr, nbr, weight = np.empty(n + 1, graph.ptr.dtype), np.empty(len(graph.nbr), np.uint32), np.empty(len(graph.nbr))
    end, inlet, inverse = np.bincount(agg, graph.end, n), np.bincount(agg, graph.inlet, n), np.empty(n, np.float32)
    edges, members = (graph.ptr, graph.nbr, graph.weight), (agg, graph.member_ptr, graph.members)
    used = diffusion_setup.galerkin_graph(*edges, *members, np.full(n, -1), end, ptr, nbr, weight, inverse)
    weight = weight[:used].copy()
    if graph.weight.dtype == np.float32:
        weight, end = _in_single(weight, end)
    coarse = (ptr, nbr[:used].copy(), weight, end, inlet.astype(np.float32), inverse, cell[:n].copy())
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

    links = csr_array((graph.weight.astype(float), graph.nbr.astype(np.int64), graph.ptr), shape=(graph.n, graph.n))
    matrix = diags_array(links.sum(axis=1) + graph.end) - links
    return splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
