"""`HeldOut`: blocks of real material, measured once, and the score of samples in units of their own scatter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from microchar.comparison.matching import match
from microchar.comparison.score import LEAST_FOR_SPREAD, ScalarScore, Score, completed, largest, scalar_scores
from microchar.core.errors import InputError
from microchar.core.grid import Grid, Triple, triple
from microchar.core.result import Result
from microchar.core.specimen import Specimen
from microchar.core.text import by
from microchar.core.volume import Volume, as_volume
from microchar.measurement.blocks import available_cores
from microchar.measurement.metric import Metric, PairMetric
from microchar.measurement.selection import choose
from microchar.measurement.tasks import Task, run_tasks

#: What a score is made of unless other metrics are asked for: shape, surface, topology and scale, all of them fast.
DEFAULT_METRICS = (
    "volume_fraction",
    "specific_surface_area",
    "two_point_correlation",
    "two_point_cluster",
    "lineal_path",
    "chord_length_distribution",
    "local_porosity",
    "euler_characteristic",
)
#: Real blocks that are measured at most: with half as many the noise floor varies by a quarter.
MOST_BLOCKS = 16
#: Pieces that a larger sample is cut into.
MOST_PIECES = 8
#: Blocks do not get smaller than this along an axis when the real material is short.
LEAST_EDGE = 8
#: Distances between real blocks below this part of the value are taken for that part.
LEAST_FLOOR = 0.005
#: Slices that are looked at in each direction of a sample, where only images are held out.
SLICES = 3


@dataclass(frozen=True, eq=False)
class _Group:
    """Real blocks of one kind: of a volume, or of the images of one direction."""

    shape: Triple
    starts: Sequence[tuple[int, Triple]]
    metrics: Sequence[Metric]
    results: Sequence[Mapping[str, Result]]
    #: Axes that those slices of a sample are normal to which belong here; none for whole samples.
    normals: tuple[int, ...] = ()
    plane: str = ""
    #: Mean distance between real blocks; and the same, or what it is taken for where it is next to nothing.
    scatter: dict[str, float] = field(default_factory=dict)
    floors: dict[str, float] = field(default_factory=dict)


class HeldOut:
    r"""Blocks of real material that nothing was trained on, and the score of samples against them.

    Disjoint blocks are cut from a real volume (or from 2D images) and measured
    once. The score of samples of the same shape is, for each metric :math:`m`
    with distance :math:`d_m`,

    .. math:: \rho_m = \frac{\langle d_m(\text{sample}_i, \text{real}_j)\rangle_{ij}}
                            {\langle d_m(\text{real}_j, \text{real}_k)\rangle_{j<k}} ,

    which is about 1 for samples of the very same process. The total, see `Score`,
    also honours how much samples differ among themselves.

    Parameters
    ----------
    real : Volume, array_like or Specimen
        The held-out material. Blocks lie wholly inside its mask. Images (2D) may
        be of one direction, for isotropic materials, or one of each.
    shape : sequence of int
        Of the blocks. Shorter where the real volume is; halved along each axis,
        down to 8 voxels, until there are two disjoint blocks (see `notes`).
    metrics : sequence of str or Metric, optional
        What the score is made of; default `DEFAULT_METRICS`. Metrics of pairs of
        images (`ssim`, `psnr`) are refused: samples are not registered with the
        real material, and those scores then prefer an empty block.
    most : int
        Blocks that are measured at most; they are spread over the volume.
    threads : int, optional
        Blocks and samples that are measured at a time; None for all cores.

    Attributes
    ----------
    shape : tuple of int
        Of the blocks, and of the pieces that samples are cut into. Where images of
        several directions are held out, of samples that hold the slices of all.
    n_blocks : int
        Number of real blocks; of images, in the direction that has fewest.
    notes : tuple of str
        What had to be done otherwise than asked, and what it means.

    Notes
    -----
    *Denominator*: the mean distance between real blocks, or 0.5 % of the largest
    real value where it is less (1 where they are all zero), so that nothing is
    divided by zero. *What does not exist* (chords of a phase that a sample or a
    real block lacks) counts as zero. *Bias*: blocks of one volume are neighbours
    and resemble each other a little more than blocks from far apart, so the floor
    is rather low.
    With few blocks the floor is uncertain: of :math:`n` blocks about
    :math:`1/\sqrt{2n}` of itself. Of samples larger than the blocks up to
    8 disjoint pieces are taken. Where images are held out, three
    slices of each sample and direction are compared with them.

    Examples
    --------
    >>> import numpy as np
    >>> from microchar.comparison.ranking import HeldOut
    >>> rng = np.random.default_rng(0)
    >>> real = rng.random((32, 32, 32)) < 0.3
    >>> held_out = HeldOut(real, (16, 16, 16))
    >>> held_out.n_blocks
    8
    >>> other = rng.random((16, 16, 16)) < 0.5
    >>> held_out.score([other]).ratios["volume_fraction"] > 10
    True
    """

    def __init__(
        self,
        real: Any,
        shape: Sequence[int],
        metrics: Sequence[str | Metric] | str | Metric | None = None,
        *,
        most: int = MOST_BLOCKS,
        threads: int | None = 1,
    ):
        self._threads = threads or available_cores()
        chosen = _chosen(DEFAULT_METRICS if metrics is None else metrics)
        self._groups: list[_Group] = []
        data = Specimen.of(real)
        self._like = data.volume or data.material.volume(np.zeros((1, 1, 1), np.uint8), name="the images", source={})
        notes: list[str] = []
        for images, lengths, normals in _sources(data, _lengths(shape)):
            group, said = self._measured(images, lengths, normals, chosen, most)
            self._groups.append(group)
            notes += [note for note in said if note not in notes]
        self.notes = tuple(notes)
        self.shape = _together(self._groups)
        self.n_blocks = min(len(group.starts) for group in self._groups)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Ids of the metrics that the score is made of."""
        return tuple(name for name in self._groups[0].floors if all(name in group.floors for group in self._groups))

    @property
    def floors(self) -> dict[str, float]:
        """Mean distance between real blocks for each metric; of images, the mean over their directions."""
        return {name: float(np.mean([group.floors[name] for group in self._groups])) for name in self.metrics}

    def blocks(self) -> list[str]:
        """Return where the real blocks lie, as a crop is written: ``"0:64,64:128,0:64"``."""
        found = []
        for group in self._groups:
            for number, start in group.starts:
                box = ",".join(f"{a}:{a + n}" for a, n in zip(start, group.shape, strict=True))
                found.append(f"image {number} normal to {group.plane}: {box}" if group.plane else box)
        return found

    def alike(self, sample: Volume) -> Volume:
        """Give a sample the phases and voxel size of the real material, or say why that cannot be."""
        return match(sample, self._like, named_phases=True)

    def score(self, samples: Any) -> Score:
        """Measure samples and set them beside the real blocks.

        Parameters
        ----------
        samples : Volume or array_like, or list or tuple of them
            Of the same phases and voxel size, at least as large as the blocks.

        Returns
        -------
        Score

        Raises
        ------
        InputError
            If there is no sample, or one cannot be compared or is too small.
        """
        several = samples if isinstance(samples, list | tuple) else [samples]
        given = [self.alike(as_volume(sample)) for sample in several]
        if not given:
            raise InputError("score: found no samples, expected at least one")
        ratios: dict[str, list[float]] = {name: [] for name in self.metrics}
        excesses: dict[str, list[float]] = {name: [] for name in self.metrics}
        scalars: list[ScalarScore] = []
        n = 0
        for group in self._groups:
            pieces = [piece for sample in given for piece in _pieces(sample, group)]
            found = self._run(group.metrics, pieces)
            n += len(found)
            for metric in group.metrics:
                name = metric.id
                if name not in ratios:
                    continue
                theirs, ours = [results[name] for results in group.results], [results[name] for results in found]
                both = completed([*theirs, *ours])
                real, made = both[: len(theirs)], both[len(theirs) :]
                across = float(np.mean([metric.distance(a, b) for a, b in product(made, real)]))
                floor = group.floors[name]
                within = floor if len(made) == 1 else (_scatter(metric, made) + group.scatter[name]) / 2
                ratios[name].append(across / floor)
                excesses[name].append((across - within) / floor)
                scalars += scalar_scores(theirs, ours, group.plane)
        return Score(
            ratios={name: float(np.mean(found)) for name, found in ratios.items()},
            excesses={name: float(np.mean(found)) for name, found in excesses.items()},
            scalars=tuple(scalars),
            n_samples=n,
        )

    def _run(self, metrics: Sequence[Metric], volumes: Sequence[Volume]) -> list[dict[str, Result]]:
        # Small volumes one beside the other: each of them is a single block of work.
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(lambda volume: run_tasks([Task(metrics, volume)], threads=1)[0], volumes))

    def _measured(
        self, images: Sequence[Volume], lengths: Triple, normals: tuple[int, ...], chosen: Sequence[Metric], most: int
    ) -> tuple[_Group, list[str]]:
        shape, starts, notes = _cut(images, lengths, most)
        first = images[0]
        metrics = [metric.resolved(Grid(shape, first.voxel_size, first.unit)) for metric in chosen]
        blocks = [_box(images[number], start, shape) for number, start in starts]
        results = self._run(metrics, blocks)
        floors: dict[str, float] = {}
        scatter: dict[str, float] = {}
        for metric in metrics:
            name = metric.id
            real = [found[name] for found in results]
            if all(result.values or result.profiles for result in real):
                scatter[name] = _scatter(metric, completed(real))
                floors[name] = max(scatter[name], LEAST_FLOOR * max(map(largest, real))) or 1.0
            else:
                notes.append(f"{name} is left out: {real[0].message or 'it has no values on these blocks'}")
        if not floors:
            raise InputError(f"{first.name}: none of the metrics applies to blocks of {by(shape)}; name others")
        plane = str(normals[0]) if len(normals) == 1 else "any axis" if normals else ""
        return _Group(shape, starts, metrics, results, normals, plane, scatter, floors), notes


