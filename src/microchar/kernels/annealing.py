"""Swaps of two voxels, and the resulting changes of the pairs and segments along the axes.

The labels are stored in three orders, so that the lines along every axis are
contiguous. ``lines[axis]`` is the flattened array with this axis last and the other
axes before it in ascending order.
"""

from __future__ import annotations

import math

import numpy as np

from microchar.kernels.jit import inner, kernel

#: First index of the counts: pairs (both voxels in the phase), segments (all voxels in the phase).
PAIRS, SEGMENTS = 0, 1
#: Label that stands for voxels beyond the end of a line.
_OUTSIDE = 255


@kernel
def anneal(  # type: ignore[no-untyped-def]
    lines, shape, periodic, reach, counts, target, bias, random, excess, change, near, weight, temperatures
):
    """Try one swap at each temperature, and update the counts.

    A swap is accepted if it does not increase the energy
    ``sum(weight * (counts - target)**2)``; otherwise it is accepted with probability
    exp(-increase / temperature).

    Parameters
    ----------
    lines : uint8, (3, voxels)
        Labels in three orders; modified.
    shape, periodic, reach : int64, (3,)
        Shape of the volume; nonzero for periodic axes; largest lag of each axis, which
        is less than its length.
    counts : int64, (2, phases, 3, lags)
        Pairs and segments at lag 0, 1, …; modified.
    target : float64, of the same shape
        Target of each count.
    bias : float64, (7,)
        Probability of taking a drawn voxel, by its number of unlike neighbours;
        greater than 0.
    random : uint64, (1,)
        State of the random number generator; modified.
    excess, change : float64 and int32, of the shape of the counts
        Workspace; `change` is filled with zeros.
    near : uint8, (2 * lags - 1,)
        Workspace.
    weight : float64, of the shape of the counts
        Weight of each count.
    temperatures : float64, (tries,)
        Temperature of each try.

    Returns
    -------
    int
        Number of accepted swaps.
    """
    for phase in range(counts.shape[1]):
        _accept(counts, change, target, excess, phase, reach)
    kept = 0
    for i in range(len(temperatures)):
        one = _candidate(lines, shape, periodic, bias, np.uint8(_OUTSIDE), random)
        a = lines[2, one]
        other = _candidate(lines, shape, periodic, bias, a, random)
        b = lines[2, other]
        _recolour(lines, shape, periodic, reach, one, b, near, change)
        _recolour(lines, shape, periodic, reach, other, a, near, change)
        more = _energy(excess, change, weight, a, reach) + _energy(excess, change, weight, b, reach)
        if more <= 0 or _uniform(random) < math.exp(-more / max(temperatures[i], 1e-300)):
            _accept(counts, change, target, excess, a, reach)
            _accept(counts, change, target, excess, b, reach)
            kept += 1
        else:
            _reject(lines, shape, one, a, reach, change)
            _reject(lines, shape, other, b, reach, change)
    return kept


@kernel
def fill(  # type: ignore[no-untyped-def]
    lines, shape, periodic, reach, counts, target, bias, random, excess, change, near, voxels, phase
):
    """Swap each voxel that has another phase with a random voxel of the phase, and update the counts.

    Parameters
    ----------
    lines, shape, periodic, reach, counts, target, bias, random, excess, change, near
        See `anneal`.
    voxels : int64, (n,)
        Indices in ``lines[2]``.
    phase : uint8
    """
    for voxel in voxels:
        old = lines[2, voxel]
        if old == phase:
            continue
        other = _candidate(lines, shape, periodic, bias, old, random)
        while lines[2, other] != phase:
            other = _candidate(lines, shape, periodic, bias, old, random)
        _recolour(lines, shape, periodic, reach, voxel, phase, near, change)
        _recolour(lines, shape, periodic, reach, other, old, near, change)
        _accept(counts, change, target, excess, phase, reach)
        _accept(counts, change, target, excess, old, reach)


@inner
def _uniform(random):  # type: ignore[no-untyped-def]
    """Draw from [0, 1) with 53 bits (splitmix64: Steele, Lea and Flood 2014)."""
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return np.float64(z >> np.uint64(11)) * 2.0**-53


@inner
def _candidate(lines, shape, periodic, bias, unlike, random):  # type: ignore[no-untyped-def]
    """Draw a voxel whose label is not `unlike`; return its index in ``lines[2]``."""
    while True:
        voxel = np.int64(_uniform(random) * lines.shape[1])
        if lines[2, voxel] != unlike and _uniform(random) < bias[_unlike_neighbours(lines, shape, periodic, voxel)]:
            return voxel


