"""Solids from 2D images: every voxel is voted on by the image windows that match the planes through it best."""

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

#: Edge of the windows in voxels of each level, and how far they reach from their centre.
WINDOW = 7
_REACH = WINDOW // 2
#: Every second window along each axis of a plane is matched; each voxel is in about twelve per plane.
_STRIDE = 2
#: Levels below the finest one at most, each at half the resolution.
_COARSER = 1
#: Matching and voting so often per level. More rounds smooth surfaces away.
_ROUNDS = 3
#: Windows of an exemplar that are searched, drawn if there are more, and principal components they are compared by.
_WINDOWS, _COMPONENTS = 4000, 12
#: So many windows are found for each, up to this relative error of their distance; one that was used little is taken.
_NEAREST, _ERROR = 4, 1.0
#: Distances below a tenth of a pixel are not told apart.
_LEAST = 0.1
#: A window at distance d votes with weight d to minus this power.
_POWER = 3.0
#: Windows matched between two calls of the progress.
_CHUNK = 512
#: Rounds in which phases get their volume fractions one after the other.
_BALANCING = 40


def solid(
    exemplars: Mapping[int, Sequence[Array]],
    start: Array,
    n_phases: int,
    known: Mapping[Triple, int],
    rng: np.random.Generator,
    progress: Progress,
) -> Array:
    """Make a solid whose planes look like the exemplars.

    Coarse to fine, the volume is matched and voted on at each level; a finer
    level starts from what the coarser one made and the detail that the start has
    beyond that one.

    Parameters
    ----------
    exemplars : mapping of int to sequence of uint8 images
        By the axis they are normal to; one direction alone stands for all three,
        and a direction that is missing among two has no vote.
    start : uint8
        Labels to start from, on a torus: random, but with about the right volume
        fractions and lengths.
    n_phases : int
        Labels are 0 … n_phases − 1.
    known : mapping
        Labels that voxels should have; they take part as such, but can be voted
        down.
    rng : numpy.random.Generator
    progress : callable
        Called with the share that is done and what is in work.

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
                for place, label in known.items():
                    values[place] = _one_hot(np.array(label), n_phases)
            begin_share, end_share = ((number + turn / _ROUNDS) / len(levels) for turn in (i, i + 1))
            part = section(progress, begin_share, end_share, f"{what}, round {i + 1}")
            values = _voted(values, matchers, rng, part)
    return values


def volume_fractions(exemplars: Mapping[int, Sequence[Array]], n_phases: int) -> Array:
    """Return those of all pixels of the exemplars."""
    counts = [np.bincount(image.ravel(), minlength=n_phases) for group in exemplars.values() for image in group]
    return np.sum(counts, axis=0) / np.sum(counts)


def _levels(full: Sequence[int], extent: int) -> list[tuple[int, tuple[int, ...]]]:
    """Levels, the coarsest first, and the solid's shape at each: a window at least, the exemplars two windows."""
    levels = [(level, tuple(-(-n // 2**level) for n in full)) for level in range(_COARSER, -1, -1)]
    return [
        (level, size) for level, size in levels if not level or (min(size) >= WINDOW and extent >> level >= 2 * WINDOW)
    ]


def _one_hot(labels: Array, n_phases: int) -> Array:
    return np.eye(n_phases, dtype=np.float32)[labels]


def _halved(image: Array, times: int) -> Array:
    """Average 2 × 2 pixels so many times; an odd row or column at the end is left out."""
    for _ in range(times):
        rows, columns = image.shape[0] // 2, image.shape[1] // 2
        image = image[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, -1).mean(axis=(1, 3))
    return image


def _resized(values: Array, size: Sequence[int]) -> Array:
    """Repeat the voxels of a coarser level."""
    at = (np.arange(n) * m // n for n, m in zip(size, values.shape, strict=False))
    return values[np.ix_(*at)]


def _shrunk(values: Array, size: Sequence[int]) -> Array:
    """Average the voxels that `_resized` would repeat one into."""
    for axis, m in enumerate(size):
        n = values.shape[axis]
        starts = np.searchsorted(np.arange(n) * m // n, np.arange(m))
        lengths = np.diff(np.append(starts, n)).astype(np.float32)
        values = np.moveaxis(np.moveaxis(np.add.reduceat(values, starts, axis=axis), axis, -1) / lengths, -1, axis)
    return values


# --- matching ------------------------------------------------------------------------


@dataclass(frozen=True)
class Matcher:
    """Windows of an exemplar at one level, searched by their principal components.

    Parameters
    ----------
    windows : float32, (window, row, column, phase)
        What they hold.
    axes : float32, (row·column·phase, component)
        Principal components.
    tree : scipy.spatial.cKDTree
        Of the windows' components.
    used : float64, (window,)
        How often each was taken.
    """

    windows: Array
    axes: Array
    tree: Any
    used: Array

    @classmethod
    def of(cls, images: Sequence[Array], rng: np.random.Generator) -> Matcher:
        """Take the windows of images, some of them if there are many."""
        from scipy.spatial import cKDTree

        windows = np.concatenate(
            [_windows(image[None], 1).reshape(-1, WINDOW, WINDOW, image.shape[2]) for image in images]
        )
        if len(windows) > _WINDOWS:
            windows = windows[np.sort(rng.choice(len(windows), _WINDOWS, replace=False))]
        flat = windows.reshape(len(windows), -1)
        # Equal windows, those inside one phase above all, would fill the leaves of the tree and make searches slow.
        flat, first = np.unique(flat, axis=0, return_index=True)
        windows = windows[first]
        _, vectors = np.linalg.eigh(np.cov(flat, rowvar=False))
        axes = np.ascontiguousarray(vectors[:, ::-1][:, :_COMPONENTS].astype(np.float32))
        return cls(windows, axes, cKDTree(flat @ axes), np.zeros(len(windows)))

    def nearest(self, windows: Array, tick: Callable[[], None]) -> tuple[Array, Array]:
        """Return a near window to each: the distance and its number.

        Of the nearest few, the distances count the more, the more a window was
        used already: plain windows match almost anything and would take over.
        """
        flat = windows.reshape(len(windows), -1)
        few = range(1, min(_NEAREST, len(self.used)) + 1)
        pieces = []
        for start in range(0, len(flat), _CHUNK):
            tick()
            piece = flat[start : start + _CHUNK] @ self.axes
            pieces.append(self.tree.query(piece, k=few, eps=_ERROR, workers=available_cores()))
        distances, found = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        distances = np.maximum(distances, _LEAST)
        excess = self.used * (len(self.used) / max(self.used.sum(), 1.0))
        best = np.argmin(distances * (1 + excess[found]), axis=1)[:, None]
        distance, taken = (np.take_along_axis(array, best, axis=1)[:, 0] for array in (distances, found))
        self.used[:] += np.bincount(taken, minlength=len(self.used))
        return distance, taken


def _windows(planes: Array, stride: int) -> Array:
    """Return the windows of planes: axes plane, row, column, row in the window, column in it, phase."""
    view = np.lib.stride_tricks.sliding_window_view(planes, (WINDOW, WINDOW), axis=(1, 2))
    return np.moveaxis(view[:, ::stride, ::stride], 3, -1)


# --- voting --------------------------------------------------------------------------


def _voted(values: Array, matchers: Mapping[int, Matcher], rng: np.random.Generator, progress: Progress) -> Array:
    """Return the mean of all that the matching windows of the planes through each voxel say."""
    votes = np.zeros_like(values)
    weights = np.zeros(values.shape[:3], np.float32)
    for number, (axis, matcher) in enumerate(matchers.items()):
        # Windows begin elsewhere in each round, so that no voxel stays at the edge of those it is in.
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
    """Sum the votes, and their weights, of the windows in planes that repeat along rows and columns."""
    padded = np.pad(planes, ((0, 0), (_REACH, _REACH), (_REACH, _REACH), (0, 0)), mode="wrap")
    windows = _windows(padded, _STRIDE)
    distance, found = matcher.nearest(windows.reshape(-1, *windows.shape[3:]), tick)
    weight = (distance**-_POWER).astype(np.float32).reshape(windows.shape[:3])
    said = matcher.windows[found].reshape(windows.shape) * weight[..., None, None, None]
    votes, weights = np.zeros_like(padded), np.zeros(padded.shape[:3], np.float32)
    rows, columns = (_STRIDE * n for n in windows.shape[1:3])
    for i, j in np.ndindex(WINDOW, WINDOW):
        at = (slice(None), slice(i, i + rows, _STRIDE), slice(j, j + columns, _STRIDE))
        votes[at] += said[:, :, :, i, j]
        weights[at] += weight
    return _folded(votes), _folded(weights)


def _folded(padded: Array) -> Array:
    """Add the margin of planes that repeat to where it belongs."""
    for axis in (1, 2):
        turned = np.moveaxis(padded, axis, 0)
        turned[_REACH : 2 * _REACH] += turned[-_REACH:]
        turned[-2 * _REACH : -_REACH] += turned[:_REACH]
    return padded[:, _REACH:-_REACH, _REACH:-_REACH]


# --- volume fractions ------------------------------------------------------------------


def _matched(values: Array, pixels: Array) -> Array:
    """Give the share of each phase in the voxels of a coarse level the distribution that it has in the exemplars."""
    result = np.empty_like(values)
    size = values[..., 0].size
    for phase in range(values.shape[-1]):
        # Sorted by hand: np.quantile takes nearly all of the time where most values are equal, as inside a phase.
        known = np.sort(pixels[:, phase])
        quantiles = np.interp((np.arange(size) + 0.5) / size, np.linspace(0, 1, len(known)), known)
        order = np.argsort(values[..., phase], axis=None, kind="stable")
        flat = np.empty(size, np.float32)
        flat[order] = quantiles
        result[..., phase] = flat.reshape(values.shape[:3])
    return result / np.maximum(result.sum(axis=-1, keepdims=True), 1e-6)


def balanced(values: Array, fractions: Array) -> Array:
    """Label each voxel by its greatest vote, after adding to each phase's votes what gives it its volume fraction.

    Phase after phase gets the number for which it is the greatest at so many
    voxels, until nothing changes. Two phases are a threshold by rank.
    """
    flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
    # A phase too rare for one voxel gets one.
    counts = np.clip(np.rint(fractions * len(flat)), 1, len(flat) - 1).astype(int)
    for _ in range(_BALANCING):
        for phase in range(1, len(counts)):
            lead = flat[:, phase] - np.delete(flat, phase, axis=1).max(axis=1)
            place = len(lead) - counts[phase]
            order = np.partition(lead, (place - 1, place))
            flat[:, phase] -= (order[place - 1] + order[place]) / 2
        labels = flat.argmax(axis=1)
        if np.array_equal(np.bincount(labels, minlength=len(counts)), counts):
            break
    return labels.astype(np.uint8).reshape(values.shape[:3])