def count_blocks(real: Specimen, shape: Sequence[int]) -> int:
    """Return how many disjoint blocks of a shape fit in held-out material; of images, in the direction of fewest."""
    groups = _sources(real, _lengths(shape))
    return min(sum(len(_starts(image, lengths)) for image in images) for images, lengths, _ in groups)


def _scatter(metric: Metric, results: Sequence[Result]) -> float:
    """Return the mean distance between two different ones."""
    return float(np.mean([metric.distance(a, b) for i, a in enumerate(results) for b in results[:i]]))


# --- cutting -----------------------------------------------------------------


def _chosen(metrics: Sequence[str | Metric] | str | Metric) -> list[Metric]:
    chosen = choose(metrics)
    paired = [metric.id for metric in chosen if isinstance(metric, PairMetric)]
    if paired:
        raise InputError(
            f"{', '.join(paired)}: no part of a score; samples are not registered with the real material, and such "
            "metrics prefer an empty block to another piece of the same material"
        )
    return chosen


def _lengths(shape: Sequence[int]) -> Triple:
    sizes = tuple(int(n) for n in shape)
    sizes = (1, *sizes) if len(sizes) == 2 else sizes
    if len(sizes) != 3 or min(sizes) < 1 or sum(n > 1 for n in sizes) < 2:
        raise InputError(f"shape={tuple(shape)!r}: expected two or three lengths of a block in voxels")
    return triple(sizes)


