"""Stokes flow on the faces of voxels: which faces carry flow, the viscous operator, gradient and divergence.

The nodes and their end bits ``ends`` are those of `diffusion_setup.link`, and their
neighbours ``nbr`` are those of `diffusion_setup.neighbour_table`. Row i of a velocity
holds the flow through the three faces of node i towards the following voxels along axes
0, 1 and 2. Row n (the number of nodes) is 0 and stands for missing neighbours. The rows
behind it hold the faces at the inlet in column 0; ``ghost[i]`` is the row of the face
before node i. Faces that carry no flow have the code 0 and the velocity 0.

The equations of the faces at both ends are halved, which makes the operator symmetric.
"""

from __future__ import annotations

import numpy as np

from microchar.kernels.diffusion_jit import inner, kernel

#: Codes of faces inside the volume are 1 to 125, those of the faces at its ends 126 to 250.
END = 125


@inner
def _code(nbr, before, after, component, low1, high1, low2, high2, end):  # type: ignore[no-untyped-def]
    """Return the code of the face between two nodes; at the ends of the volume, both are the same node.

    The code holds, for each axis, the sum of the weights in units of that of a full
    step: 1 for each neighbouring face, also for one whose velocity is 0; 2 where both
    voxels beside the face are solid, because the wall is only half a step away. `low1`
    and so on are the weights of the sides of the volume, negative inside it.
    """
    none, code, place = len(nbr), 1 + END * end, 1
    for axis in range(3):
        count = 2
        if axis != component:
            count = 0
            for side in (axis, 5 - axis):
                at_side = -1
                if axis == 1:
                    at_side = low1 if side == 1 else high1
                elif axis == 2:
                    at_side = low2 if side == 2 else high2
                if at_side >= 0:
                    count += at_side
                elif nbr[before, side] == none and nbr[after, side] == none:
                    count += 2
                else:
                    count += 1
        code += place * count
        place *= 5
    return code


@kernel
def mark(i, shape, sides, number, nbr, ends, ghost, code):  # type: ignore[no-untyped-def]
    """Record the codes of the faces behind the voxels of plane i, and of those at the inlet.

    Parameters
    ----------
    sides : int64, (2,)
        Weight of the sides normal to axes 1 and 2: 0 for free slip, 2 for a wall, -1 if
        the volume repeats.
    number : uint32, (4, n1, n2)
        Nodes of the plane, from `diffusion_setup.number_plane`.
    ghost : uint32, (at least the last node at the inlet + 1,)
    code : uint8, (rows, 3)
        Set; filled with 0 by the caller.
    """
    (n0, n1, n2), none = shape, np.uint32(len(ends))
    for j in range(n1):
        low1 = sides[0] if j == 0 else -1
        high1 = sides[0] if j == n1 - 1 else -1
        for k in range(n2):
            node = number[i & 3, j, k]
            if node == none:
                continue
            low2 = sides[1] if k == 0 else -1
            high2 = sides[1] if k == n2 - 1 else -1
            for component in range(3):
                end = component == 0 and i == n0 - 1
                after = node if end else nbr[node, 5 - component]
                if after != none:
                    code[node, component] = _code(nbr, node, after, component, low1, high1, low2, high2, end)
            if i == 0:
                code[ghost[node], 0] = _code(nbr, node, node, 0, low1, high1, low2, high2, True)


@inner
def _around(nbr, ends, ghost, i):  # type: ignore[no-untyped-def]
    """Return the rows around node i, in the order of `nbr`, with the one at the inlet for axis 0."""
    before = ghost[i] if ends[i] & 1 else nbr[i, 0]
    return before, nbr[i, 1], nbr[i, 2], nbr[i, 3], nbr[i, 4], nbr[i, 5]


@inner
def _pull(u, a, rows, weight, half):  # type: ignore[no-untyped-def]
    """Return the weighted sum of the velocities around a face; `half` is that of steps along axes 1 and 2 at an end."""
    along = weight[a, 0] * (u[rows[0], a] + u[rows[5], a])
    across = weight[a, 1] * (u[rows[1], a] + u[rows[4], a]) + weight[a, 2] * (u[rows[2], a] + u[rows[3], a])
    return along + half * across


@inner
def _pull_ghost(nbr, ghost, weight, u, i):  # type: ignore[no-untyped-def]
    """Return the weighted sum of the velocities around the face at the inlet before node i."""
    none, across = len(nbr), u[i, 0] * 0
    for side in range(1, 5):
        j = nbr[i, side]
        if j != none:
            across += weight[0, min(side, 5 - side)] * u[ghost[j], 0]
    return weight[0, 0] * u[i, 0] + weight[0, 3] * across


