"""`compare`: measure a reference and any number of candidates in the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from microchar.comparison.baselines import baseline_pairs
from microchar.comparison.matching import common_shape, leading, match_whole, named_volume, unique_names
from microchar.core.errors import InputError
from microchar.core.grid import Grid, LengthLike, Triple
from microchar.core.progress import Progress
from microchar.core.result import Result
from microchar.core.text import by
from microchar.core.volume import Volume
from microchar.measurement.measuring import Measurement
from microchar.measurement.metric import Metric, PairMetric
from microchar.measurement.record import Record, VolumeRecord
from microchar.measurement.selection import Parameters, choose, settings
from microchar.measurement.tables import Named, differences, profiles, scalars
from microchar.measurement.tasks import Task, run_tasks

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Comparison:
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
    """

    reference: Measurement
    candidates: tuple[Measurement, ...]
    pairs: tuple[Mapping[str, Result], ...] = ()
    baselines: Mapping[str, Mapping[str, Result]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def named(self) -> list[Named]:
        """Return the results of all volumes and pairs, with the names of the volumes."""
        reference = self.reference.volume.name
        named = [entry for measurement in (self.reference, *self.candidates) for entry in measurement.named()]
        for candidate, results in zip(self.candidates, self.pairs, strict=True):
            named += [Named(candidate.volume.name, reference, result) for result in results.values()]
        for label, results in self.baselines.items():
            named += [Named(label, reference, result, baseline=True) for result in results.values()]
        return named

    def scalars(self) -> pd.DataFrame:
        """Return the values of all volumes as a tidy table with a row for each value."""
        return scalars(self.named())

    def profiles(self) -> pd.DataFrame:
        """Return the profiles of all volumes as a tidy table with a row for each point."""
        return profiles(self.named())

    def differences(self) -> pd.DataFrame:
        """Return candidate minus reference for every value that both have."""
        return differences(self.named(), self.reference.volume.name)

    def record(self, **provenance: Any) -> Record:
        """Return the record of the comparison, which can be written or reported."""
        volumes = [VolumeRecord.of(self.reference.volume, "reference")]
        volumes += [VolumeRecord.of(candidate.volume, "candidate") for candidate in self.candidates]
        return Record.now(volumes, self.named(), self.settings, provenance, self.notes)

    def to_dict(self, **provenance: Any) -> dict[str, Any]:
        """Return the record as plain Python objects: the content of ``results.json``."""
        return self.record(**provenance).to_dict()


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
    voxel_size: float | str | Sequence[float | str] | None = None,
    phases: Mapping[str, int] | Sequence[str] | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    fail_fast: bool = False,
) -> Comparison:
    """Measure a reference and its candidates with the same metrics and parameters.

    Lags and windows are chosen once, so that they fit all volumes. If the shapes
    differ, pair metrics and metrics whose expectation depends on the size of the
    volume are measured on the leading crop of the largest shape that fits all volumes.

    Parameters
    ----------
    reference : Volume or array_like
        The volume that the candidates are compared with.
    candidates : Volume, array_like, or list or tuple of them
        The phases of a candidate with other grey values (0/1 against 0/255) are
        matched by the order of the grey values. A candidate without a voxel size gets
        that of the reference.
    metrics, skip, r_max, window, periodic, parameters, threads, executor, progress, fail_fast
        See `measure`.
    voxel_size, phases
        Voxel size and phases of the reference, passed to `as_volume`.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If the volumes cannot be compared because their phases, voxel sizes or numbers
        of axes differ.

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
    several = list(candidates) if isinstance(candidates, list | tuple) else [candidates]
    if not several:
        raise InputError("compare: no candidates were given, expected at least one")
    volumes = [named_volume(reference, "reference", voxel_size=voxel_size, phases=phases)]
    for number, candidate in enumerate(several, 1):
        volume = named_volume(candidate, f"candidate {number}" if len(several) > 1 else "candidate")
        volumes.append(match_whole(volume, volumes[0], named_phases=phases is not None))
    volumes = unique_names(volumes)

    shape = common_shape(volumes)
    common = {"r_max": r_max, "window": window, "periodic": tuple(sorted(periodic)) or None}
    grid = Grid(shape, volumes[0].voxel_size, volumes[0].unit)
    chosen = [metric.resolved(grid) for metric in choose(metrics, skip, common, parameters)]
    if metrics is not None:
        for volume, metric in product(volumes, chosen):
            metric.check_mask(volume)
    run = partial(run_tasks, threads=threads, executor=executor, progress=progress, fail_fast=fail_fast)
    return _compared(chosen, volumes, shape, settings(metrics, skip, common, parameters), run)


def _compared(
    metrics: Sequence[Metric],
    volumes: Sequence[Volume],
    shape: Triple,
    arguments: Mapping[str, Any],
    run: Callable[[Sequence[Task]], list[dict[str, Result]]],
) -> Comparison:
    """Measure the volumes, the reference first; use crops of `shape` for metrics that depend on the size."""
    singles = [metric for metric in metrics if not isinstance(metric, PairMetric)]
    paired = [metric for metric in metrics if isinstance(metric, PairMetric)]
    reference, *candidates = volumes
    baselines = baseline_pairs(reference, shape) if paired else {}

    of_volumes = [task for volume in volumes for task in _tasks(singles, volume, shape)]
    of_pairs = [Task(paired, leading(reference, shape), leading(volume, shape)) for volume in candidates if paired]
    of_baselines = [Task(paired, piece, other) for piece, other in baselines.values()]
    results = iter(run([*of_volumes, *of_pairs, *of_baselines]))

    measured: dict[str, dict[str, Result]] = {volume.name: {} for volume in volumes}
    full_shapes = {volume.name: volume.shape for volume in volumes}
    for task in of_volumes:
        name = task.volume.name
        measured[name] |= _with_sample(next(results), task.volume.shape, full_shapes[name])
    order = [metric.id for metric in singles]
    first, *others = (
        Measurement(volume, {name: measured[volume.name][name] for name in order}, arguments) for volume in volumes
    )
    return Comparison(
        reference=first,
        candidates=tuple(others),
        pairs=tuple(next(results) if paired else {} for _ in candidates),
        baselines={name: next(results) for name in baselines},
        settings=arguments,
        notes=tuple(_notes(volumes, metrics, shape)),
    )


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


def _notes(volumes: Sequence[Volume], metrics: Sequence[Metric], shape: Triple) -> list[str]:
    notes = []
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
