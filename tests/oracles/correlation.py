"""Correlation functions as they are defined, one voxel at a time."""

from __future__ import annotations

from itertools import product

import numpy as np

OUTSIDE = 255


def places(shape):
    return list(product(*(range(n) for n in shape)))


def moved(place, vector, shape, periodic):
    """Where a step leads, or None beyond the volume."""
    there = [x + step for x, step in zip(place, vector, strict=True)]
    there = [x % n if axis in periodic else x for axis, (x, n) in enumerate(zip(there, shape, strict=True))]
    return tuple(there) if all(0 <= x < n for x, n in zip(there, shape, strict=True)) else None


def along(axis, steps):
    return tuple(steps if a == axis else 0 for a in range(3))


def pairs(labels, vector, periodic):
    """Pairs of voxels a vector apart: with both in the phase, for each phase; and all."""
    both = {}
    valid = 0
    for place in places(labels.shape):
        there = moved(place, vector, labels.shape, periodic)
        if there is None or OUTSIDE in (labels[place], labels[there]):
            continue
        valid += 1
        if labels[place] == labels[there]:
            both[labels[place]] = both.get(labels[place], 0) + 1
    return both, valid


def segments(labels, axis, steps, periodic):
    """Segments of steps + 1 voxels: wholly in the phase, for each phase; and all."""
    pure = {}
    valid = 0
    for place in places(labels.shape):
        segment = [moved(place, along(axis, step), labels.shape, periodic) for step in range(steps + 1)]
        if None in segment:
            continue
        found = {labels[there] for there in segment}
        if OUTSIDE in found:
            continue
        valid += 1
        if len(found) == 1:
            (phase,) = found
            pure[phase] = pure.get(phase, 0) + 1
    return pure, valid


def shells(shape, sizes, reach, labels, periodic):
    """Lengths, pairs per phase and all pairs of the lag vectors in each shell, as `{shell: [...]}`."""
    axes = [axis for axis in range(3) if shape[axis] > 1]
    width = min(sizes[axis] for axis in axes)
    longest = min(reach[axis] * sizes[axis] for axis in axes)
    found = {}
    for vector in product(*(range(-r, r + 1) for r in reach)):
        length = round(float(np.linalg.norm(np.multiply(vector, sizes))) / width, 9)
        if length <= round(longest / width, 9):
            shell = found.setdefault(int(length + 0.5), ([], {}, [0]))
            both, valid = pairs(labels, vector, periodic)
            shell[0].append(length * width)
            shell[2][0] += valid
            for phase, number in both.items():
                shell[1][phase] = shell[1].get(phase, 0) + number
    return found


def chords(line, periodic):
    """Runs of one line of labels as (phase, length, kind): kind "inside", "cut" or "endless"."""
    n = len(line)
    if periodic and len(set(line)) == 1:
        return [(line[0], n, "endless")] if line[0] != OUTSIDE else []
    # A periodic line may be read from any place where a run begins.
    turn = next(i for i in range(n) if line[i] != line[i - 1]) if periodic else 0
    line = [*line[turn:], *line[:turn]]
    found = []
    begin = 0
    for stop in range(1, n + 1):
        if stop < n and line[stop] == line[begin]:
            continue
        ends = (line[begin - 1] if begin or periodic else None, line[stop % n] if stop < n or periodic else None)
        cut = None in ends or OUTSIDE in ends
        if line[begin] != OUTSIDE:
            found.append((line[begin], stop - begin, "cut" if cut else "inside"))
        begin = stop
    return found
