"""`compare`: one reference, any number of candidates, measured alike and set side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
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
    """The measurements of a reference and of its candidates, and what was measured on pairs of them.

    Parameters
    ----------
    reference : Measurement
        Of the real volume.
    candidates : tuple of Measurement
        Of the others, in the order given.
    pairs : tuple of mapping
        For each candidate the results of the pair metrics (`ssim`, `psnr`).
    baselines : mapping of str to mapping
        The same between the reference and things that are known not to be
        registered with it: what a pair metric scores for nothing.
    settings : mapping
        The arguments that were given.
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
        """Return all results with the names of their volumes."""
        real = self.reference.volume.name
        found = [named for measurement in (self.reference, *self.candidates) for named in measurement.named()]
        for candidate, results in zip(self.candidates, self.pairs, strict=True):
            found += [Named(candidate.volume.name, real, result) for result in results.values()]
        for label, results in self.baselines.items():
            found += [Named(label, real, result, baseline=True) for result in results.values()]
        return found

    def scalars(self) -> pd.DataFrame:
        """Return the values of all volumes as a tidy table, a row each."""
        return scalars(self.named())

    def profiles(self) -> pd.DataFrame:
        """Return the profiles of all volumes as a tidy table, a row for each sample."""
        return profiles(self.named())

    def differences(self) -> pd.DataFrame:
        """Return candidate minus reference for every value that both have."""
        return differences(self.named(), self.reference.volume.name)

    def record(self, **provenance: Any) -> Record:
        """Return the record of the comparison, to be written or reported."""
        volumes = [VolumeRecord.of(self.reference.volume, "reference")]
        volumes += [VolumeRecord.of(candidate.volume, "candidate") for candidate in self.candidates]
        return Record.now(volumes, self.named(), self.settings, provenance, self.notes)

    def to_dict(self, **provenance: Any) -> dict[str, Any]:
        """Return everything as plain Python objects: the content of ``results.json``."""
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
) -> Comparison:
    """Measure a reference and its candidates alike.

    Lags and windows are chosen once, so that they fit all volumes. Metrics whose
    expectation depends on the size of the sample, and pair metrics, are measured
    on the common leading crop where the shapes differ.

    Parameters
    ----------
    reference : Volume or array_like
        The real volume.
    candidates : Volume, array_like, or list or tuple of them
        What is compared with it. A candidate coded otherwise (0/1 against 0/255)
        is matched by the order of its grey values; one without a voxel size is
        taken to have the reference's.
    metrics, skip, r_max, window, periodic, parameters, threads, executor, progress
        As for `measure`.
    voxel_size, phases
        Of the reference, passed to `as_volume`.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If the volumes cannot be compared: other phases, voxel sizes, or numbers
        of axes.

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> rng = np.random.default_rng(0)
    >>> real, fake = rng.random((2, 16, 16, 16)) < 0.3
    >>> found = mc.compare(real, fake, ["volume_fraction"])
    >>> sorted(found.differences()["phase"])
    ['0', '1']
    """
    many = isinstance(candidates, list | tuple)
    given = list(candidates) if many else [candidates]
    if not given:
        raise InputError("compare: no candidates were given, expected at least one")
    real = named_volume(reference, "reference", voxel_size=voxel_size, phases=phases)
    names = [f"candidate {i + 1}" if len(given) > 1 else "candidate" for i in range(len(given))]
    named_phases = phases is not None
    fakes = [
        match_whole(named_volume(candidate, name), real, named_phases)
        for candidate, name in zip(given, names, strict=True)
    ]
    real, *fakes = unique_names([real, *fakes])

    common = common_shape([real, *fakes])
    shared = {"r_max": r_max, "window": window, "periodic": tuple(sorted(periodic)) or None}
    grid = Grid(common, real.voxel_size, real.unit)
    chosen = [metric.resolved(grid) for metric in choose(metrics, skip, shared, parameters)]
    if metrics is not None:
        for volume in (real, *fakes):
            for metric in chosen:
                metric.check_mask(volume)
    return _run(
        chosen,
        real,
        fakes,
        common,
        settings(metrics, skip, shared, parameters),
        {"threads": threads, "executor": executor, "progress": progress},
    )


def _run(
    chosen: Sequence[Metric],
    real: Volume,
    fakes: Sequence[Volume],
    common: Triple,
    given: Mapping[str, Any],
    how: Mapping[str, Any],
) -> Comparison:
    singles = [metric for metric in chosen if not isinstance(metric, PairMetric)]
    paired = [metric for metric in chosen if isinstance(metric, PairMetric)]
    volumes = [real, *fakes]
    others = baseline_pairs(real, common) if paired else {}

    tasks: list[Task] = []
    for volume in volumes:
        tasks += _tasks(singles, volume, common)
    of_volumes = len(tasks)
    tasks += [Task(paired, leading(real, common), leading(fake, common)) for fake in fakes if paired]
    tasks += [Task(paired, piece, other) for piece, other in others.values()]
    found = run_tasks(tasks, **how)

    measured: dict[str, dict[str, Result]] = {volume.name: {} for volume in volumes}
    for task, results in zip(tasks[:of_volumes], found[:of_volumes], strict=True):
        measured[task.volume.name] |= _with_sample(results, task.volume, volumes)
    order = [metric.id for metric in singles]
    measurements = [
        Measurement(volume, {name: measured[volume.name][name] for name in order}, given) for volume in volumes
    ]
    of_pairs = found[of_volumes:]
    n_pairs = len(fakes) if paired else 0
    return Comparison(
        measurements[0],
        tuple(measurements[1:]),
        tuple(of_pairs[:n_pairs]) if paired else tuple({} for _ in fakes),
        dict(zip(others, of_pairs[n_pairs:], strict=True)),
        given,
        tuple(_notes(volumes, chosen, common)),
    )


def _tasks(singles: Sequence[Metric], volume: Volume, common: Triple) -> list[Task]:
    if volume.shape == common:
        return [Task(singles, volume)]
    intrinsic = [metric for metric in singles if not metric.size_dependent]
    dependent = [metric for metric in singles if metric.size_dependent]
    return [Task(intrinsic, volume), Task(dependent, leading(volume, common))]


def _with_sample(results: Mapping[str, Result], measured: Volume, volumes: Sequence[Volume]) -> dict[str, Result]:
    whole = next(volume for volume in volumes if volume.name == measured.name)
    if whole.shape == measured.shape:
        return dict(results)
    sample = f"common leading crop {by(measured.shape)}"
    return {
        name: replace(result, convention={**result.convention, "sample": sample}) for name, result in results.items()
    }


def _notes(volumes: Sequence[Volume], metrics: Sequence[Metric], common: Triple) -> list[str]:
    notes = []
    cropped = [m.id for m in metrics if m.size_dependent or isinstance(m, PairMetric)]
    if cropped and any(volume.shape != common for volume in volumes):
        notes.append(
            f"the shapes differ: {', '.join(cropped)} were measured on the common leading crop of "
            f"{by(common)} voxels of every volume"
        )
    masked = [volume.name for volume in volumes if volume.mask is not None]
    if 0 < len(masked) < len(volumes):
        notes.append(f"a mask was given for {', '.join(masked)} only; the others were measured whole")
    with_grey = [volume.name for volume in volumes if volume.grey is not None]
    on_grey = [m.id for m in metrics if m.acts_on_grey_levels]
    if on_grey and with_grey and len(with_grey) < len(volumes):
        notes.append(
            f"{', '.join(on_grey)} act on the grey image of {', '.join(with_grey)} and on the phases spread over "
            "0–255 of the others, so their differences hold that of the grey scales"
        )
    return notes