def _sources(data: Specimen, lengths: Triple) -> list[tuple[list[Volume], Triple, tuple[int, ...]]]:
    """Return the real volumes of each group, the lengths of its blocks, and the normals of its slices."""
    if data.volume is not None:
        if min(lengths) == 1:
            raise InputError(f"shape={lengths!r}: the real volume is 3D, expected blocks of three lengths")
        return [([data.volume], lengths, ())]
    if not data.slices:
        raise InputError("held-out material: found descriptors, expected a volume or images; they have no blocks")
    edge = min(n for n in lengths if n > 1)
    found: list[tuple[list[Volume], Triple, tuple[int, ...]]] = []
    for axis, group in data.slices.items():
        alone = len(data.slices) == 1
        rows, columns = (edge, edge) if alone else tuple(n for a, n in enumerate(lengths) if a != axis)
        if min(rows, columns) == 1:
            raise InputError(f"shape={lengths!r}: images of several directions are held out, expected three lengths")
        size = data.material.voxel_size
        in_plane = [size[a] for a in range(3) if a != axis]
        material = replace(data.material, voxel_size=(size[axis], in_plane[0], in_plane[1]))
        images = [material.volume(image[np.newaxis], name=f"image normal to {axis}", source={}) for image in group]
        found.append((images, (1, rows, columns), (0, 1, 2) if alone else (axis,)))
    return found


