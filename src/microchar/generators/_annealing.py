"""What annealing works on: tallies of pairs and segments, and a run that swaps voxels until they are right."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Grid, LengthLike, Triple
from microchar.core.material import Material
from microchar.core.progress import Progress, silent
from microchar.core.volume import Volume
from microchar.metrics._directional import resolve_r_max

#: Rows of a tally, as in the kernel.
FUNCTIONS = ("S2", "L")
#: How likely a voxel with 0, 1, …, 6 unlike neighbours is tried. Those within a phase are all but left alone: a swap
#: there makes a speck, which costs little energy, and neither S2 nor L along the axes would ever clear it away.
_BIAS = (1e-4, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1.0)
#: Swaps between two looks at the error and calls of the progress; less than a second.
_CHUNK = 10_000


def tally(
    volume: Volume, lags: Triple, periodic: tuple[int, ...] = (), progress: Progress = silent
) -> tuple[np.ndarray, np.ndarray]:
    """Count the pairs and segments of each phase along each axis, and all there are.

    Returns
    -------
    counts : int64, (2, phases, 3, lags)
        Pairs with both voxels, and segments with all voxels, in the phase at lag 0, 1, …; zero beyond
        the axis's largest.
    valid : int64, (2, 3, lags)
        All pairs and segments.
    """
    from microchar.measurement.blocks import thread_pool
    from microchar.measurement.metric import Shared
    from microchar.metrics.lineal_path import LinealPath
    from microchar.metrics.two_point_correlation import TwoPointCorrelation

    counts = np.zeros((2, volume.n_phases, 3, max(lags) + 1), np.int64)
    valid = np.zeros((2, 3, max(lags) + 1), np.int64)

    with thread_pool(None) as pool:
        shared = Shared(pool, 1, progress)
        pairs = TwoPointCorrelation(radial=False, r_max=lags, periodic=periodic).counts(volume, None, shared)
        segments = LinealPath(r_max=lags, periodic=periodic).counts(volume, None, shared)
    for axis in volume.grid.axes:
        used = slice(lags[axis] + 1)
        counts[0, :, axis, used], valid[0, axis, used] = pairs[f"pairs {axis}"], pairs[f"valid {axis}"]
        counts[1, :, axis, used], valid[1, axis, used] = segments[f"segments {axis}"], segments[f"valid {axis}"]
    return counts, valid


def functions(
    tallies: Sequence[tuple[np.ndarray, np.ndarray]], voxel_size: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return S2 and L of each phase along each axis from the tallies of volumes or slices.

    An axis along which nothing was counted gets the mean of the others, at equal
    lengths.

    Returns
    -------
    float64, (2, phases, 3, lags)
        Zero beyond the largest lag of an axis.
    int64, (3,)
        That largest lag.
    """
    length = max(counts.shape[-1] for counts, _ in tallies)
    counts = np.sum([_padded(counts, length) for counts, _ in tallies], axis=0)
    valid = np.sum([_padded(valid, length) for _, valid in tallies], axis=0)
    places = np.broadcast_to(valid[:, np.newaxis], counts.shape)
    return completed(np.divide(counts, places, out=np.full(counts.shape, np.nan), where=places > 0), voxel_size)


def given(
    descriptors: Sequence[Mapping[int, np.ndarray]], r_max: LengthLike | None, material: Material
) -> tuple[np.ndarray, np.ndarray]:
    """Return S2 and L by axis as `functions` does, up to `r_max`, or up to all lags of both."""
    axes = set.intersection(*(set(by_axis) for by_axis in descriptors))
    if not axes:
        raise InputError("descriptors: S2 and L have no axis in common; expected both along at least one")
    lags = [min(by_axis[a].shape[1] for by_axis in descriptors) if a in axes else 1 for a in range(3)]
    if r_max is not None:
        grid = Grid((lags[0], lags[1], lags[2]), material.voxel_size, material.unit)
        lags = [r + 1 for r in resolve_r_max(grid, r_max)]
    found = np.full((len(descriptors), len(material.phases), 3, max(lags)), np.nan)
    for f, by_axis in enumerate(descriptors):
        for axis in axes:
            found[f, :, axis, : lags[axis]] = by_axis[axis][:, : lags[axis]]
    return completed(found, material.voxel_size)


