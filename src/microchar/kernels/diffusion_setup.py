"""Construction of the hierarchy of networks from voxels: percolation, numbering, neighbours, aggregates.

The voxels that conduct from end to end become nodes. They are numbered block by block
(2×2×2 voxels), and component by component within a block. An aggregate is a connected
component inside a block, and therefore a range of nodes.
"""

from __future__ import annotations

import numpy as np

from microchar.kernels.diffusion_jit import inner, kernel
from microchar.kernels.union_find import join, root


@kernel
def count_runs(labels, code, rows):  # type: ignore[no-untyped-def]
    """Count the runs of conducting voxels along the last axis, cumulatively over the rows.

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
    code : uint8, (256,)
        Code of each label; 0 for labels that do not conduct.
    rows : int64, (n0 * n1 + 1,)
        Number of runs before each row, and of all runs in the last entry; set.
    """
    n0, n1, n2 = labels.shape
    rows[0] = 0
    for i in range(n0):
        for j in range(n1):
            runs, inside = 0, False
            for k in range(n2):
                conducts = code[labels[i, j, k]] != 0
                runs += conducts and not inside
                inside = conducts
            rows[i * n1 + j + 1] = rows[i * n1 + j] + runs


@kernel
def percolate(labels, code, periodic1, periodic2, rows, begin, end, parent, touches, kept):  # type: ignore[no-untyped-def]
    """Write the code of the voxels that are connected to both ends of axis 0 to `kept`.

    `kept` is filled with 0 and at least as large as `labels`. Runs are joined by
    union-find, with the workspace `begin`, `end` and `parent` (int32) and `touches`
    (uint8, filled with 0), which have one entry for each run. The result is the number
    of these voxels.
    """
    n0, n1, n2 = labels.shape
    for i in range(n0):
        for j in range(n1):
            row = i * n1 + j
            _find_runs(labels, i, j, code, rows[row], begin, end, parent)
            if j > 0:
                _join_rows(row, row - 1, rows, begin, end, parent)
            if periodic1 and j == n1 - 1:
                _join_rows(row, row - j, rows, begin, end, parent)
            if i > 0:
                _join_rows(row, row - n1, rows, begin, end, parent)
            first, last = rows[row], rows[row + 1] - 1
            if periodic2 and last > first and begin[first] == 0 and end[last] == n2:
                join(parent, first, last)
    for run in range(rows[n1]):
        touches[root(parent, run)] |= 1
    for run in range(rows[(n0 - 1) * n1], rows[n0 * n1]):
        touches[root(parent, run)] |= 2
    total = 0
    for i in range(n0):
        for j in range(n1):
            for run in range(rows[i * n1 + j], rows[i * n1 + j + 1]):
                if touches[root(parent, run)] == 3:
                    total += end[run] - begin[run]
                    for k in range(begin[run], end[run]):
                        kept[i, j, k] = code[labels[i, j, k]]
    return total


@inner
def _find_runs(labels, i, j, code, run, begin, end, parent):  # type: ignore[no-untyped-def]
    inside, n = False, labels.shape[2]
    for k in range(n):
        conducts = code[labels[i, j, k]] != 0
        if conducts and not inside:
            begin[run] = k
            parent[run] = run
        elif inside and not conducts:
            end[run] = k
            run += 1
        inside = conducts
    if inside:
        end[run] = n


@inner
def _join_rows(row, other, rows, begin, end, parent):  # type: ignore[no-untyped-def]
    a, b = rows[row], rows[other]
    while a < rows[row + 1] and b < rows[other + 1]:
        if begin[a] < end[b] and begin[b] < end[a]:
            join(parent, a, b)
        if end[a] < end[b]:
            a += 1
        else:
            b += 1


@inner
def _occupied(a, b, c, d, k):  # type: ignore[no-untyped-def]
    """Return the mask of a block with the rows a, b, c, d; bit ``4 di + 2 dj + dk`` is set if that voxel is kept."""
    return (
        (a[k] != 0) | (a[k + 1] != 0) << 1 | (b[k] != 0) << 2 | (b[k + 1] != 0) << 3
        | (c[k] != 0) << 4 | (c[k + 1] != 0) << 5 | (d[k] != 0) << 6 | (d[k + 1] != 0) << 7
    )  # fmt: skip


