"""Co-occurrence of the grey levels of neighbouring pixels in a slice."""

from __future__ import annotations

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
    table : int64, (4, codes, codes)
        Number of pairs; modified. The angles are: right, below left, below, below
        right.
    """
    rows, columns = levels.shape
    nothing = table.shape[1] - 1
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
            table[0, here, right] += 1
            table[1, here, left] += 1
            table[2, here, below] += 1
            table[3, here, below_right] += 1
            here, left, below = right, below, below_right


@kernel
def compare_neighbours(bits, columns, table):  # type: ignore[no-untyped-def]
    """Add to ``table[angle, a, b]`` what `count_neighbours` counts; faster for few levels.

    Parameters
    ----------
    bits : uint64, (levels, rows, words)
        Pixels of each level of a slice, from `kernels.bits.pack`, with one more word than the
        columns need.
    columns : int
    table : int64, (4, levels, levels)
        Number of pairs; modified.
    """
    levels, rows, words = bits.shape
    n = (rows - 1) * words + (columns + 63) // 64
    below = n - words
    for a in range(levels):
        first = bits[a].reshape(-1)
        for b in range(levels):
            second = bits[b].reshape(-1)
            table[0, a, b] += common_at(first[:n], second[: n + 1], 1)
            if rows > 1:
                table[1, a, b] += common_at(second[words : words + below], first[: below + 1], 1)
                table[2, a, b] += common(first[:below], second[words : words + below])
                table[3, a, b] += common_at(first[:below], second[words : words + below + 1], 1)