@inner
def _unlike_neighbours(lines, shape, periodic, voxel):  # type: ignore[no-untyped-def]
    label = lines[2, voxel]
    found = 0
    for axis in range(3):
        first, at = _place(shape, axis, voxel)
        n = shape[axis]
        before, after = at - 1, at + 1
        if periodic[axis]:
            before, after = (at - 1) % n, (at + 1) % n
        if before >= 0:
            found += lines[axis, first + before] != label
        if after < n:
            found += lines[axis, first + after] != label
    return found


@inner
def _place(shape, axis, voxel):  # type: ignore[no-untyped-def]
    """Return the index in ``lines[axis]`` at which the line of the voxel begins, and its position on the line."""
    n1, n2 = shape[1], shape[2]
    if axis == 2:
        at = voxel % n2
        return voxel - at, at
    if axis == 1:
        i, rest = voxel // (n1 * n2), voxel % (n1 * n2)
        return (i * n2 + rest % n2) * n1, rest // n2
    return voxel % (n1 * n2) * shape[0], voxel // (n1 * n2)


@inner
def _recolour(lines, shape, periodic, reach, voxel, label, near, change):  # type: ignore[no-untyped-def]
    """Change the label of a voxel, and add the resulting changes of the counts at lags from 1 up to `change`."""
    old = lines[2, voxel]
    for axis in range(3):
        first, at = _place(shape, axis, voxel)
        n, r = shape[axis], reach[axis]
        for step in range(-r, r + 1):
            place = at + step
            if periodic[axis]:
                place += n * (np.int64(place < 0) - np.int64(place >= n))
            near[r + step] = lines[axis, first + place] if 0 <= place < n else _OUTSIDE
        lost, won = change[PAIRS, old, axis], change[PAIRS, label, axis]
        for k in range(1, r + 1):
            lost[k] -= np.int32(near[r + k] == old) + np.int32(near[r - k] == old)
            won[k] += np.int32(near[r + k] == label) + np.int32(near[r - k] == label)
        _segments(near, r, old, -1, change[SEGMENTS, old, axis])
        _segments(near, r, label, 1, change[SEGMENTS, label, axis])
        lines[axis, first + at] = label


@inner
def _segments(near, r, label, sign, change):  # type: ignore[no-untyped-def]
    """Add `sign` times the number of segments through the middle of `near`, whose voxel is taken to have the label."""
    after = 0
    while after < r and near[r + after + 1] == label:
        after += 1
    before = 0
    while before < r and near[r - before - 1] == label:
        before += 1
    # A segment of k + 1 voxels begins at most min(before, k) voxels before the middle, and ends at most `after` voxels
    # behind it.
    for k in range(1, min(before + after, r) + 1):
        change[k] += sign * (min(before, k) - max(k - after, 0) + 1)


@inner(fastmath={"reassoc"})
def _energy(excess, change, weight, phase, reach):  # type: ignore[no-untyped-def]
    """Return the increase of the energy of one phase."""
    total = 0.0
    for kind in range(2):
        for axis in range(3):
            over, step, share = excess[kind, phase, axis], change[kind, phase, axis], weight[kind, phase, axis]
            for k in range(1, reach[axis] + 1):
                total += share[k] * step[k] * (2 * over[k] + step[k])
    return total


@inner
def _accept(counts, change, target, excess, phase, reach):  # type: ignore[no-untyped-def]
    """Add the changes of a phase to its counts, and reset the changes."""
    for kind in range(2):
        for axis in range(3):
            for k in range(1, reach[axis] + 1):
                counts[kind, phase, axis, k] += change[kind, phase, axis, k]
                excess[kind, phase, axis, k] = counts[kind, phase, axis, k] - target[kind, phase, axis, k]
                change[kind, phase, axis, k] = 0


@inner
def _reject(lines, shape, voxel, phase, reach, change):  # type: ignore[no-untyped-def]
    """Restore the phase of a voxel, and reset the changes of that phase."""
    for axis in range(3):
        first, at = _place(shape, axis, voxel)
        lines[axis, first + at] = phase
        for kind in range(2):
            for k in range(1, reach[axis] + 1):
                change[kind, phase, axis, k] = 0