@inner
def _split(mask, kept, i, j, k, family, masks):  # type: ignore[no-untyped-def]
    """Split the mask of the block at (i, j, k) into one mask for each family of voxels."""
    if len(masks) == 1:
        masks[0] = mask
        return
    for f in range(len(masks)):
        masks[f] = 0
    for bit in range(8):
        if (mask >> bit) & 1:
            masks[family[kept[i + (bit >> 2), j + ((bit >> 1) & 1), k + (bit & 1)]]] |= 1 << bit


@kernel
def count_blocks(kept, family, masks, components, first, last, nodes, aggregates):  # type: ignore[no-untyped-def]
    """Count the nodes and the aggregates of each plane of blocks from `first` up to `last`.

    Parameters
    ----------
    kept : uint8, 3D
        Array from `percolate`; its lengths are even.
    family : uint8, (256,)
        Family of each value of `kept`. The voxels of an aggregate belong to one family,
        that is, their diffusivities have the same order of magnitude.
    masks : int64, (families,)
        Workspace.
    components : uint8, (256, 10)
        For each mask, the component of each bit, the number of components, and the
        number of set bits.
    nodes, aggregates : int64, (planes of blocks,)
        Numbers of nodes and of aggregates of each plane; set.
    """
    for plane in range(first, last):
        i, n, m = 2 * plane, 0, 0
        for j in range(0, kept.shape[1], 2):
            a, b, c, d = kept[i, j], kept[i, j + 1], kept[i + 1, j], kept[i + 1, j + 1]
            for k in range(0, kept.shape[2], 2):
                mask = _occupied(a, b, c, d, k)
                if mask == 0:
                    continue
                _split(mask, kept, i, j, k, family, masks)
                for f in range(len(masks)):
                    m += components[masks[f], 8]
                    n += components[masks[f], 9]
        nodes[plane], aggregates[plane] = n, m


@kernel
def number_plane(kept, plane, family, masks, components, node, aggregate, number, record):  # type: ignore[no-untyped-def]
    """Number the voxels of a plane of blocks, and record their aggregates.

    Parameters
    ----------
    node, aggregate : int
        Numbers of the first node and the first aggregate of this plane.
    number : uint32, (4, n1, n2)
        Node of each voxel of plane i, in ``number[i % 4]``; set. The caller fills these
        planes with the total number of nodes, which stands for voxels that are not nodes.
    record : tuple of three arrays, or None
        First node of each aggregate (integer, (aggregates + 1,)), mask of its voxels
        within the block (uint8, (aggregates,)), and its block (integer,
        (aggregates, 3)); set.
    """
    i = 2 * plane
    for j in range(0, kept.shape[1], 2):
        a, b, c, d = kept[i, j], kept[i, j + 1], kept[i + 1, j], kept[i + 1, j + 1]
        for k in range(0, kept.shape[2], 2):
            mask = _occupied(a, b, c, d, k)
            if mask == 0:
                continue
            _split(mask, kept, i, j, k, family, masks)
            for f in range(len(masks)):
                mask = masks[f]
                for component in range(components[mask, 8]):
                    first, bits = node, 0
                    for bit in range(8):
                        if (mask >> bit) & 1 and components[mask, bit] == component:
                            number[(i + (bit >> 2)) & 3, j + ((bit >> 1) & 1), k + (bit & 1)] = node
                            bits |= 1 << bit
                            node += 1
                    if record is not None:
                        start, shape, cell = record
                        start[aggregate], shape[aggregate] = first, bits
                        cell[aggregate, 0], cell[aggregate, 1], cell[aggregate, 2] = plane, j >> 1, k >> 1
                    aggregate += 1


@kernel
def spread(kept, i, number, x, out):  # type: ignore[no-untyped-def]
    """Write the value of each node of plane i to its voxel in `out` (float32, of the shape of `kept`)."""
    for j in range(kept.shape[1]):
        for k in range(kept.shape[2]):
            if kept[i, j, k]:
                out[i, j, k] = x[number[i & 3, j, k]]


