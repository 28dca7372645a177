"""`compare`: measure a reference and any number of candidates in the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from microchar.comparison.baselines import baseline_pairs
from microchar.comparison.candidates import volumes_of
from microchar.comparison.evidence import Evidence, Question
from microchar.comparison.judging import checked_margins
from microchar.comparison.matching import common_shape, leading, match_whole, named_volume, unique_names
from microchar.comparison.planes import Sample, for_planes, samples_like
from microchar.comparison.segmentation import threshold_note
from microchar.core.errors import InputError
from microchar.core.grid import Grid, LengthLike, Triple
from microchar.core.notebook import about, html_table
from microchar.core.progress import Progress
from microchar.core.result import Result
from microchar.core.text import by
from microchar.core.verdict import Verdict
from microchar.core.volume import Volume
from microchar.measurement.limit import check_limit, limit_note
from microchar.measurement.measuring import Measurement
from microchar.measurement.metric import Metric, PairMetric
from microchar.measurement.overview import difference_lines, measured_rows, shown
from microchar.measurement.record import Record, VolumeRecord
from microchar.measurement.selection import Parameters, choose, settings, without_periodic_axes
from microchar.measurement.tables import Named, differences
from microchar.measurement.tabulated import Tabulated
from microchar.measurement.tasks import Task, run_tasks

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Tabulated):
    """Measurements of a reference and its candidates, and the results of pair metrics.

    Parameters
    ----------
    reference : Measurement
        Measurement of the reference.
    candidates : tuple of Measurement
        Measurements of the candidates, in the given order.
    pairs : tuple of mapping
        Results of the pair metrics (`ssim`, `psnr`) for each candidate.
    baselines : mapping of str to mapping
        Results of the pair metrics for pairs of volumes that are known not to be
        registered: the values that a pair metric takes without any similarity.
    settings : mapping
        Arguments that the caller gave.
    notes : tuple of str
        What was assumed or changed to make the volumes comparable.
    verdicts : tuple of Verdict
        What the comparison of each candidate concludes; empty without standard errors.
    """

    reference: Measurement
    candidates: tuple[Measurement, ...]
    pairs: tuple[Mapping[str, Result], ...] = ()
    baselines: Mapping[str, Mapping[str, Result]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    def __repr__(self) -> str:
        lines = difference_lines(self.reference, {m.volume.name: m for m in self.candidates})
        return "\n".join([f"Comparison with {about(self.reference.volume)}; largest differences", *lines])

    def _repr_html_(self) -> str:
        reference = self.reference.volume
        words = [(verdict.candidate, str(verdict.word), verdict.sentence) for verdict in self.verdicts]
        verdicts = html_table(f"Comparison with {about(reference)}", ("", "verdict", "conclusion"), words)
        compared, notes = shown(self.candidates)
        head = ("metric", "phase", reference.name, *(each.volume.name for each in compared), "unit")
        values = html_table("Values with standard errors", head, measured_rows([self.reference, *compared]), notes)
        return verdicts + values if words else values

    def named(self) -> list[Named]:
        """Return the results of all volumes and pairs, with the names of the volumes."""
        reference = self.reference.volume.name
        named = [entry for measurement in (self.reference, *self.candidates) for entry in measurement.named()]
        for candidate, results in zip(self.candidates, self.pairs, strict=True):
            named += [Named(candidate.volume.name, reference, result) for result in results.values()]
        for label, results in self.baselines.items():
            named += [Named(label, reference, result, baseline=True) for result in results.values()]
        return named

    def differences(self) -> pd.DataFrame:
        """Return candidate minus reference for every value that both have."""
        return differences(self.named(), self.reference.volume.name)

    def record(self, **provenance: Any) -> Record:
        """Return the record of the comparison, which can be written or reported."""
        volumes = [VolumeRecord.of(self.reference.volume, "reference")]
        volumes += [VolumeRecord.of(candidate.volume, "candidate") for candidate in self.candidates]
        return Record.now(volumes, self.named(), self.settings, provenance, self.notes, self.verdicts)


def compare(
    reference: Any,
    candidates: Any,
    metrics: str | Metric | Sequence[str | Metric] | None = None,
    *,
    skip: str | Sequence[str] = (),
    r_max: LengthLike | None = None,
    window: LengthLike | None = None,
    periodic: Sequence[int] = (),
    parameters: Parameters | None = None,
    one_hot: bool = False,
    voxel_size: float | str | Sequence[float | str] | None = None,
    phases: Mapping[str, int] | Sequence[str] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    errors: bool = True,
    transport: bool = False,
    margins: Mapping[str, float] | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    fail_fast: bool = False,
    max_memory: float | None = None,
) -> Comparison:
    """Measure a reference and its candidates with the same metrics and parameters.

    Lags and windows are chosen once, so that they fit all volumes. If the shapes
    differ, pair metrics and metrics whose expectation depends on the size of the
    volume are measured on the leading crop of the largest shape that fits all volumes.

    Parameters
    ----------
    reference : Volume or array_like
        The volume that the candidates are compared with, or a 2D image. A list of
        several scans of one material: the first stands for them in tables, and the
        scatter between all of them is the noise that candidates are compared with.
    candidates : Volume, array_like, or mapping, list, tuple or iterator of them
        Arrays and CPU tensors may be batches, of shape (N, D, H, W) or (N, 1, D, H, W).
        The keys of a mapping are names. The phases of a candidate with other grey
        values (0/1 against 0/255) are matched by the order of the grey values. A
        candidate without a voxel size gets that of the reference.
    metrics, skip, r_max, window, periodic, parameters, threads, executor, progress, fail_fast, max_memory
        See `measure`.
    one_hot : bool
        Whether the arrays of candidates have an axis of phases, (P, D, H, W) or
        (N, P, D, H, W); the phase of a voxel is that with the largest number.
    voxel_size, phases
        Voxel size and phases of the reference, passed to `as_volume`.
    groups : mapping of str to sequence of str, optional
        Names of candidates that are samples of one material or generator, by the name
        of the group. A group has one verdict, which rests on the scatter between its
        samples.
    errors : bool
        Whether to compute standard errors and verdicts.
    transport : bool
        Whether the effective diffusivity of pieces along axis 0 is among the
        quantities that decide; its computation takes longest.
    margins : mapping of str to float, optional
        Tolerances by metric id, in place of `microchar.comparison.judging.MARGINS`.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If the volumes cannot be compared because their phases, voxel sizes or numbers
        of axes differ.

    Notes
    -----
    If the reference is a 2D image, a candidate with three axes is compared with it in
    planes: up to 8 of its slices normal to each axis are measured as images, and
    the means of their results are the results of one candidate for each axis. The
    directions of these results are axes of the image. Pair metrics and metrics of
    transport through a volume are left out, unless metrics of transport are named.

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> rng = np.random.default_rng(0)
    >>> reference, candidate = rng.random((2, 16, 16, 16)) < 0.3
    >>> comparison = mc.compare(reference, candidate, ["volume_fraction"])
    >>> sorted(comparison.differences()["phase"])
    ['0', '1']
    """
    check_limit(max_memory)
    several = reference if isinstance(reference, list | tuple) and hasattr(reference[0], "shape") else [reference]
    real = [named_volume(each, "reference", voxel_size=voxel_size, phases=phases) for each in several]
    first = [real[0], *(match_whole(each, real[0], named_phases=phases is not None) for each in real[1:])]
    samples = [Sample((volume,)) for volume in first]
    for candidate in volumes_of(candidates, "candidate", one_hot=one_hot):
        samples += [_matched(sample, real[0], phases is not None) for sample in samples_like(candidate, real[0])]
    if len(samples) == len(first):
        raise InputError("compare: no candidates were given, expected at least one")
    names = [volume.name for volume in unique_names([sample.volume for sample in samples])]
    samples = [sample.renamed(name) for sample, name in zip(samples, names, strict=True)]

    volumes = [volume for sample in samples for volume in sample.volumes]
    shape = common_shape(volumes)
    if max(shape) == 1:
        smallest = min(volumes, key=lambda volume: max(volume.shape))
        raise InputError(f"{smallest.name}: found one voxel; expected a volume, an image, or a line of voxels")
    common = {"r_max": r_max, "window": window, "periodic": tuple(sorted(periodic)) or None}
    wanted = choose(metrics, skip, common, parameters)
    if any(sample.slices for sample in samples):
        wanted = for_planes(wanted, named=metrics is not None)
    chosen = [metric.resolved(Grid(shape, real[0].voxel_size, real[0].unit)) for metric in wanted]
    if metrics is not None:
        for volume, metric in product(volumes, chosen):
            metric.check_mask(volume)
    how: dict[str, Any] = {"threads": threads, "executor": executor, "progress": progress, "fail_fast": fail_fast}
    run = partial(run_tasks, **how, errors=errors, max_memory=max_memory)
    question = Question(groups or {}, transport, checked_margins(margins or {})) if errors else None
    arguments = settings(metrics, skip, common, parameters)
    compared = _compared(chosen, samples[: len(first)], samples[len(first) :], shape, arguments, run, question)
    results = [named.result for named in compared.named()]
    return replace(compared, notes=(*compared.notes, *limit_note(max_memory, threads, chosen, results)))


def _matched(sample: Sample, reference: Volume, named_phases: bool) -> Sample:
    return replace(sample, volumes=tuple(match_whole(v, reference, named_phases=named_phases) for v in sample.volumes))


def _compared(
    metrics: Sequence[Metric],
    references: Sequence[Sample],
    candidates: Sequence[Sample],
    shape: Triple,
    arguments: Mapping[str, Any],
    run: Callable[[Sequence[Task]], list[dict[str, Result]]],
    question: Question | None,
) -> Comparison:
    """Measure the samples, the references first; use crops of `shape` for metrics that depend on the size."""
    samples = [*references, *candidates]
    singles = [metric for metric in metrics if not isinstance(metric, PairMetric)]
    paired = [metric for metric in metrics if isinstance(metric, PairMetric)]
    volumes = [volume for sample in samples for volume in sample.volumes]
    reference = volumes[0]
    baselines = baseline_pairs(reference, shape) if paired else {}

    of_volumes = [(number, task) for number, volume in enumerate(volumes) for task in _tasks(singles, volume, shape)]
    of_pairs = [Task(paired, leading(reference, shape), leading(v, shape)) for v in volumes[1:] if paired]
    of_baselines = [Task(paired, piece, other) for piece, other in baselines.values()]
    evidence = Evidence(question, references, candidates, singles) if question else None
    of_verdicts = evidence.tasks() if evidence else []
    results = iter(run([*(task for _, task in of_volumes), *of_pairs, *of_baselines, *of_verdicts]))

    by_volume: list[dict[str, Result]] = [{} for _ in volumes]
    for number, task in of_volumes:
        by_volume[number] |= _with_sample(next(results), task.volume.shape, volumes[number].shape)
    order = [metric.id for metric in singles]
    waiting = iter(by_volume)
    first, *others = (
        _measurement(sample, [next(waiting) for _ in sample.volumes], order, arguments) for sample in samples
    )
    pairs = tuple(next(results) if paired else {} for _ in others)
    of_baseline_pairs = {name: next(results) for name in baselines}
    return Comparison(
        reference=first,
        candidates=tuple(others),
        pairs=pairs,
        baselines=of_baseline_pairs,
        settings=arguments,
        notes=(*_notes(samples, metrics, shape), *without_periodic_axes(metrics, arguments.get("periodic", ()))),
        verdicts=evidence.verdicts(by_volume, list(results)) if evidence else (),
    )


def _measurement(
    sample: Sample, measured: Sequence[Mapping[str, Result]], order: Sequence[str], arguments: Mapping[str, Any]
) -> Measurement:
    results = {name: sample.result([of_volume[name] for of_volume in measured]) for name in order}
    return Measurement(sample.volume, results, arguments)


def _tasks(metrics: Sequence[Metric], volume: Volume, shape: Triple) -> list[Task]:
    if volume.shape == shape:
        return [Task(metrics, volume)]
    intrinsic = [metric for metric in metrics if not metric.size_dependent]
    dependent = [metric for metric in metrics if metric.size_dependent]
    return [Task(intrinsic, volume), Task(dependent, leading(volume, shape))]


def _with_sample(results: Mapping[str, Result], measured: Triple, full: Triple) -> dict[str, Result]:
    """Add to the conventions of results that were measured on a crop which crop it was."""
    if measured == full:
        return dict(results)
    sample = f"common leading crop {by(measured)}"
    return {
        name: replace(result, convention={**result.convention, "sample": sample}) for name, result in results.items()
    }


def _notes(samples: Sequence[Sample], metrics: Sequence[Metric], shape: Triple) -> list[str]:
    notes = [f"{sample.volume.name}: {sample.slices}" for sample in samples if sample.slices]
    volumes = [sample.volume for sample in samples]
    notes += [note for volume in volumes[1:] if (note := threshold_note(volumes[0], volume))]
    cropped = [m.id for m in metrics if m.size_dependent or isinstance(m, PairMetric)]
    if cropped and any(volume.shape != shape for volume in volumes):
        notes.append(
            f"the shapes differ: {', '.join(cropped)} were measured on the common leading crop of "
            f"{by(shape)} voxels of every volume"
        )
    masked = [volume.name for volume in volumes if volume.mask is not None]
    if 0 < len(masked) < len(volumes):
        notes.append(f"a mask was given for {', '.join(masked)} only; the others were measured without a mask")
    with_grey = [volume.name for volume in volumes if volume.grey is not None]
    on_grey = [m.id for m in metrics if m.acts_on_grey_levels]
    if on_grey and with_grey and len(with_grey) < len(volumes):
        notes.append(
            f"{', '.join(on_grey)} act on the grey image of {', '.join(with_grey)} and on the phases spread over "
            "0–255 of the others, so their differences include the difference between the grey scales"
        )
    return notes
