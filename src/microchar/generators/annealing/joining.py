"""`join_round`: joins clusters of a phase where that brings the two-point cluster function nearer to its target."""

from __future__ import annotations

import numpy as np

from microchar.core.grid import Triple
from microchar.core.volume import Volume
from microchar.generators.annealing.run import Run
from microchar.generators.annealing.targets import connected_share
from microchar.measurement.blocks import thread_pool
from microchar.measurement.metric import Shared
from microchar.metrics._clusters import find_clusters

#: Longest gap that is bridged, in voxels.
_LONGEST = 8
#: Share of the gaps that one round bridges: few, so that C2 can refuse them, and enough for some dozens of rounds.
_SHARE = 0.1
#: Swaps that are tried after a round for each voxel of a bridge, to restore S2 and L.
_RESTORING = 50
#: Error of the connected share that is small enough, and rounds in a row without an improvement that end the work.
_SMALL, _PATIENCE = 1e-3, 12


class Joining:
    """Rounds in which clusters of a phase are joined, each kept if it brings the connected share nearer to the target.

    Parameters
    ----------
    run : Run
        Its S2 and L have been annealed. Each round counts in ``run.rounds`` and ``run.refused``.
    share : float64, (phases, 3, lags)
        The part of the pairs of S2 that lie in one cluster, C2 / S2, to reach.
    """

    def __init__(self, run: Run, share: np.ndarray):
        self.run, self._share = run, share
        self._error = self._errors()

    def error(self) -> float:
        """Return the root-mean-square error of the connected share over phases, axes and lags."""
        return float(np.sqrt(np.mean(self._error**2)))

    def finished(self) -> bool:
        """Return whether the target is reached, or no round improved on it for long."""
        return self.error() < _SMALL or self.run.refused >= _PATIENCE

    def advance(self) -> None:
        """Bridge some gaps of one phase, restore S2 and L, and keep the result if it is better."""
        run = self.run
        run.rounds += 1
        rng = np.random.default_rng([run.seed, run.rounds])
        # Where the connected share is too large, joining is of no use.
        lacking = np.maximum(-self._error, 0).mean(axis=1)
        phase = int(rng.choice(len(lacking), p=lacking / lacking.sum())) if lacking.any() else 0
        gaps = gaps_between(run.volume(), phase, run.periodic)
        if not gaps or not lacking.any():
            run.refused = _PATIENCE
            return
        before, kept = run.copies(), self.error()
        chosen = rng.permutation(len(gaps))[: max(1, round(_SHARE * len(gaps)))]
        voxels = np.unique(np.concatenate([gaps[i] for i in chosen]))
        run.fill(voxels, phase)
        run.settle(_RESTORING * len(voxels))
        found = self._errors()
        if np.sqrt(np.mean(found**2)) < kept:
            self._error, run.refused = found, 0
        else:
            run.set(before)
            run.refused += 1

    def _errors(self) -> np.ndarray:
        """Return what the connected share has too much, (phases, axes · lags); lags that are not used have 0."""
        share = connected_share(self.run.volume(), self.run.lag_triple, self.run.periodic)
        error = share - self._share[..., : share.shape[-1]]
        error[:, np.arange(share.shape[-1]) > self.run.lags[:, np.newaxis]] = 0
        return error.reshape(len(error), -1)


def gaps_between(volume: Volume, phase: int, periodic: tuple[int, ...]) -> list[np.ndarray]:
    """Return the shortest way through the other phases between each two neighbouring clusters of a phase.

    Two clusters are neighbours where the voxels that are nearest to one touch those that
    are nearest to the other.

    Parameters
    ----------
    volume : Volume
    phase : int
    periodic : tuple of int
        Axes along which the volume repeats.

    Returns
    -------
    list of int64 arrays
        Flat indices of the voxels of each way; steps go along the axes.
    """
    from scipy.ndimage import distance_transform_edt

    labels = volume.read()
    with thread_pool(None) as pool:
        clusters = find_clusters(volume, Shared(pool, 1), connectivity=6)
    numbers, _ = clusters.joined(periodic)
    found = np.where(labels == phase, clusters.runs.read(numbers, (0, 0, 0), volume.shape), 0)
    if len(np.unique(found[found > 0])) < 2:
        return []
    margin = [(_LONGEST, _LONGEST) if axis in periodic else (0, 0) for axis in range(3)]
    found = np.pad(found, margin, mode="wrap")
    distance, nearest = distance_transform_edt(found == 0, return_indices=True)
    owner = found[tuple(nearest)].astype(np.int64)
    flat = np.arange(found.size).reshape(found.shape)
    pieces = []
    for axis in range(3):
        here, there = _sides(axis, -1), _sides(axis, 1)
        length = distance[here] + distance[there]
        touching = (owner[here] != owner[there]) & (length < _LONGEST)
        pieces.append((length[touching], flat[here][touching], flat[there][touching]))
    lengths, first, second = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    order = np.argsort(lengths, kind="stable")
    pairs = np.sort([owner.ravel()[first[order]], owner.ravel()[second[order]]], axis=0)
    _, shortest = np.unique(pairs, axis=1, return_index=True)
    lead = [before for before, _ in margin]
    ends = nearest.reshape(3, -1)
    return [
        _way(ends[:, a], ends[:, b], lead, volume.shape)
        for a, b in zip(first[order][shortest], second[order][shortest], strict=True)
    ]


def _sides(axis: int, side: int) -> tuple[slice, ...]:
    """Return the index of all voxels that have a neighbour behind (-1) or before them (1) along an axis."""
    part = slice(None, -1) if side < 0 else slice(1, None)
    return tuple(part if a == axis else slice(None) for a in range(3))


def _way(start: np.ndarray, stop: np.ndarray, lead: list[int], shape: Triple) -> np.ndarray:
    """Return the voxels between two voxels, step by step along the axis on which the rest of the way is longest."""
    at, way = start.copy(), []
    while (gap := stop - at).any():
        axis = int(np.abs(gap).argmax())
        at[axis] += np.sign(gap[axis])
        way.append(np.ravel_multi_index(tuple((at - lead) % shape), shape))
    return np.array(way, np.int64)
