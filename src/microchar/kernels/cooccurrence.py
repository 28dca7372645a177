"""Co-occurrence of the grey levels of neighbouring pixels in a slice, and its texture features."""

from __future__ import annotations

import math

import numpy as np

from microchar.kernels.bits import common, common_at
from microchar.kernels.jit import inner, kernel


@kernel
def mark_present(levels, present):  # type: ignore[no-untyped-def]
    """Set ``present[level]`` for every level that occurs.

    Parameters
    ----------
    levels : uint16, (slices, rows, columns)
    present : bool, (257,)
        Whether each level occurs; modified.
    """
    slices, rows, columns = levels.shape
    for s in range(slices):
        for i in range(rows):
            for j in range(columns):
                present[levels[s, i, j]] = True


@kernel
def count_neighbours(levels, code, table):  # type: ignore[no-untyped-def]
    """Add to ``table[angle, code[a], code[b]]`` the pairs of each pixel a of a slice and its neighbours b.

    Each pair is counted once: b is the right neighbour of a, or the left, middle or
    right neighbour in the row below. The last row and column of the table collect
    missing neighbours and pixels outside the mask, so that no pair has to be tested.

    Parameters
    ----------
    levels : uint16, (rows, columns)
    code : int64, (257,)
        Index of each level in the table. Levels that are not counted have the last
        index, ``len(table[0]) - 1``.
    table : uint32, (4, codes, codes)
        Number of pairs; modified. The angles are: right, below left, below, below
        right.
    """
    rows, columns = levels.shape
    nothing = table.shape[1] - 1
    one = np.uint32(1)
    for i in range(rows):
        here = code[levels[i, 0]]
        left = nothing
        below = code[levels[i + 1, 0]] if i + 1 < rows else nothing
        for j in range(columns):
            right = nothing
            below_right = nothing
            if j + 1 < columns:
                right = code[levels[i, j + 1]]
                if i + 1 < rows:
                    below_right = code[levels[i + 1, j + 1]]
            table[0, here, right] += one
            table[1, here, left] += one
            table[2, here, below] += one
            table[3, here, below_right] += one
            here, left, below = right, below, below_right


@kernel
def pack_columns(labels, label, bits):  # type: ignore[no-untyped-def]
    """Pack the voxels of a label along axis 1, for each index of axis 2: ``bits[k, i]`` is the row ``labels[i, :, k]``.

    Parameters
    ----------
    labels : uint8, (n0, n1, n2)
    label : int
    bits : uint64, (n2, n0, words)
        Voxel j is bit j % 64 of word j // 64; set.
    """
    n0, n1, n2 = labels.shape
    words = np.empty(n2, np.uint64)
    for i in range(n0):
        for word in range(bits.shape[2]):
            words[:] = 0
            for j in range(word * 64, min(word * 64 + 64, n1)):
                place = np.uint64(j - word * 64)
                for k in range(n2):
                    words[k] |= np.uint64(labels[i, j, k] == label) << place
            bits[:, i, word] = words


@kernel
def compare_neighbours(bits, columns, table):  # type: ignore[no-untyped-def]
    """Set ``table[slice, angle, a, b]`` to what `count_neighbours` counts; faster for few levels.

    Parameters
    ----------
    bits : uint64, (levels, slices, rows, words)
        Pixels of each level, packed along the columns, with one more word than they need.
    columns : int
    table : uint32, (slices, 4, levels, levels)
        Number of pairs; set.
    """
    levels, slices, rows, words = bits.shape
    n = (rows - 1) * words + (columns + 63) // 64
    below = n - words
    for s in range(slices):
        for a in range(levels):
            first = bits[a, s].reshape(-1)
            for b in range(levels):
                second = bits[b, s].reshape(-1)
                table[s, 0, a, b] = common_at(first[:n], second[: n + 1], 1)
                if rows > 1:
                    table[s, 1, a, b] = common_at(second[words : words + below], first[: below + 1], 1)
                    table[s, 2, a, b] = common(first[:below], second[words : words + below])
                    table[s, 3, a, b] = common_at(first[:below], second[words : words + below + 1], 1)


@kernel
def texture(pairs, grey, features):  # type: ignore[no-untyped-def]
    """Set the features of the symmetric matrix of a slice, averaged over the angles with pairs.

    Parameters
    ----------
    pairs : uint32, (4, codes, codes)
        Number of pairs at each angle, each counted once. Codes from ``len(grey)`` on are ignored.
    grey : int64, (levels,)
        The grey levels, in ascending order.
    features : float64, (4,)
        Contrast, homogeneity, energy and entropy; set if there are pairs.

    Returns
    -------
    bool
        Whether there are pairs.
    """
    angles = 0
    sums = np.zeros(4)
    for table in pairs:
        total = 2 * table[: len(grey), : len(grey)].sum()
        if total > 0:
            angles += 1
            _add_features(table, grey, total, sums)
    if angles > 0:
        features[:] = sums / angles
    return angles > 0


@inner
def _add_features(table, grey, total, sums):  # type: ignore[no-untyped-def]
    """Add the features of one angle. Most cells of a large table are empty, and both halves of the matrix are equal."""
    for a in range(len(grey)):
        for b in range(a + 1):
            number = table[a, b] + table[b, a]
            if number == 0:
                continue
            p = number / total
            square = float((grey[a] - grey[b]) ** 2)
            halves = 2.0 if b < a else 1.0
            sums[0] += halves * p * square
            sums[1] += halves * p / (1.0 + square)
            sums[2] += halves * p * p
            sums[3] -= halves * p * math.log(p)