@kernel
def link(kept, i, shape, periodic1, periodic2, number, nbr, ends, kind):  # type: ignore[no-untyped-def]
    """Record the neighbours of the voxels of plane i.

    Parameters
    ----------
    shape : tuple of three int
        Shape of the volume. `kept` is longer by one voxel along axes of odd length.
    number : uint32, (4, n1, n2)
        Nodes of planes i and i - 1, from `number_plane`.
    nbr : tuple of two integer arrays, (nodes, 4) and (nodes, 2), filled with 0
        Neighbours of each node as differences of node numbers; 0, the node itself,
        stands for missing neighbours. The first array holds the preceding ones along
        axes 1 and 2 and the following ones along axes 2 and 1, whose numbers are close
        to that of the node; the second one holds the two along axis 0. Set.
    ends : uint8, (nodes,), filled with 0
        Bit 0 is set for nodes at the inlet, bit 1 for nodes at the outlet, and bit
        ``2 + side`` for nodes with a neighbour on that side, in the order of
        `neighbours`; set.
    kind : uint8, (nodes,) or None
        Kind of each node, ``kept - 1``; set. None if all voxels have the same
        diffusivity.
    """
    (n0, n1, n2), none, (near, far) = shape, np.int64(len(ends)), nbr
    for j in range(n1):
        for k in range(n2):
            node = np.int64(number[i & 3, j, k])
            if node == none:
                continue
            before = np.int64(number[(i - 1) & 3, j, k]) if i > 0 else none
            if before != none:
                far[node, 0], far[before, 1] = before - node, node - before
                ends[node] |= 4
                ends[before] |= 128
            for axis in range(1, 3):
                if axis == 1:
                    other = np.int64(number[i & 3, j - 1 if j > 0 else n1 - 1, k]) if j > 0 or periodic1 else none
                else:
                    other = np.int64(number[i & 3, j, k - 1 if k > 0 else n2 - 1]) if k > 0 or periodic2 else none
                if other != none:
                    near[node, axis - 1], near[other, 4 - axis] = other - node, node - other
                    ends[node] |= 4 << axis
                    ends[other] |= 128 >> axis
            ends[node] |= (i == 0) + 2 * (i == n0 - 1)
            if kind is not None:
                kind[node] = kept[i, j, k] - 1


@inner
def neighbours(nbr, i):  # type: ignore[no-untyped-def]
    """Return the neighbours of a node: the preceding ones along axes 0, 1, 2, the following ones along axes 2, 1, 0.

    A missing neighbour is the node itself.
    """
    # Unsigned, because compiled code tests signed indices for negative ones.
    near, far = nbr
    return (
        np.uint32(i + far[i, 0]), np.uint32(i + near[i, 0]), np.uint32(i + near[i, 1]),
        np.uint32(i + near[i, 2]), np.uint32(i + near[i, 3]), np.uint32(i + far[i, 1]),
    )  # fmt: skip


@inner
def neighbour(nbr, i, side):  # type: ignore[no-untyped-def]
    """Return the neighbour of a node on one side, see `neighbours`."""
    near, far = nbr
    if side == 0:
        return np.uint32(i + far[i, 0])
    if side == 5:
        return np.uint32(i + far[i, 1])
    return np.uint32(i + near[i, side - 1])


@kernel
def neighbour_table(nbr, first, last, table):  # type: ignore[no-untyped-def]
    """Write the neighbours of the nodes from `first` up to `last` to a table (uint32, (nodes, 6)).

    The number of nodes stands for missing neighbours.
    """
    for i in range(first, last):
        around = neighbours(nbr, i)
        for side in range(6):
            table[i, side] = around[side] if around[side] != i else len(table)


@kernel
def aggregates_of_nodes(start, first, last, agg):  # type: ignore[no-untyped-def]
    """Write the aggregate of each node of the aggregates from `first` up to `last`."""
    for a in range(first, last):
        for i in range(start[a], start[a + 1]):
            agg[i] = a


@inner
def conductance(kind, table, axis, i, j):  # type: ignore[no-untyped-def]
    """Return the conductance of the face between two nodes; if `kind` is None, all nodes have the same diffusivity."""
    if kind is None:
        return table[axis, 0, 0]
    return table[axis, kind[i], kind[j]]


