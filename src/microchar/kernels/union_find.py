"""Union-find: sets of numbers as trees, whose roots are their smallest numbers."""

from __future__ import annotations

from microchar.kernels.jit import inner


@inner
def root(parent, number):  # type: ignore[no-untyped-def]
    """Return the root of the tree of a number; halve the way to it."""
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number


@inner
def join(parent, a, b):  # type: ignore[no-untyped-def]
    """Give two numbers a common root: the smaller one of their roots, so that a root comes before its tree."""
    a, b = root(parent, a), root(parent, b)
    if a < b:
        parent[b] = a
    else:
        parent[a] = b
