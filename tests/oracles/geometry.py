"""Neighbours, windows and cells as they are defined, one place at a time; and media of known surface."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import numpy as np

OUTSIDE = 255
STEPS = [step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]
_CUBE = list(product((-1, 0, 1), repeat=3))
#: Pairs of places of a 3x3x3 cube that share a face.
FACES = [(p, q) for p, q in combinations(_CUBE, 2) if np.abs(np.subtract(p, q)).sum() == 1]


def box(labels, start, window, periodic):
    """Labels of the voxels of a window, or None where it leaves the volume."""
    found = []
    for offset in product(*(range(w) for w in window)):
        place = [s + o for s, o in zip(start, offset, strict=True)]
        place = [x % n if axis in periodic else x for axis, (x, n) in enumerate(zip(place, labels.shape, strict=True))]
        if any(not 0 <= x < n for x, n in zip(place, labels.shape, strict=True)):
            return None
        found.append(int(labels[tuple(place)]))
    return found


def boxes(labels, window, periodic):
    """Windows at every position that lie in the volume and hold no voxel outside the mask."""
    found = [box(labels, start, window, periodic) for start in np.ndindex(labels.shape)]
    return [labels for labels in found if labels is not None and OUTSIDE not in labels]


def neighbours(labels, step, periodic):
    """How often each two labels are a step apart, as {(smaller, larger): number}."""
    found = Counter()
    for place in np.ndindex(labels.shape):
        there = [x + s for x, s in zip(place, step, strict=True)]
        there = [x % n if axis in periodic else x for axis, (x, n) in enumerate(zip(there, labels.shape, strict=True))]
        if all(0 <= x < n for x, n in zip(there, labels.shape, strict=True)):
            both = sorted((int(labels[place]), int(labels[tuple(there)])))
            if OUTSIDE not in both:
                found[tuple(both)] += 1
    return found


def tips(labels, step, periodic):
    """Changes of label at the tips of wedges along a step, as {(smaller, larger): number, negative if hidden}."""
    found = Counter()
    for place in np.ndindex(labels.shape):
        cube = {offset: _label(labels, np.add(place, offset), periodic) for offset in _CUBE}
        row = a, b, c = [cube[tuple(np.multiply(step, k))] for k in (-1, 0, 1)]
        if OUTSIDE in row or len(set(row)) < 3:
            continue
        if any({cube[p], cube[q]} == {a, c} for p, q in FACES):
            found[min(a, b), max(a, b)] += 1
            found[min(b, c), max(b, c)] += 1
            found[min(a, c), max(a, c)] -= 1
    return found


def _label(labels, place, periodic):
    place = [x % n if a in periodic or n == 1 else x for a, (x, n) in enumerate(zip(place, labels.shape, strict=True))]
    inside = all(0 <= x < n for x, n in zip(place, labels.shape, strict=True))
    return int(labels[tuple(place)]) if inside else OUTSIDE


def steps_within(axes):
    return [step for step in STEPS if all(s == 0 or axis in axes for axis, s in enumerate(step))]


def nearest_shares(sizes, axes, points=200_000):
    """Share of all directions that are nearest to each step (or its opposite), by asking many of them."""
    steps = np.array(steps_within(axes)) * sizes
    units = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    if len(axes) == 3:
        # Points of a Fibonacci spiral are spread evenly over the sphere.
        place = np.arange(points) + 0.5
        height, angle = 1 - 2 * place / points, np.pi * (1 + 5**0.5) * place
        radius = np.sqrt(1 - height**2)
        asked = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    else:
        angle = (np.arange(points) + 0.5) / points * 2 * np.pi
        asked = np.zeros((points, 3))
        asked[:, axes[0]], asked[:, axes[1]] = np.cos(angle), np.sin(angle)
    return np.bincount(np.abs(asked @ units.T).argmax(axis=1), minlength=len(units)) / points


def meetings(labels, axis, periodic):
    """Labels around each lattice edge along an axis, as {set of labels: number of edges}."""
    window = tuple(1 if a == axis else 2 for a in range(3))
    return Counter(frozenset(found) for found in boxes(labels, window, periodic))


def complex_of_voxels(phase, axes, periodic):
    """Euler characteristic with voxels for vertices: pairs are edges, 2x2 squares faces, 2x2x2 cubes cells."""
    total = 0
    for dimension in range(len(axes) + 1):
        for spanned in combinations(axes, dimension):
            window = tuple(2 if axis in spanned else 1 for axis in range(3))
            total += (-1) ** dimension * sum(all(cell) for cell in boxes(phase.astype(int), window, periodic))
    return total


def union_of_closed_voxels(phase, axes, periodic):
    """Euler characteristic of the union of closed voxels: its cells at doubled coordinates, the odd ones long."""
    cells = set()
    for place in np.argwhere(phase):
        for offset in product(*((-1, 0, 1) if axis in axes else (0,) for axis in range(3))):
            cell = [2 * int(x) + 1 + o for x, o in zip(place, offset, strict=True)]
            cells.add(
                tuple(
                    c % (2 * n) if a in periodic else c for a, (c, n) in enumerate(zip(cell, phase.shape, strict=True))
                )
            )
    return sum((-1) ** sum(cell[axis] % 2 for axis in axes) for cell in cells)


def cells_of_windows(labels, phase, axes, periodic):
    """Number of windows, and the sum over them of the cells of one phase that begin at their lowest corner."""
    window = tuple(2 if axis in axes else 1 for axis in range(3))
    whole = boxes(labels, window, periodic)
    total = 0
    for found in whole:
        block = (np.array(found) == phase).reshape(window)
        for dimension in range(len(axes) + 1):
            for spanned in combinations(axes, dimension):
                cell = tuple(slice(None) if axis in spanned else slice(0, 1) for axis in range(3))
                total += (-1) ** dimension * int(block[cell].all())
    return len(whole), total


def gaussian_field(shape, lengths, rng):
    """Periodic field of mean 0, variance 1 and autocorrelation exp(-sum (r_a / l_a)^2 / 2); lengths in voxels."""
    waves = [2 * np.pi * np.fft.fftfreq(n) * length for n, length in zip(shape, lengths, strict=True)]
    square = sum(w**2 for w in np.meshgrid(*waves, indexing="ij", sparse=True))
    field = np.fft.ifftn(np.fft.fftn(rng.standard_normal(shape)) * np.exp(-square / 4)).real
    return field / np.sqrt(np.exp(-square / 2).mean())


def ball(radius, n, centre, sizes=(1.0, 1.0, 1.0)):
    """Voxels whose centre is in a ball; radius and centre as lengths."""
    place = np.meshgrid(*(np.arange(m) * h for m, h in zip(n, sizes, strict=True)), indexing="ij", sparse=True)
    return (sum((x - c) ** 2 for x, c in zip(place, centre, strict=True)) <= radius**2).astype(np.uint8)