@inner
def inflow(nbr, kind, table, x, i):  # type: ignore[no-untyped-def]
    """Return the flow into a node from its neighbours."""
    here = x[i]
    j0, j1, j2, j3, j4, j5 = neighbours(nbr, i)
    d0, d1, d2, d3, d4, d5 = x[j0] - here, x[j1] - here, x[j2] - here, x[j3] - here, x[j4] - here, x[j5] - here
    if kind is None:
        return table[0, 0, 0] * (d0 + d5) + table[1, 0, 0] * (d1 + d4) + table[2, 0, 0] * (d2 + d3)
    return (
        conductance(kind, table, 0, i, j0) * d0 + conductance(kind, table, 1, i, j1) * d1
        + conductance(kind, table, 2, i, j2) * d2 + conductance(kind, table, 2, i, j3) * d3
        + conductance(kind, table, 1, i, j4) * d4 + conductance(kind, table, 0, i, j5) * d5
    )  # fmt: skip


@inner
def end_conductance(kind, table, i):  # type: ignore[no-untyped-def]
    """Return the conductance between an end face and a node at it, that of half a voxel."""
    if kind is None:
        return 2 * table[0, 0, 0]
    return 2 * table[0, kind[i], kind[i]]


@kernel
def galerkin(nbr, kind, table, ends, agg, start, first, last, degree, coarse_nbr, weight, end, inlet, coarse_inverse):  # type: ignore[no-untyped-def]
    """Sum the conductances between the aggregates from `first` up to `last` and their neighbours.

    Parameters
    ----------
    table : float64, (3, kinds, kinds)
        Conductance of a face for each axis and pair of kinds.
    degree : integer, (aggregates,)
        Number of neighbours of each aggregate; set.
    coarse_nbr, weight : uint32 and float, (any sufficient length,)
        Neighbours of the aggregates, one aggregate after the other, and the summed
        conductances; set.
    end, inlet : float, (aggregates,)
        Conductance of each aggregate to both end faces together, and to the inlet; set.
    coarse_inverse : float32, (aggregates,)
        Inverse of the diagonal of each aggregate; set.

    Returns
    -------
    int
        Number of neighbours written.
    """
    used = np.int64(0)  # a literal 0 would be compiled separately
    for a in range(first, last):
        begin, total, at_ends, at_inlet = used, 0.0, 0.0, 0.0
        for i in range(start[a], start[a + 1]):
            if ends[i] & 3:
                g = end_conductance(kind, table, i)
                at_inlet += (ends[i] & 1) * g
                at_ends += ((ends[i] & 1) + ((ends[i] >> 1) & 1)) * g
        # Node by node: `aggregate` takes the first of equal neighbours. Side by side is faster, but the aggregates are
        # less compact, and a flow through wide pores takes up to seven iterations in place of five.
        for i in range(start[a], start[a + 1]):
            for side in range(6):
                j = neighbour(nbr, i, side)
                if start[a] <= j < start[a + 1]:
                    continue
                g, other = conductance(kind, table, min(side, 5 - side), i, j), agg[j]
                slot = _slot(coarse_nbr, begin, used, other)
                if slot == used:
                    coarse_nbr[slot], weight[slot] = other, 0
                    used += 1
                weight[slot] += g
                total += g
        degree[a] = used - begin
        end[a], inlet[a] = at_ends, at_inlet
        coarse_inverse[a] = 1 / (total + at_ends)
    return used


@kernel
def inverse_diagonal(nbr, kind, table, ends, first, last, inverse):  # type: ignore[no-untyped-def]
    """Compute the inverse of the diagonal (float32) of the nodes from `first` up to `last`."""
    for i in range(first, last):
        diagonal = ((ends[i] & 1) + ((ends[i] >> 1) & 1)) * end_conductance(kind, table, i)
        for side in range(6):
            j = neighbour(nbr, i, side)
            if j != i:
                diagonal += conductance(kind, table, min(side, 5 - side), i, j)
        inverse[i] = 1 / diagonal


@inner
def _slot(nbr, begin, used, other):  # type: ignore[no-untyped-def]
    """Return the place of a neighbour among those found so far, or the next free place."""
    for slot in range(begin, used):
        if nbr[slot] == other:
            return slot
    return used