@kernel
def relax(nbr, ends, ghost, inlet, weight, inverse, code, b, u, first, last, backward):  # type: ignore[no-untyped-def]
    """Apply one Gauss-Seidel sweep to the faces of the nodes from `first` up to `last`, forward or backward.

    Parameters
    ----------
    inlet : int64, (faces at the inlet,)
        Node behind each face at the inlet. These faces belong to the range from node 0.
    weight : float32 or float64, (3, 4)
        ``weight[a, b]`` is the weight of a step along axis b for the flow along axis a;
        ``weight[a, 3]`` is 1/2.
    inverse : (3, 251)
        Inverse of the diagonal for each component and code; 0 for code 0.
    """
    one, half = weight[0, 3] + weight[0, 3], weight[0, 3]
    if first == 0 and not backward:
        for i in inlet:
            g = ghost[i]
            u[g, 0] = inverse[0, code[g, 0]] * (b[g, 0] + _pull_ghost(nbr, ghost, weight, u, i))
    for step in range(last - first):
        i = last - 1 - step if backward else first + step
        rows = _around(nbr, ends, ghost, i)
        across = half if ends[i] & 2 else one
        # The three components do not depend on each other.
        u0 = inverse[0, code[i, 0]] * (b[i, 0] + _pull(u, 0, rows, weight, across))
        u1 = inverse[1, code[i, 1]] * (b[i, 1] + _pull(u, 1, rows, weight, one))
        u2 = inverse[2, code[i, 2]] * (b[i, 2] + _pull(u, 2, rows, weight, one))
        u[i, 0], u[i, 1], u[i, 2] = u0, u1, u2
    if first == 0 and backward:
        for step in range(len(inlet)):
            i = inlet[len(inlet) - 1 - step]
            g = ghost[i]
            u[g, 0] = inverse[0, code[g, 0]] * (b[g, 0] + _pull_ghost(nbr, ghost, weight, u, i))


@kernel
def apply(nbr, ends, ghost, inlet, weight, diagonal, code, u, out, first, last):  # type: ignore[no-untyped-def]
    """Write the viscous force ``A u`` to `out` and return ``u · A u``, for the nodes from `first` up to `last`."""
    one, half, product = weight[0, 3] + weight[0, 3], weight[0, 3], 0.0
    if first == 0:
        for i in inlet:
            g = ghost[i]
            out[g, 0] = diagonal[0, code[g, 0]] * u[g, 0] - _pull_ghost(nbr, ghost, weight, u, i)
            product += u[g, 0] * out[g, 0]
    for i in range(first, last):
        rows = _around(nbr, ends, ghost, i)
        out[i, 0] = _drag(u, i, 0, rows, weight, half if ends[i] & 2 else one, diagonal, code)
        out[i, 1] = _drag(u, i, 1, rows, weight, one, diagonal, code)
        out[i, 2] = _drag(u, i, 2, rows, weight, one, diagonal, code)
        product += u[i, 0] * out[i, 0] + u[i, 1] * out[i, 1] + u[i, 2] * out[i, 2]
    return product


@inner
def _drag(u, i, a, rows, weight, half, diagonal, code):  # type: ignore[no-untyped-def]
    return diagonal[a, code[i, a]] * u[i, a] - _pull(u, a, rows, weight, half) if code[i, a] else u[i, a]


@kernel
def gradient(nbr, ghost, inlet, code, p, factor, out, first, last):  # type: ignore[no-untyped-def]
    """Replace `out` by ``G p + factor out``; ``G p`` is the pressure difference across each face."""
    if first == 0:
        for i in inlet:
            out[ghost[i], 0] = p[i] + factor * out[ghost[i], 0]
    for i in range(first, last):
        for a in range(3):
            out[i, a] = p[nbr[i, 5 - a]] - p[i] + factor * out[i, a] if code[i, a] else 0


@kernel
def divergence(nbr, ends, ghost, u, out, first, last):  # type: ignore[no-untyped-def]
    """Write the net flow into the nodes from `first` up to `last`, ``Gᵀ u``, to `out`; return the sum of magnitudes."""
    total = 0.0
    for i in range(first, last):
        net = (u[ghost[i], 0] if ends[i] & 1 else u[nbr[i, 0], 0]) - u[i, 0]
        out[i] = net + (u[nbr[i, 1], 1] - u[i, 1]) + (u[nbr[i, 2], 2] - u[i, 2])
        total += abs(out[i])
    return total


@kernel
def speed(nbr, ends, ghost, u, scale, out, first, last):  # type: ignore[no-untyped-def]
    """Write the magnitude of the mean velocity of the nodes from `first` up to `last` to `out`."""
    for i in range(first, last):
        rows = _around(nbr, ends, ghost, i)
        square = 0.0
        for a in range(3):
            square += ((u[i, a] + u[rows[a], a]) / 2 * scale[a]) ** 2
        out[i] = np.sqrt(square)


@kernel
def momentum(nbr, ends, ghost, inlet, weight, diagonal, code, u, p, out, first, last):  # type: ignore[no-untyped-def]
    """Write the residual ``f - G p - A u`` of float64 fields to `out` (float32); the pressure before the inlet is 1."""
    one, half = weight[0, 3] + weight[0, 3], weight[0, 3]
    if first == 0:
        for i in inlet:
            g = ghost[i]
            out[g, 0] = 1 - p[i] - diagonal[0, code[g, 0]] * u[g, 0] + _pull_ghost(nbr, ghost, weight, u, i)
    for i in range(first, last):
        rows = _around(nbr, ends, ghost, i)
        for a in range(3):
            pressure = p[i] - p[rows[5 - a]] if code[i, a] else 0.0
            out[i, a] = pressure - _drag(u, i, a, rows, weight, half if a == 0 and ends[i] & 2 else one, diagonal, code)


@kernel
def combine(x, factor, y, other):  # type: ignore[no-untyped-def]
    """Replace the vector `x` by ``factor x + other y``."""
    for i in range(len(x)):
        x[i] = factor * x[i] + other * y[i]
