"""From voxels to a hierarchy of networks: percolation, numbering, neighbours, aggregates.

Voxels that conduct from end to end become nodes. They are numbered block by
block (2×2×2 voxels), and within a block component by component, so that an
aggregate, which is a connected component inside a block, is a range of nodes.
"""

from __future__ import annotations

import numpy as np

from microchar.kernels.diffusion_jit import inner, kernel


@kernel
def count_runs(labels, code, rows):  # type: ignore[no-untyped-def]
    """Write into ``rows[1:]`` the number of runs of conducting voxels up to each row (along the last axis).

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
    code : uint8, (256,)
        0 for labels that do not conduct.
    rows : int64, (n0 * n1 + 1,)
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
    """Write `code` of the voxels connected to both ends of axis 0 into `kept`, as large at least and filled with 0.

    Runs are joined by union-find: `begin`, `end` and `parent` (int32), and
    `touches` (uint8, filled with 0), one entry for each run, are its workspace.
    Returns the number of voxels kept.
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
                _join(first, last, parent)
    for run in range(rows[n1]):
        touches[_root(run, parent)] |= 1
    for run in range(rows[(n0 - 1) * n1], rows[n0 * n1]):
        touches[_root(run, parent)] |= 2
    total = 0
    for i in range(n0):
        for j in range(n1):
            for run in range(rows[i * n1 + j], rows[i * n1 + j + 1]):
                if touches[_root(run, parent)] == 3:
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
            _join(a, b, parent)
        if end[a] < end[b]:
            a += 1
        else:
            b += 1


@inner
def _root(node, parent):  # type: ignore[no-untyped-def]
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@inner
def _join(a, b, parent):  # type: ignore[no-untyped-def]
    a, b = _root(a, parent), _root(b, parent)
    # The smaller number is the root, so that roots come first in the order of nodes.
    if a < b:
        parent[b] = a
    elif b < a:
        parent[a] = b


@inner
def _occupied(a, b, c, d, k):  # type: ignore[no-untyped-def]
    """Return the mask of a block with the rows a, b, c, d: bit ``4 di + 2 dj + dk`` is set where a voxel is kept."""
    return (
        (a[k] != 0) | (a[k + 1] != 0) << 1 | (b[k] != 0) << 2 | (b[k + 1] != 0) << 3
        | (c[k] != 0) << 4 | (c[k + 1] != 0) << 5 | (d[k] != 0) << 6 | (d[k + 1] != 0) << 7
    )  # fmt: skip