@inner
def is_dead_end(ptr, end, i):  # type: ignore[no-untyped-def]
    """Return whether a node is a dead end: it has one neighbour and is not at an end face."""
    return ptr[i + 1] - ptr[i] == 1 and end[i] == 0


@kernel
def aggregate(ptr, nbr, weight, end, cell, by_cell, largest, parent, size, agg, coarse_cell):  # type: ignore[no-untyped-def]
    """Combine the nodes of a network into aggregates of at most `largest` nodes, not counting dead ends.

    Dead ends are joined to their neighbour. If `by_cell` is true, nodes that are
    connected inside a block of 2×2×2 cells are joined. Otherwise each node is joined to
    its neighbour of largest conductance among those whose aggregate is not full.
    `parent` and `size` (int32, one entry for each node) are workspace. The result is the
    number of aggregates, which are numbered in the order of their first nodes.
    """
    n = len(ptr) - 1
    for i in range(n):
        parent[i] = i
        size[i] = 0 if is_dead_end(ptr, end, i) else 1
    for i in range(n):
        best, strongest, room = np.int64(-1), 0.0, 0.0
        for slot in range(ptr[i], ptr[i + 1]):
            j = np.int64(nbr[slot])
            strongest = max(strongest, weight[slot])
            near = size[i] == 0 or size[j] == 0 or not by_cell
            near = near or (
                cell[i, 0] >> 1 == cell[j, 0] >> 1
                and cell[i, 1] >> 1 == cell[j, 1] >> 1
                and cell[i, 2] >> 1 == cell[j, 2] >> 1
            )
            if near and _fits(i, j, parent, size, largest):
                if by_cell:
                    _merge(i, j, parent, size)
                elif weight[slot] > room:
                    best, room = j, weight[slot]
        if best >= 0 and room >= 0.1 * strongest:
            _merge(i, best, parent, size)
    count = 0
    for i in range(n):
        top = root(parent, i)
        if top == i:
            for axis in range(3):
                coarse_cell[count, axis] = cell[i, axis] >> 1
            agg[i] = count
            count += 1
        else:
            agg[i] = agg[top]
    return count


@inner
def _fits(i, j, parent, size, largest):  # type: ignore[no-untyped-def]
    a, b = root(parent, i), root(parent, j)
    return a != b and size[a] + size[b] <= largest


@inner
def _merge(i, j, parent, size):  # type: ignore[no-untyped-def]
    a, b = root(parent, i), root(parent, j)
    size[min(a, b)] += size[max(a, b)]
    parent[max(a, b)] = min(a, b)


@kernel
def galerkin_graph(
    ptr,
    nbr,
    weight,
    agg,
    member_ptr,
    members,
    slot_of,
    coarse_end,
    coarse_ptr,
    coarse_nbr,
    coarse_weight,
    coarse_inverse,
):  # type: ignore[no-untyped-def]
    """Sum the conductances between the aggregates of a network.

    Parameters
    ----------
    member_ptr, members : int64, (aggregates + 1,), and any integer type, (nodes,)
        Nodes of each aggregate: ``members[member_ptr[a] : member_ptr[a + 1]]``.
    slot_of : int64, (aggregates,), filled with -1
        Workspace.
    coarse_inverse : float32, (aggregates,)
        Inverse of the diagonal of each aggregate; set.

    Returns
    -------
    int
        Number of neighbours written.
    """
    coarse = len(member_ptr) - 1
    used = 0
    for a in range(coarse):
        coarse_ptr[a], total = used, coarse_end[a]
        for member in range(member_ptr[a], member_ptr[a + 1]):
            i = members[member]
            for slot in range(ptr[i], ptr[i + 1]):
                b = agg[nbr[slot]]
                if b == a:
                    continue
                if slot_of[b] < coarse_ptr[a]:
                    slot_of[b] = used
                    coarse_nbr[used] = b
                    coarse_weight[used] = 0.0
                    used += 1
                total += weight[slot]
                coarse_weight[slot_of[b]] += weight[slot]
        coarse_inverse[a] = 1 / total
    coarse_ptr[coarse] = used
    return used
