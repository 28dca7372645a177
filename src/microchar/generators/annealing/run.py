"""`Run`: swaps voxels of a volume until its functions match a target."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from microchar.core.grid import Triple
from microchar.core.material import Material
from microchar.core.volume import Volume
from microchar.generators.annealing.targets import tally

#: Relative probabilities that a voxel with 0, 1, …, 6 unlike neighbours is tried. Voxels inside a phase are almost
#: never tried: a swap there makes a speck, which costs little energy and which S2 and L along the axes do not remove.
_BIAS = (1e-4, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1.0)
#: Swaps between two evaluations of the error, which are also the calls of the progress; they take less than a second.
_CHUNK = 10_000


@dataclass(kw_only=True, eq=False)
class Run:
    """An annealing run: labels whose counts approach a target swap by swap.

    Parameters
    ----------
    labels : uint8, 3D
        The start.
    target : float64, (2, phases, 3, lags)
        S2 and L to reach.
    lags : int64, (3,)
        Largest lag along each axis. Lags beyond half of an axis are not used.
    periodic : tuple of int
        Axes along which the volume repeats.
    tries : int
        Number of swaps to try.
    temperature : float
        Root-mean-square error at which the run is in equilibrium at its beginning;
        falls linearly to zero.
    seed : int
        Of the swaps.

    Attributes
    ----------
    done, kept : int
        Swaps tried and swaps kept so far.
    rounds, refused : int
        Rounds in which clusters were joined so far, and how many of the last ones improved nothing; see `Joining`.
    random : uint64, (1,)
        State of the random numbers.
    """

    labels: np.ndarray
    target: np.ndarray
    lags: np.ndarray
    periodic: tuple[int, ...]
    tries: int
    temperature: float
    seed: int
    done: int = field(default=0, init=False)
    kept: int = field(default=0, init=False)
    rounds: int = field(default=0, init=False)
    refused: int = field(default=0, init=False)
    random: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        most = [self.target.shape[-1] - 1] * 3
        self.lags = np.clip(self.lags, 0, np.minimum(most, np.array(self.labels.shape) // 2))
        self.random = np.array([self.seed], np.uint64)
        valid = self._count(self.labels)
        target = self.target[..., : valid.shape[-1]]
        used = valid > 0
        # Swaps do not change the volume fractions.
        used[..., 0] = False
        self._goal = np.where(used, target * valid, 0.0)
        self._weight = np.divide(1.0, valid, out=np.zeros(valid.shape), where=used) ** 2
        self._terms = max(1, int(np.count_nonzero(used)))
        self._weight /= self._terms

    def _count(self, labels: np.ndarray) -> np.ndarray:
        """Set the labels and their counts; return the numbers of all pairs and segments."""
        self.labels, self._lines = labels, _in_three_orders(labels)
        self.counts, valid = tally(self.volume(), self.lag_triple, self.periodic)
        return np.broadcast_to(valid[:, np.newaxis], self.counts.shape)

    @property
    def lag_triple(self) -> Triple:
        """Largest lag that is used along each axis."""
        a, b, c = self.lags.tolist()
        return a, b, c

    def volume(self) -> Volume:
        """Return the present labels as a volume."""
        n = self.target.shape[1]
        material = Material(phases=tuple(map(str, range(n))), grey_values=tuple(range(n)))
        return material.volume(self.labels, name="annealing", source={})

    def progress_made(self) -> np.ndarray:
        """Return the numbers that `restore` needs beside labels and random state."""
        return np.array([self.done, self.kept, self.rounds, self.refused], np.int64)

    def restore(self, labels: np.ndarray, random: np.ndarray, made: np.ndarray) -> None:
        """Set the state of an interrupted run of the same parameters; `made` is from `progress_made`."""
        self._count(labels)
        self.random = random
        self.done, self.kept, self.rounds, self.refused = made.tolist()

    def copies(self) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of labels and counts, for `set`."""
        return self._lines.copy(), self.counts.copy()

    def set(self, copies: tuple[np.ndarray, np.ndarray]) -> None:
        """Return to earlier labels."""
        self._lines, self.counts = copies
        self.labels = self._lines[2].reshape(self.labels.shape)

    def error(self) -> float:
        """Return the root-mean-square error of both functions."""
        return float(np.sqrt((self._weight * (self.counts - self._goal) ** 2).sum()))

    def errors(self) -> np.ndarray:
        """Return the root-mean-square errors of S2 and of L over phases, axes and lags."""
        total = (self._weight * (self.counts - self._goal) ** 2).sum(axis=(1, 2, 3))
        # Each function has half of the terms.
        return np.sqrt(2 * total)

    def advance(self) -> None:
        """Try the next chunk of swaps."""
        stop = min(self.done + _CHUNK, self.tries)
        # In equilibrium each squared term of the energy has a mean of half the temperature.
        begin = 2 * self.temperature**2 / self._terms
        self.kept += self._anneal(begin * (1 - np.arange(self.done, stop) / self.tries) ** 2)
        self.done = stop

    def settle(self, tries: int) -> None:
        """Try swaps beyond the budget, and keep those that do not raise the error."""
        for start in range(0, tries, _CHUNK):
            self._anneal(np.zeros(min(_CHUNK, tries - start)))

    def fill(self, voxels: np.ndarray, phase: int) -> None:
        """Give voxels (flat indices) a phase, in exchange for voxels of that phase at interfaces."""
        from microchar.kernels.annealing import fill

        fill(*self._arrays(), voxels, np.uint8(phase))
        self.labels = self._lines[2].reshape(self.labels.shape)

    def _anneal(self, temperatures: np.ndarray) -> int:
        from microchar.kernels.annealing import anneal

        kept = anneal(*self._arrays(), self._weight, temperatures)
        self.labels = self._lines[2].reshape(self.labels.shape)
        return kept

    def _arrays(self) -> tuple[np.ndarray, ...]:
        """Return the arguments that the kernels have in common."""
        return (
            self._lines,
            np.array(self.labels.shape, np.int64),
            np.array([axis in self.periodic for axis in range(3)], np.int64),
            self.lags,
            self.counts,
            self._goal,
            np.array(_BIAS),
            self.random,
            np.empty(self.counts.shape),
            np.zeros(self.counts.shape, np.int32),
            np.empty(2 * self.counts.shape[-1] - 1, np.uint8),
        )


def _in_three_orders(labels: np.ndarray) -> np.ndarray:
    """Return three flat copies of the labels, with axis 0, 1, 2 last and the others before it in ascending order."""
    orders = ((1, 2, 0), (0, 2, 1), (0, 1, 2))
    return np.stack([np.ascontiguousarray(labels.transpose(order)).ravel() for order in orders])
