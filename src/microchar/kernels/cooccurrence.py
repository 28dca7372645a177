"""Co-occurrence of the grey levels of neighbouring pixels in a slice, and its texture features."""

from __future__ import annotations

import math

import numpy as np

from microchar.kernels.bits import common, common_at
from microchar.kernels.jit import kernel


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
def encode(levels, code, framed):  # type: ignore[no-untyped-def]
    """Set ``framed[i, j + 1] = code[levels[i, j]]``.

    Parameters
    ----------
    levels : uint16, (rows, columns)
    code : uint16, (257,)
    framed : uint16, (rows + 1, columns + 2)
        Set, without the first and last column and the last row.
    """
    rows, columns = levels.shape
    for i in range(rows):
        for j in range(columns):
            framed[i, j + 1] = code[levels[i, j]]


@kernel
def count_neighbours(codes, table):  # type: ignore[no-untyped-def]
    """Add to ``table[angle, a, b]`` the pairs of each pixel of code a of a slice and its neighbours of code b.

    Each pair is counted once: b is the right neighbour of a, or the left, middle or
    right neighbour in the row below.

    Parameters
    ----------
    codes : uint16, (rows + 1, columns + 2)
        The slice, between a column before it, one behind it and a row behind it of a code
        that is not looked at, so that no neighbour is missing.
    table : uint32, (4, codes, codes)
        Number of pairs; modified. The angles are: right, below left, below, below
        right.
    """
    rows, columns = codes.shape
    one = np.uint32(1)
    for i in range(rows - 1):
        for j in range(1, columns - 1):
            here = codes[i, j]
            table[0, here, codes[i, j + 1]] += one
            table[1, here, codes[i + 1, j - 1]] += one
            table[2, here, codes[i + 1, j]] += one
            table[3, here, codes[i + 1, j + 1]] += one


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
            for k in range(n2):
                words[k] = 0
            for j in range(word * 64, min(word * 64 + 64, n1)):
                place = np.uint64(j - word * 64)
                for k in range(n2):
                    words[k] |= np.uint64(labels[i, j, k] == label) << place
            for k in range(n2):
                bits[k, i, word] = words[k]


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
    one = np.int64(1)  # not a literal, for which Numba would compile `common_at` again
    for s in range(slices):
        for a in range(levels):
            first = bits[a, s].reshape(-1)
            for b in range(levels):
                second = bits[b, s].reshape(-1)
                table[s, 0, a, b] = common_at(first[:n], second[: n + 1], one)
                if rows > 1:
                    table[s, 1, a, b] = common_at(second[words : words + below], first[: below + 1], one)
                    table[s, 2, a, b] = common(first[:below], second[words : words + below])
                    table[s, 3, a, b] = common_at(first[:below], second[words : words + below + 1], one)


@kernel
def texture(pairs, grey, features):  # type: ignore[no-untyped-def]
    """Set the features of the symmetric matrix of a slice, averaged over the angles with pairs.

    Parameters
    ----------
    pairs : uint32, (4, codes, codes)
        Number of pairs at each angle, each counted once. Codes that stand for no grey level
        are the last ones.
    grey : int64, (levels,)
        The grey level of each code.
    features : float64, (4,)
        Contrast, homogeneity, energy and entropy; set if there are pairs.

    Returns
    -------
    bool
        Whether there are pairs.
    """
    angles = 0
    contrast, homogeneity, energy, entropy = 0.0, 0.0, 0.0, 0.0
    for angle in range(len(pairs)):
        total = 0
        for a in range(len(grey)):
            for b in range(len(grey)):
                total += 2 * pairs[angle, a, b]
        if total == 0:
            continue
        angles += 1
        # Most cells of a large table are empty, and both halves of the matrix are equal.
        contrast_of_angle, homogeneity_of_angle, energy_of_angle, entropy_of_angle = 0.0, 0.0, 0.0, 0.0
        for a in range(len(grey)):
            for b in range(a + 1):
                number = pairs[angle, a, b] + pairs[angle, b, a]
                if number == 0:
                    continue
                p = number / total
                square = float((grey[a] - grey[b]) * (grey[a] - grey[b]))
                both = 2.0 * p if b < a else p
                contrast_of_angle += both * square
                homogeneity_of_angle += both / (1.0 + square)
                energy_of_angle += both * p
                entropy_of_angle -= both * math.log(p)
        contrast += contrast_of_angle
        homogeneity += homogeneity_of_angle
        energy += energy_of_angle
        entropy += entropy_of_angle
    if angles > 0:
        features[0], features[1] = contrast / angles, homogeneity / angles
        features[2], features[3] = energy / angles, entropy / angles
    return angles > 0