@inner
def _split(mask, kept, i, j, k, family, masks):  # type: ignore[no-untyped-def]
    """Split the mask of the block at (i, j, k) into one for each family of voxels."""
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
    kept : uint8, three even lengths
        From `percolate`.
    family : uint8, (256,)
        Voxels of one aggregate are of one family: conductances of one magnitude.
    masks : int64, (families,)
        Workspace.
    components : uint8, (256, 10)
        Component of each bit of a mask, their number, and the number of bits.
    nodes, aggregates : int64, (planes of blocks,)
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
def number_plane(
    kept, plane, family, masks, components, node, aggregate, number, agg, start, cell, shape
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Number the voxels of a plane of blocks into ``number[i % 4]``, and write down their aggregates.

    Parameters
    ----------
    node, aggregate : int
        The first ones of this plane.
    number : uint32, (4, n1, n2)
        Filled by the caller, for these planes, with the number of nodes, which stands for none.
    agg, start : uint32, (nodes,), and int64, (aggregates + 1,)
        The aggregate of each node, and the first node of each aggregate.
    cell, shape : int32, (aggregates, 3), and uint8, (aggregates,)
        The block of each aggregate, and which of its voxels are in it.
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
                            agg[node] = aggregate
                            node += 1
                    start[aggregate], shape[aggregate] = first, bits
                    cell[aggregate, 0], cell[aggregate, 1], cell[aggregate, 2] = plane, j >> 1, k >> 1
                    aggregate += 1


@kernel
def spread(kept, i, number, x, out):  # type: ignore[no-untyped-def]
    """Write the value of each node of plane i to its voxel in `out` (float32, as `kept`)."""
    for j in range(kept.shape[1]):
        for k in range(kept.shape[2]):
            if kept[i, j, k]:
                out[i, j, k] = x[number[i & 3, j, k]]


@kernel
def link(kept, i, shape, periodic1, periodic2, number, nbr, ends, kind):  # type: ignore[no-untyped-def]
    """Write down the neighbours of the voxels of plane i.

    Parameters
    ----------
    shape : tuple of three int
        Of the volume; `kept` is longer by one along odd axes.
    number : uint32, as the planes of `kept`
        The nodes of planes i and i - 1, from `number_plane`.
    nbr : uint32, (nodes, 6)
        Neighbours before along axes 0, 1, 2 and after along 2, 1, 0. Filled by
        the caller with the number of nodes, which stands for none.
    ends : uint8, (nodes,)
        Bit 0: at the inlet, bit 1: at the outlet.
    kind : uint8, (nodes + 1,) or None
        ``kept - 1``; None where all conduct alike.
    """
    (n0, n1, n2), none = shape, np.uint32(len(ends))
    for j in range(n1):
        for k in range(n2):
            node = number[i & 3, j, k]
            if node == none:
                continue
            for side in range(3):
                if side == 0:
                    other = number[(i - 1) & 3, j, k] if i > 0 else none
                elif side == 1:
                    other = number[i & 3, j - 1 if j > 0 else n1 - 1, k] if j > 0 or periodic1 else none
                else:
                    other = number[i & 3, j, k - 1 if k > 0 else n2 - 1] if k > 0 or periodic2 else none
                if other != none:
                    nbr[node, side] = other
                    nbr[other, 5 - side] = node
            ends[node] = (i == 0) + 2 * (i == n0 - 1)
            if kind is not None:
                kind[node] = kept[i, j, k] - 1


@inner
def conductance(kind, table, axis, i, j):  # type: ignore[no-untyped-def]
    """Return the conductance of the face between two nodes; without kinds all are alike."""
    if kind is None:
        return table[axis, 0, 0]
    return table[axis, kind[i], kind[j]]


@inner
def end_conductance(kind, table, i):  # type: ignore[no-untyped-def]
    """Return the conductance between a node at an end and that end: half a voxel."""
    if kind is None:
        return 2 * table[0, 0, 0]
    return 2 * table[0, kind[i], kind[i]]


@kernel
def galerkin(
    nbr, kind, table, ends, agg, start, first, last, inverse, degree, coarse_nbr, weight, end, inlet, coarse_inverse
):  # type: ignore[no-untyped-def]
    """Sum the conductances between the aggregates from `first` up to `last`; also 1/diagonal of these and the nodes.

    Parameters
    ----------
    table : float64, (3, kinds, kinds)
        Conductance of a face per axis and pair of kinds.
    inverse, coarse_inverse : float32, (nodes,) and (aggregates,)
    degree : int64, (aggregates,)
    coarse_nbr, weight : uint32 and float64, (enough,)
        The neighbours of one aggregate after those of another.
    end, inlet : float64, (aggregates,)
        Conductance to both end faces, and to the inlet.

    Returns
    -------
    int
        How many neighbours were written.
    """
    n, used = np.uint32(len(agg)), np.int64(0)  # functions are compiled apart for a literal 0
    for a in range(first, last):
        begin, total = used, 0.0
        end[a] = inlet[a] = 0.0
        for i in range(start[a], start[a + 1]):
            at_inlet = (ends[i] & 1) * end_conductance(kind, table, i)
            diagonal = at_inlet + (ends[i] >> 1) * end_conductance(kind, table, i)
            inlet[a] += at_inlet
            end[a] += diagonal
            for side in range(6):
                j = nbr[i, side]
                if j == n:
                    continue
                g = conductance(kind, table, min(side, 5 - side), i, j)
                diagonal += g
                if not start[a] <= j < start[a + 1]:
                    total += g
                    used = _add(coarse_nbr, weight, begin, used, agg[j], g)
            inverse[i] = 1 / diagonal
        degree[a] = used - begin
        coarse_inverse[a] = 1 / (total + end[a])
    return used


@inner
def _add(nbr, weight, begin, used, other, g):  # type: ignore[no-untyped-def]
    for slot in range(begin, used):
        if nbr[slot] == other:
            weight[slot] += g
            return used
    nbr[used] = other
    weight[used] = g
    return used + 1


@inner
def is_dead_end(ptr, end, i):  # type: ignore[no-untyped-def]
    """Whether all that enters a node has to leave it the way it came."""
    return ptr[i + 1] - ptr[i] == 1 and end[i] == 0


@kernel
def aggregate(ptr, nbr, weight, end, cell, by_cell, largest, parent, size, agg, coarse_cell):  # type: ignore[no-untyped-def]
    """Join the nodes of a network to aggregates of at most `largest` nodes, not counting dead ends.

    Dead ends are joined to what they hang on. By cells, so is what is connected
    inside a block of 2×2×2 cells; otherwise each node is joined to the neighbour
    it is best connected to, of those that still have room. `parent` and `size`
    (int32, one entry for each node) are workspace. Returns the number of
    aggregates, which come in the order of their first nodes.
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
        root = _root(i, parent)
        if root == i:
            for axis in range(3):
                coarse_cell[count, axis] = cell[i, axis] >> 1
            agg[i] = count
            count += 1
        else:
            agg[i] = agg[root]
    return count


@inner
def _fits(i, j, parent, size, largest):  # type: ignore[no-untyped-def]
    a, b = _root(i, parent), _root(j, parent)
    return a != b and size[a] + size[b] <= largest


@inner
def _merge(i, j, parent, size):  # type: ignore[no-untyped-def]
    a, b = _root(i, parent), _root(j, parent)
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
    """Sum the conductances between the aggregates of a network; also 1/diagonal of these.

    Parameters
    ----------
    member_ptr, members : int64 (aggregates + 1,), and of any kind (nodes,)
        The nodes of each aggregate.
    slot_of : int64, (aggregates,), filled with -1
        Workspace.

    Returns
    -------
    int
        How many neighbours were written.
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
