"""Solid texture synthesis: each voxel is the vote of the image windows that best match the planes through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from microchar.core.grid import Triple
from microchar.core.progress import Progress, section
from microchar.measurement.blocks import available_cores

Array = np.ndarray

#: Edge of the windows in voxels of each level, and distance from their centre to their edge.
WINDOW = 7
_REACH = WINDOW // 2
#: Every second window along each axis of a plane is matched; about twelve per plane contain a given voxel.
_STRIDE = 2
#: Largest number of levels below the finest one, each at half the resolution.
_COARSER = 1
#: Rounds of matching and voting per level. More rounds over-smooth the surfaces.
_ROUNDS = 3
#: Largest number of windows of an exemplar, drawn at random, and of principal components for their comparison.
_WINDOWS, _COMPONENTS = 4000, 12
#: Number of nearest windows found for each window, and the allowed relative error of their distances.
_NEAREST, _ERROR = 4, 1.0
#: Smaller distances, in pixels, count as equal.
_LEAST = 0.1
#: The vote of a window at distance d has the weight d to minus this power.
_POWER = 3.0
#: Windows matched between two calls of the progress.
_CHUNK = 512
#: Largest number of rounds in which the phases are given their volume fractions one after the other.
_BALANCING = 40


def solid(
    exemplars: Mapping[int, Sequence[Array]],
    start: Array,
    n_phases: int,
    known: Mapping[Triple, int],
    rng: np.random.Generator,
    progress: Progress,
) -> Array:
    """Synthesise a solid whose planes look like the exemplars.

    From coarse to fine, the volume is matched and voted on at each level. A finer
    level starts from the result of the coarser one, plus the detail of the start
    that the coarser level cannot represent.

    Parameters
    ----------
    exemplars : mapping of int to sequence of uint8 images
        By the axis they are normal to. One direction alone represents all three; if
        there are two, the third has no vote.
    start : uint8
        Initial labels, periodic along all axes: random, but with approximately the
        required volume fractions and correlation lengths.
    n_phases : int
        The labels are 0 … n_phases − 1.
    known : mapping
        Labels that voxels should have. They take part in the matching but can be
        outvoted.
    rng : numpy.random.Generator
    progress : Progress

    Returns
    -------
    float32, (*start.shape, n_phases)
        Votes for each phase; see `balanced`.
    """
    if len(exemplars) == 1:
        exemplars = dict.fromkeys(range(3), next(iter(exemplars.values())))
    images = {axis: [_one_hot(image, n_phases) for image in group] for axis, group in exemplars.items()}
    every = [image for group in images.values() for image in group]
    fractions = volume_fractions(exemplars, n_phases)
    levels = _levels(start.shape, min(min(image.shape[:2]) for image in every))
    begin = coarse = values = _one_hot(start, n_phases)
    for number, (level, size) in enumerate(levels):
        what = f"{'×'.join(map(str, size))} voxels"
        progress(number / len(levels), what)
        here = _shrunk(begin, size)
        values = here if number == 0 else _resized(values, size) + here - _resized(coarse, size)
        coarse = here
        matchers = {axis: Matcher.of([_halved(image, level) for image in group], rng) for axis, group in images.items()}
        pixels = np.concatenate([_halved(image, level).reshape(-1, n_phases) for image in every])
        for i in range(_ROUNDS):
            values = _matched(values, pixels) if level else _one_hot(balanced(values, fractions), n_phases)
            if level == 0:
                for voxel, label in known.items():
                    values[voxel] = _one_hot(np.array(label), n_phases)
            begin_share, end_share = ((number + turn / _ROUNDS) / len(levels) for turn in (i, i + 1))
            part = section(progress, begin_share, end_share, f"{what}, round {i + 1}")
            values = _voted(values, matchers, rng, part)
    return values


def volume_fractions(exemplars: Mapping[int, Sequence[Array]], n_phases: int) -> Array:
    """Return the volume fractions in all pixels of the exemplars."""
    counts = [np.bincount(image.ravel(), minlength=n_phases) for group in exemplars.values() for image in group]
    return np.sum(counts, axis=0) / np.sum(counts)


def _levels(full: Sequence[int], extent: int) -> list[tuple[int, tuple[int, ...]]]:
    """Return the levels, the coarsest first, with the shape of the solid at each.

    At a coarse level the solid is at least as long as a window, and the exemplars as two windows.
    """
    levels = [(level, tuple(-(-n // 2**level) for n in full)) for level in range(_COARSER, -1, -1)]
    return [
        (level, size) for level, size in levels if not level or (min(size) >= WINDOW and extent >> level >= 2 * WINDOW)
    ]


def _one_hot(labels: Array, n_phases: int) -> Array:
    return np.eye(n_phases, dtype=np.float32)[labels]


def _halved(image: Array, times: int) -> Array:
    """Average 2 × 2 pixels a number of times, ignoring an odd last row or column."""
    for _ in range(times):
        rows, columns = image.shape[0] // 2, image.shape[1] // 2
        image = image[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, -1).mean(axis=(1, 3))
    return image


def _resized(values: Array, size: Sequence[int]) -> Array:
    """Resize to a finer level by repeating voxels."""
    at = (np.arange(n) * m // n for n, m in zip(size, values.shape, strict=False))
    return values[np.ix_(*at)]


def _shrunk(values: Array, size: Sequence[int]) -> Array:
    """Resize to a coarser level by averaging; the counterpart of `_resized`."""
    for axis, m in enumerate(size):
        n = values.shape[axis]
        starts = np.searchsorted(np.arange(n) * m // n, np.arange(m))
        lengths = np.diff(np.append(starts, n)).astype(np.float32)
        values = np.moveaxis(np.moveaxis(np.add.reduceat(values, starts, axis=axis), axis, -1) / lengths, -1, axis)
    return values


@dataclass(frozen=True)
class Matcher:
    """The windows of an exemplar at one level, compared by their principal components.

    Parameters
    ----------
    windows : float32, (window, row, column, phase)
        Content of the windows.
    axes : float32, (row·column·phase, component)
        Principal components.
    tree : scipy.spatial.cKDTree
        Search tree of the components of the windows.
    used : float64, (window,)
        How often each window was used.
    """

    windows: Array
    axes: Array
    tree: Any
    used: Array

    @classmethod
    def of(cls, images: Sequence[Array], rng: np.random.Generator) -> Matcher:
        """Create a matcher from the windows of images, or from a random selection if there are many."""
        from scipy.spatial import cKDTree

        windows = np.concatenate(
            [_windows(image[None], 1).reshape(-1, WINDOW, WINDOW, image.shape[2]) for image in images]
        )
        if len(windows) > _WINDOWS:
            windows = windows[np.sort(rng.choice(len(windows), _WINDOWS, replace=False))]
        flat = windows.reshape(len(windows), -1)
        # Equal windows, mainly those inside one phase, would fill the leaves of the tree and slow down searches.
        flat, first = np.unique(flat, axis=0, return_index=True)
        windows = windows[first]
        _, vectors = np.linalg.eigh(np.cov(flat, rowvar=False))
        axes = np.ascontiguousarray(vectors[:, ::-1][:, :_COMPONENTS].astype(np.float32))
        return cls(windows, axes, cKDTree(flat @ axes), np.zeros(len(windows)))

    def nearest(self, windows: Array, tick: Callable[[], None]) -> tuple[Array, Array]:
        """Return distance and number of a near window for each given window.

        Among the nearest few, the distance of a window is increased by its previous
        use. Otherwise windows of one phase, which match almost anything, would dominate.
        """
        flat = windows.reshape(len(windows), -1)
        few = range(1, min(_NEAREST, len(self.used)) + 1)
        pieces = []
        for start in range(0, len(flat), _CHUNK):
            tick()
            piece = flat[start : start + _CHUNK] @ self.axes
            pieces.append(self.tree.query(piece, k=few, eps=_ERROR, workers=available_cores()))
        distances, numbers = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        distances = np.maximum(distances, _LEAST)
        excess = self.used * (len(self.used) / max(self.used.sum(), 1.0))
        best = np.argmin(distances * (1 + excess[numbers]), axis=1)[:, None]
        distance, taken = (np.take_along_axis(array, best, axis=1)[:, 0] for array in (distances, numbers))
        self.used[:] += np.bincount(taken, minlength=len(self.used))
        return distance, taken


def _windows(planes: Array, stride: int) -> Array:
    """Return the windows of planes, with axes plane, row, column, row in the window, column in the window, phase."""
    view = np.lib.stride_tricks.sliding_window_view(planes, (WINDOW, WINDOW), axis=(1, 2))
    return np.moveaxis(view[:, ::stride, ::stride], 3, -1)


def _voted(values: Array, matchers: Mapping[int, Matcher], rng: np.random.Generator, progress: Progress) -> Array:
    """Return the weighted mean of the matching windows of the planes through each voxel."""
    votes = np.zeros_like(values)
    weights = np.zeros(values.shape[:3], np.float32)
    for number, (axis, matcher) in enumerate(matchers.items()):
        # Windows start at other voxels in each round, so that no voxel is always at their edge.
        shift = tuple(int(n) for n in rng.integers(_STRIDE * WINDOW, size=2))
        planes = np.roll(np.moveaxis(values, axis, 0), shift, axis=(1, 2))
        of_votes, of_weights = np.moveaxis(votes, axis, 0), np.moveaxis(weights, axis, 0)
        step = max(1, _CHUNK * _STRIDE**2 // (planes.shape[1] * planes.shape[2]))
        for start in range(0, len(planes), step):
            done = partial(progress, (number + start / len(planes)) / len(matchers), "")
            voted, weighed = _voted_planes(planes[start : start + step], matcher, done)
            back = (-shift[0], -shift[1])
            of_votes[start : start + step] += np.roll(voted, back, axis=(1, 2))
            of_weights[start : start + step] += np.roll(weighed, back, axis=(1, 2))
    return votes / weights[..., None]


def _voted_planes(planes: Array, matcher: Matcher, tick: Callable[[], None]) -> tuple[Array, Array]:
    """Return the sums of votes and of weights of the windows in planes that repeat along rows and columns."""
    padded = np.pad(planes, ((0, 0), (_REACH, _REACH), (_REACH, _REACH), (0, 0)), mode="wrap")
    windows = _windows(padded, _STRIDE)
    distance, numbers = matcher.nearest(windows.reshape(-1, *windows.shape[3:]), tick)
    weight = (distance**-_POWER).astype(np.float32).reshape(windows.shape[:3])
    weighted = matcher.windows[numbers].reshape(windows.shape) * weight[..., None, None, None]
    votes, weights = np.zeros_like(padded), np.zeros(padded.shape[:3], np.float32)
    rows, columns = (_STRIDE * n for n in windows.shape[1:3])
    for i, j in np.ndindex(WINDOW, WINDOW):
        at = (slice(None), slice(i, i + rows, _STRIDE), slice(j, j + columns, _STRIDE))
        votes[at] += weighted[:, :, :, i, j]
        weights[at] += weight
    return _folded(votes), _folded(weights)


def _folded(padded: Array) -> Array:
    """Add the margin of periodic planes to the voxels it represents."""
    for axis in (1, 2):
        turned = np.moveaxis(padded, axis, 0)
        turned[_REACH : 2 * _REACH] += turned[-_REACH:]
        turned[-2 * _REACH : -_REACH] += turned[:_REACH]
    return padded[:, _REACH:-_REACH, _REACH:-_REACH]


def _matched(values: Array, pixels: Array) -> Array:
    """Match the distribution of the share of each phase in coarse voxels to that in the exemplars."""
    result = np.empty_like(values)
    size = values[..., 0].size
    for phase in range(values.shape[-1]):
        # Sorted here because np.quantile is very slow if most values are equal, as they are inside phases.
        known = np.sort(pixels[:, phase])
        quantiles = np.interp((np.arange(size) + 0.5) / size, np.linspace(0, 1, len(known)), known)
        order = np.argsort(values[..., phase], axis=None, kind="stable")
        flat = np.empty(size, np.float32)
        flat[order] = quantiles
        result[..., phase] = flat.reshape(values.shape[:3])
    return result / np.maximum(result.sum(axis=-1, keepdims=True), 1e-6)


def balanced(values: Array, fractions: Array) -> Array:
    """Label each voxel by its largest vote, after shifting the votes of each phase to give the volume fractions.

    The shifts are found phase by phase, repeatedly, until all volume fractions are
    reached. For two phases this is a threshold by rank.
    """
    flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
    # Even the rarest phase is given one voxel.
    counts = np.clip(np.rint(fractions * len(flat)), 1, len(flat) - 1).astype(int)
    for _ in range(_BALANCING):
        for phase in range(1, len(counts)):
            lead = flat[:, phase] - np.delete(flat, phase, axis=1).max(axis=1)
            rank = len(lead) - counts[phase]
            order = np.partition(lead, (rank - 1, rank))
            flat[:, phase] -= (order[rank - 1] + order[rank]) / 2
        labels = flat.argmax(axis=1)
        if np.array_equal(np.bincount(labels, minlength=len(counts)), counts):
            break
    return labels.astype(np.uint8).reshape(values.shape[:3])
