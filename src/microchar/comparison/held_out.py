"""`HeldOut`: measured blocks of held-out material, and the score of samples against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from microchar.comparison.candidates import volumes_of
from microchar.comparison.cutting import block_lengths, box_of, cut_blocks, pieces_of, sources
from microchar.comparison.judging import Side, judge
from microchar.comparison.lost_phases import no_nearer_than, noise, phases_lost, shares_of
from microchar.comparison.matching import match
from microchar.comparison.quantities import Measured
from microchar.comparison.resampling import Distances, drawn_excesses
from microchar.comparison.score import (
    LEAST_FOR_SPREAD,
    ScalarScore,
    Score,
    completed,
    largest,
    scalar_scores,
    total_of,
)
from microchar.core.errors import InputError
from microchar.core.grid import Grid, Triple, triple
from microchar.core.progress import Progress, section, silent
from microchar.core.result import Result
from microchar.core.specimen import Specimen
from microchar.core.text import by
from microchar.core.verdict import Verdict
from microchar.core.volume import Volume
from microchar.measurement.blocks import thread_pool
from microchar.measurement.metric import Metric, PairMetric
from microchar.measurement.selection import choose
from microchar.measurement.tasks import Task, run_tasks

#: Default metrics of a score. They measure amount, surface, shape and connection, and all are fast.
DEFAULT_METRICS = (
    "volume_fraction",
    "specific_surface_area",
    "two_point_correlation",
    "two_point_cluster",
    "lineal_path",
    "chord_length_distribution",
    "local_porosity",
    "euler_characteristic",
    "largest_cluster_fraction",
    "percolating_fraction",
)
#: Largest number of reference blocks that are measured. With half as many, the noise floor varies by a quarter.
MOST_BLOCKS = 16
#: Smallest noise floor, as a fraction of the largest value. A smaller distance between reference blocks counts as this.
LEAST_FLOOR = 0.005


@dataclass(frozen=True, eq=False)
class _Group:
    """Reference blocks of one kind: those of a volume, or those of the images normal to one axis."""

    shape: Triple
    starts: Sequence[tuple[int, Triple]]
    metrics: Sequence[Metric]
    results: Sequence[Mapping[str, Result]]
    #: Normals of the slices of a sample that are compared with this group; empty if samples are compared as volumes.
    normals: tuple[int, ...]
    plane: str
    #: Mean distance between reference blocks (`scatter`); the same, but at least `LEAST_FLOOR` times the largest value
    #: (`floors`).
    scatter: dict[str, float]
    floors: dict[str, float]
    #: Share of each phase in the blocks, and one of them.
    shares: np.ndarray
    block: Volume


class HeldOut:
    r"""Blocks of a reference material that no generator was trained on, and the score of samples against them.

    Disjoint blocks are cut from a volume (or from 2D images) and measured once. The
    score of samples of the same shape is, for each metric :math:`m` with distance
    :math:`d_m`,

    .. math:: \rho_m = \frac{\langle d_m(\text{sample}_i, \text{block}_j)\rangle_{ij}}
                            {\langle d_m(\text{block}_j, \text{block}_k)\rangle_{j<k}} ,

    which is about 1 for samples of the same material. The total (see `Score`) also
    takes into account how much the samples differ from each other.

    Parameters
    ----------
    reference : Volume, array_like or Specimen
        The held-out material. The blocks lie inside its mask. Images (2D) may be normal
        to one axis, for isotropic materials, or to each axis.
    shape : sequence of int
        Shape of the blocks. Along axes where the volume is shorter, blocks are as long
        as the volume. The shape is then halved, down to 8 voxels, until two disjoint
        blocks fit (see `notes`).
    metrics : sequence of str or Metric, optional
        Metrics of the score; default `DEFAULT_METRICS`. Pair metrics (`ssim`, `psnr`)
        are refused: samples are not registered with the reference, and pair metrics
        then prefer an empty block.
    most : int
        Largest number of blocks that are measured; they are spread over the volume.
    threads : int, optional
        Number of blocks and samples that are measured at the same time; None for all
        cores.
    executor : concurrent.futures.Executor, optional
        Executor that measures blocks and samples in place of threads of this process.
    progress : Progress, optional
        ``progress(fraction, text)``, called from this thread while the blocks are
        measured; an exception that it raises ends the work.

    Attributes
    ----------
    shape : tuple of int
        Shape of the blocks, and of the pieces that samples are cut into. If images
        normal to several axes are held out: shape of a sample that contains slices
        normal to all of them.
    n_blocks : int
        Number of blocks; for images, the smallest number over the directions.
    notes : tuple of str
        Deviations from what was requested, and their consequences.

    Notes
    -----
    *Denominator*: the mean distance between blocks, or 0.5 % of the largest value of
    a block if that is larger (1 if all values are zero), so that nothing is divided by
    zero. *Missing values* (chords of a phase that a sample or a block lacks) count as
    zero. *Lost phases*: if the samples together hold less than a fiftieth of the share
    that the blocks have of a phase, then in the total they are, by every metric, at
    least as far from the blocks as noise with the volume fractions of the blocks.
    *Bias*: blocks of one volume are neighbours and resemble each other a little
    more than distant blocks do, so the floor is low. The relative uncertainty of a
    floor from :math:`n` blocks is about :math:`1/\sqrt{2n}`. Up to 8 disjoint pieces
    of a larger sample are measured. If images are held out, three slices of each
    sample in each direction are compared with them.
    *Cost*: 16 blocks of 64³ voxels of Berea sandstone take 1 s of one core (AMD EPYC),
    and each sample of that size 0.1 s.

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> rng = np.random.default_rng(0)
    >>> held_out = mc.HeldOut(rng.random((32, 32, 32)) < 0.3, (16, 16, 16))
    >>> held_out.n_blocks
    8
    >>> sample = rng.random((16, 16, 16)) < 0.5
    >>> held_out.score([sample]).ratios["volume_fraction"] > 10
    True
    """

    def __init__(
        self,
        reference: Any,
        shape: Sequence[int],
        metrics: Sequence[str | Metric] | str | Metric | None = None,
        *,
        most: int = MOST_BLOCKS,
        threads: int | None = 1,
        executor: Executor | None = None,
        progress: Progress | None = None,
    ):
        self._threads, self._executor = threads, executor
        chosen = _chosen(DEFAULT_METRICS if metrics is None else metrics)
        self._groups: list[_Group] = []
        self._of_noise: dict[int, list[dict[str, Result]]] = {}
        data = Specimen.of(reference)
        self._data = data
        self._like = data.volume or data.material.volume(np.zeros((1, 1, 1), np.uint8), name="the images", source={})
        notes: list[str] = []
        groups = list(sources(data, block_lengths(shape)))
        for number, (images, lengths, normals) in enumerate(groups):
            part = section(progress or silent, number / len(groups), (number + 1) / len(groups))
            group, group_notes = self._measured(images, lengths, normals, chosen, most, part)
            self._groups.append(group)
            notes += [note for note in group_notes if note not in notes]
        self.notes = tuple(notes)
        self.shape = _common_shape(self._groups)
        self.n_blocks = min(len(group.starts) for group in self._groups)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Ids of the metrics of the score."""
        return tuple(name for name in self._groups[0].floors if all(name in group.floors for group in self._groups))

    @property
    def floors(self) -> dict[str, float]:
        """Mean distance between blocks for each metric; for images, the mean over their directions."""
        return {name: float(np.mean([group.floors[name] for group in self._groups])) for name in self.metrics}

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the held-out voxels, as in what a model knows of its training."""
        return str(self._data.describe()["sha256"])

    def blocks(self) -> list[str]:
        """Return the position of each block in the form of a crop: ``"0:64,64:128,0:64"``."""
        blocks = []
        for group in self._groups:
            for number, start in group.starts:
                box = ",".join(f"{a}:{a + n}" for a, n in zip(start, group.shape, strict=True))
                blocks.append(f"image {number} normal to {group.plane}: {box}" if group.plane else box)
        return blocks

    def match(self, sample: Volume) -> Volume:
        """Return a sample with the phases and voxel size of the reference; raise InputError if they do not match."""
        return match(sample, self._like, named_phases=True)

    def score(self, samples: Any, *, errors: bool = True) -> Score:
        """Measure samples and compare them with the blocks.

        Parameters
        ----------
        samples : Volume or array_like, or mapping, list, tuple or iterator of them
            Samples with the phases and voxel size of the reference, at least as large as
            the blocks. An array may be a batch, of shape (N, D, H, W) or (N, 1, D, H, W).
        errors : bool
            Whether to compute the interval of the total and the verdict; a training that
            only compares totals needs neither.

        Returns
        -------
        Score

        Raises
        ------
        InputError
            If there are no samples, or if a sample cannot be compared or is too small.
        """
        volumes = [self.match(sample) for sample in volumes_of(samples, "sample")]
        if not volumes:
            raise InputError("score: found no samples, expected at least one")
        ratios: dict[str, list[float]] = {name: [] for name in self.metrics}
        excesses: dict[str, list[float]] = {name: [] for name in self.metrics}
        scalars: list[ScalarScore] = []
        distances: dict[str, list[Distances]] = {name: [] for name in self.metrics}
        by_group = []
        lost: list[str] = []
        n = 0
        for group in self._groups:
            pieces = [
                piece for volume in volumes for piece in pieces_of(volume, group.shape, group.normals, group.plane)
            ]
            measured = self._run(group.metrics, pieces)
            n += len(measured)
            by_group.append((pieces, measured))
            lost_here = phases_lost(group.shares, pieces)
            lost += [phase for phase in lost_here if phase not in lost]
            for metric in (metric for metric in group.metrics if metric.id in ratios):
                of_blocks = [results[metric.id] for results in group.results]
                of_pieces = [results[metric.id] for results in measured]
                found = _distances(metric, of_blocks, of_pieces, group)
                ratios[metric.id].append(float(found.across.mean()))
                if lost_here:
                    found = self._no_nearer_than_noise(found, metric, group)
                distances[metric.id].append(found)
                excesses[metric.id].append(_excess(found, group, metric.id))
                scalars += scalar_scores(of_blocks, of_pieces, group.plane)
        return Score(
            ratios={name: float(np.mean(values)) for name, values in ratios.items()},
            excesses={name: float(np.mean(values)) for name, values in excesses.items()},
            scalars=tuple(scalars),
            n_samples=n,
            lost=tuple(lost),
            draws=_draws(distances) if errors else np.empty(0),
            verdict=self._verdict(*by_group[0]) if errors and len(self._groups) == 1 else None,
        )

    def floor_score(self) -> Score:
        """Return the score of the blocks themselves: a total of 1, with the scatter that other real pieces have."""
        group = self._groups[0]
        distances: dict[str, list[Distances]] = {}
        for metric in (metric for metric in group.metrics if metric.id in self.metrics):
            between = _between(metric, completed([results[metric.id] for results in group.results]))
            between /= group.floors[metric.id]
            distances[metric.id] = [Distances(_without_self(between), between, between)]
        ones, zeros = dict.fromkeys(self.metrics, 1.0), dict.fromkeys(self.metrics, 0.0)
        return Score(ratios=ones, excesses=zeros, n_samples=len(group.starts), draws=_draws(distances))

    def _verdict(self, pieces: Sequence[Volume], measured: Sequence[Mapping[str, Result]]) -> Verdict | None:
        """Judge the pieces of the samples against the blocks: all of them are samples of their materials."""
        group = self._groups[0]
        if len(group.results) < LEAST_FOR_SPREAD or len(pieces) < 2 or "volume_fraction" not in self.metrics:
            return None
        sides = [
            Side(name, of_side, of_side, [[piece] for piece in results])
            for name, results in (("the held-out material", group.results), ("the sampled material", measured))
            for of_side in [[Measured.of(pieces[0], result) for result in results]]
        ]
        return judge(sides[0], sides[1], self._like.phases, unit=self._like.unit)

    def _no_nearer_than_noise(self, found: Distances, metric: Metric, group: _Group) -> Distances:
        """Return distances that are at least those of noise, which is measured when the first phase is lost."""
        number = self._groups.index(group)
        if number not in self._of_noise:
            self._of_noise[number] = self._run(group.metrics, noise(group.block, group.shares))
        of_blocks, of_noise = (
            [each[metric.id] for each in results] for results in (group.results, self._of_noise[number])
        )
        return no_nearer_than(_distances(metric, of_blocks, of_noise, group).across, found)

    def _run(
        self, metrics: Sequence[Metric], volumes: Sequence[Volume], progress: Progress = silent
    ) -> list[dict[str, Result]]:
        # Measure the small volumes in parallel, because each of them is a single block.
        results = []
        with nullcontext(self._executor) if self._executor else thread_pool(self._threads) as pool:
            waiting = [pool.submit(_measured_alone, metrics, volume) for volume in volumes]
            try:
                for number, future in enumerate(waiting):
                    progress(number / len(volumes), f"block {number + 1} of {len(volumes)}")
                    results.append(future.result())
            finally:
                for future in waiting:  # an executor of the caller would go on after an error
                    future.cancel()
        progress(1.0, "")
        return results

    def _measured(
        self,
        images: Sequence[Volume],
        lengths: Triple,
        normals: tuple[int, ...],
        chosen: Sequence[Metric],
        most: int,
        progress: Progress,
    ) -> tuple[_Group, list[str]]:
        shape, starts, notes = cut_blocks(images, lengths, most)
        first = images[0]
        metrics = [metric.resolved(Grid(shape, first.voxel_size, first.unit)) for metric in chosen]
        blocks = [box_of(images[number], start, shape) for number, start in starts]
        results = self._run(metrics, blocks, progress)
        floors: dict[str, float] = {}
        scatter: dict[str, float] = {}
        for metric in metrics:
            name = metric.id
            of_metric = [of_block[name] for of_block in results]
            if all(result.values or result.profiles for result in of_metric):
                scatter[name] = _scatter(metric, completed(of_metric))
                floors[name] = max(scatter[name], LEAST_FLOOR * max(map(largest, of_metric))) or 1.0
            else:
                notes.append(f"{name} is left out: {of_metric[0].message or 'it has no values on these blocks'}")
        if not floors:
            raise InputError(f"{first.name}: none of the metrics applies to blocks of {by(shape)}; name others")
        plane = str(normals[0]) if len(normals) == 1 else "any axis" if normals else ""
        shares = shares_of(blocks)
        return _Group(shape, starts, metrics, results, normals, plane, scatter, floors, shares, blocks[0]), notes


def _measured_alone(metrics: Sequence[Metric], volume: Volume) -> dict[str, Result]:
    return run_tasks([Task(metrics, volume)], threads=1)[0]


def _chosen(metrics: Sequence[str | Metric] | str | Metric) -> list[Metric]:
    chosen = choose(metrics)
    paired = [metric.id for metric in chosen if isinstance(metric, PairMetric)]
    if paired:
        raise InputError(
            f"{', '.join(paired)}: cannot be part of a score; samples are not registered with the reference, and such "
            "metrics prefer an empty block to another piece of the same material"
        )
    return chosen


def _distances(metric: Metric, of_blocks: Sequence[Result], of_pieces: Sequence[Result], group: _Group) -> Distances:
    """Return all distances by a metric, in units of the noise floor."""
    completed_results = completed([*of_blocks, *of_pieces])
    blocks, pieces = completed_results[: len(of_blocks)], completed_results[len(of_blocks) :]
    across = np.array([[metric.distance(a, b) for b in blocks] for a in pieces])
    floor = group.floors[metric.id]
    return Distances(across / floor, _between(metric, pieces) / floor, _between(metric, blocks) / floor)


def _excess(distances: Distances, group: _Group, metric: str) -> float:
    n, m = distances.across.shape
    if n == 1:  # a single sample has no scatter: it is taken to be that of the blocks
        return float(distances.across.mean()) - 1.0
    return float(distances.excesses(np.ones((1, n), int), np.ones((1, m), int))[0])


def _between(metric: Metric, results: Sequence[Result]) -> np.ndarray:
    """Return the distances between all results."""
    n = len(results)
    distances = np.zeros((n, n))
    for i, j in combinations(range(n), 2):
        distances[i, j] = distances[j, i] = metric.distance(results[i], results[j])
    return distances


def _without_self(distances: np.ndarray) -> np.ndarray:
    """Return distances in which that of a block from itself is the mean of those from the others."""
    n = len(distances)
    return distances + np.diag(distances.sum(axis=1) / (n - 1))


def _draws(distances: Mapping[str, Sequence[Distances]]) -> np.ndarray:
    """Return the totals of all draws; none if there are fewer than 2 samples or blocks."""
    sizes = [n for groups in distances.values() for each in groups for n in each.across.shape]
    if min(sizes) < 2:
        return np.empty(0)
    return total_of(np.array([drawn_excesses(groups) for groups in distances.values()]))


def _scatter(metric: Metric, results: Sequence[Result]) -> float:
    """Return the mean distance between two different results of the sequence."""
    n = len(results)
    return float(_between(metric, results).sum() / (n * (n - 1)))


def _common_shape(groups: Sequence[_Group]) -> Triple:
    """Return the shape of a sample that contains blocks, or slices, for every group."""
    if len(groups) == 1:
        return groups[0].shape
    lengths = [1, 1, 1]
    for group in groups:
        across = [axis for axis in range(3) if axis not in group.normals]
        for axis, n in zip(across, group.shape[1:], strict=True):
            lengths[axis] = max(lengths[axis], n)
    return triple(lengths)