def _cut(images: Sequence[Volume], lengths: Triple, most: int) -> tuple[Triple, list[tuple[int, Triple]], list[str]]:
    """Return shape and places of the real blocks, halving the shape until there are two."""
    wanted = lengths
    longest = [max(image.shape[axis] for image in images) for axis in range(3)]
    shape = _least(lengths, longest)
    while True:
        starts = [(i, start) for i, image in enumerate(images) for start in _starts(image, shape)]
        if len(starts) >= 2:
            break
        smaller = _least(shape, [max(n // 2, min(n, LEAST_EDGE)) for n in shape])
        if smaller == shape:
            raise InputError(
                f"{images[0].name}: found no two disjoint blocks of {by(shape)} voxels to tell the scatter of the "
                "material by; hold out more of it" + ("" if images[0].mask is None else ", or give a larger mask")
            )
        shape = smaller
    notes = []
    if shape != wanted:
        notes.append(
            f"blocks of {by(shape)} instead of {by(wanted)} voxels: no two disjoint ones of that shape fit in "
            f"{images[0].name}; samples are cut to it"
        )
    chosen = [starts[i] for i in _spread(len(starts), most)]
    if len(chosen) < LEAST_FOR_SPREAD:
        notes.append(f"{len(chosen)} real blocks only: the noise floor is a guess, and there are no ratios of spreads")
    return shape, chosen, notes


def _together(groups: Sequence[_Group]) -> Triple:
    """Return the shape of a sample that has blocks, or slices, for every group."""
    if len(groups) == 1:
        return groups[0].shape
    lengths = [1, 1, 1]
    for group in groups:
        across = [axis for axis in range(3) if axis not in group.normals]
        for axis, n in zip(across, group.shape[1:], strict=True):
            lengths[axis] = max(lengths[axis], n)
    return triple(lengths)


def _spread(n: int, most: int) -> list[int]:
    return [int(i) for i in np.unique(np.linspace(0, n - 1, min(n, most)).round())]


def _least(a: Sequence[int], b: Sequence[int]) -> Triple:
    n0, n1, n2 = (min(m, n) for m, n in zip(a, b, strict=True))
    return (n0, n1, n2)


def _starts(volume: Volume, shape: Triple) -> list[Triple]:
    """Return where disjoint boxes of a shape begin that lie wholly inside the mask, from the mask's first corner on."""
    first, last = [0, 0, 0], list(volume.shape)
    if volume.mask is not None:
        for axis in range(3):
            others = tuple(a for a in range(3) if a != axis)
            inside = np.flatnonzero(volume.mask.any(axis=others))
            first[axis], last[axis] = int(inside[0]), int(inside[-1]) + 1
    corners = product(*(range(a, b - n + 1, n) for a, b, n in zip(first, last, shape, strict=True)))
    found: list[Triple] = list(corners)  # type: ignore[arg-type]
    if volume.mask is None:
        return found
    boxes = [tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True)) for start in found]
    return [start for start, box in zip(found, boxes, strict=True) if volume.mask[box].all()]


def _box(volume: Volume, start: Triple, shape: Triple) -> Volume:
    n0, n1, n2 = (a + n for a, n in zip(start, shape, strict=True))
    # A box inside the mask needs none, and is measured faster without.
    return replace(volume.crop(start, (n0, n1, n2)), mask=None, grey=None)


def _pieces(sample: Volume, group: _Group) -> list[Volume]:
    """Return what of a sample is compared with a group: disjoint pieces of it, or of some of its slices."""
    if not group.normals:
        return _cut_sample(sample, group.shape)
    thin = [axis for axis in range(3) if sample.shape[axis] == 1]
    pieces = []
    for normal in group.normals:
        if not thin:
            places = _spread(sample.shape[normal], SLICES + 2)[1:-1] or [0]
            slices = [_slice(sample, normal, place) for place in places]
        else:
            slices = [_slice(sample, normal, 0)] if normal in thin else []
        pieces += [piece for one in slices for piece in _cut_sample(one, group.shape)[:1]]
    if not pieces:
        raise InputError(
            f"{sample.name}: an image normal to axis {thin[0]}, the held-out images are normal to axis {group.plane}"
        )
    return pieces


def _slice(sample: Volume, normal: int, place: int) -> Volume:
    """Return a slice as an image of one plane, whatever it is normal to."""
    values = np.take(sample.values, place, axis=normal)[np.newaxis]
    across = [sample.voxel_size[axis] for axis in range(3) if axis != normal]
    size = (sample.voxel_size[normal], across[0], across[1])
    return replace(sample, values=values, voxel_size=size, mask=None, grey=None)


def _cut_sample(sample: Volume, shape: Triple) -> list[Volume]:
    starts = _starts(sample, shape)
    if not starts:
        raise InputError(
            f"{sample.name}: shape {by(sample.shape)} holds no block of {by(shape)} voxels; expected samples at "
            "least as large as the real blocks, or a smaller shape= (--shape) for these"
        )
    return [_box(sample, starts[i], shape) for i in _spread(len(starts), MOST_PIECES)]