def completed(found: np.ndarray, voxel_size: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Fill in axes of which nothing is known, see `functions`; what is not known is nan."""
    length = found.shape[-1]
    known = [axis for axis in range(3) if np.isfinite(found[0, 0, axis]).any()]
    for axis in set(range(3)) - set(known):
        found[:, :, axis] = np.mean(
            [_stretched(found[:, :, a], voxel_size[axis] / voxel_size[a]) for a in known], axis=0
        )
    lags = np.logical_and.accumulate(np.isfinite(found).all(axis=(0, 1)), axis=-1).sum(axis=-1) - 1
    return np.where(np.arange(length) <= lags[:, np.newaxis], found, 0.0), lags


def _padded(counts: np.ndarray, length: int) -> np.ndarray:
    more = [(0, 0)] * (counts.ndim - 1) + [(0, length - counts.shape[-1])]
    return np.pad(counts, more)


def _stretched(lines: np.ndarray, factor: float) -> np.ndarray:
    """Return functions of the lag at the lags of an axis whose voxels are `factor` times as long."""
    lags = np.arange(lines.shape[-1])
    rows = [np.interp(lags * factor, lags, line, right=np.nan) for line in lines.reshape(-1, len(lags))]
    return np.reshape(rows, lines.shape)


@dataclass(kw_only=True, eq=False)
class Run:
    """An annealing run: labels whose counts approach a target, one swap after the other.

    Parameters
    ----------
    labels : uint8, 3D
        The start.
    target : float64, (2, phases, 3, lags)
        Functions to reach.
    lags : int64, (3,)
        Largest lag along each axis that is looked at, if it is within half of the axis.
    periodic : tuple of int
    tries : int
        Swaps to try.
    temperature : float
        Root-mean-square error at which the run would be in equilibrium when it
        begins; falls to zero linearly.
    seed : int
        Of the swaps.
    """

    labels: np.ndarray
    target: np.ndarray
    lags: np.ndarray
    periodic: tuple[int, ...]
    tries: int
    temperature: float
    seed: int
    done: int = 0
    kept: int = 0
    random: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        most = [self.target.shape[-1] - 1] * 3
        self.lags = np.clip(self.lags, 0, np.minimum(most, np.array(self.labels.shape) // 2))
        self.random = np.array([self.seed], np.uint64)
        valid = self._take(self.labels)
        target = self.target[..., : valid.shape[-1]]
        self._used = valid > 0
        # Swaps leave the volume fractions as they are.
        self._used[..., 0] = False
        self._goal = np.where(self._used, target * valid, 0.0)
        self._weight = np.divide(1.0, valid, out=np.zeros(valid.shape), where=self._used) ** 2
        self._terms = max(1, int(np.count_nonzero(self._used)))
        self._weight /= self._terms

    def _take(self, labels: np.ndarray) -> np.ndarray:
        """Make these the labels of the run; return how many pairs and segments there are."""
        n = self.target.shape[1]
        material = Material(phases=tuple(map(str, range(n))), grey_values=tuple(range(n)))
        n0, n1, n2 = self.lags.tolist()
        self.counts, valid = tally(material.volume(labels, name="annealing", source={}), (n0, n1, n2), self.periodic)
        self.labels, self._lines = labels, _in_three_orders(labels)
        return np.broadcast_to(valid[:, np.newaxis], self.counts.shape)

    def error(self) -> float:
        """Return the root-mean-square error of both functions."""
        return float(np.sqrt((self._weight * (self.counts - self._goal) ** 2).sum()))

    def errors(self) -> np.ndarray:
        """Return the root-mean-square errors of S2 and L over phases, axes and lags."""
        total = (self._weight * (self.counts - self._goal) ** 2).sum(axis=(1, 2, 3))
        # Both have as many terms, each half of the weight.
        return np.sqrt(2 * total)

    def advance(self) -> None:
        """Try the next swaps."""
        from microchar.kernels.annealing import anneal

        stop = min(self.done + _CHUNK, self.tries)
        # In equilibrium each squared term of the energy holds half a temperature.
        begin = 2 * self.temperature**2 / self._terms
        temperatures = begin * (1 - np.arange(self.done, stop) / self.tries) ** 2
        self.kept += anneal(
            self._lines,
            np.array(self.labels.shape, np.int64),
            np.array([axis in self.periodic for axis in range(3)], np.int64),
            self.lags,
            self.counts,
            self._goal,
            self._weight,
            np.array(_BIAS),
            temperatures,
            self.random,
            np.empty(self.counts.shape),
            np.zeros(self.counts.shape, np.int32),
            np.empty(2 * self.counts.shape[-1] - 1, np.uint8),
        )
        self.done = stop
        self.labels = self._lines[2].reshape(self.labels.shape)

    def resume(self, path: Path) -> None:
        """Go on from what `save` wrote of an equal run."""
        try:
            with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
                labels, random, progress = file["labels"], file["random"], file["progress"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: no checkpoint that can be read ({error}); delete it to begin anew") from error
        found = [(a.dtype, a.shape) for a in (labels, random, progress)]
        if found != [(np.uint8, self.labels.shape), (np.uint64, (1,)), (np.int64, (2,))] or not np.array_equal(
            np.bincount(labels.ravel()), np.bincount(self.labels.ravel())
        ):
            raise InputError(f"{path}: no checkpoint of this run; delete it to begin anew")
        self._take(labels)
        self.random = random
        self.done, self.kept = (int(number) for number in progress)

    def save(self, path: Path) -> None:
        """Write what is needed to go on; all of it, or nothing."""
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                progress = np.array([self.done, self.kept], np.int64)
                np.savez_compressed(file, labels=self.labels, random=self.random, progress=progress)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _in_three_orders(labels: np.ndarray) -> np.ndarray:
    """Return the labels with axis 0, 1, 2 last, the others before it in ascending order, each flat."""
    orders = ((1, 2, 0), (0, 2, 1), (0, 1, 2))
    return np.stack([np.ascontiguousarray(labels.transpose(order)).ravel() for order in orders])
