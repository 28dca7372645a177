"""`compare`: one reference, any number of candidates, measured alike and set side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from microchar.errors import InputError
from microchar.measurement import Measurement, Progress, Task, choose, refuse_mask, run_all, settings
from microchar.metric import Metric, PairMetric
from microchar.result import Result
from microchar.tables import Named, differences, profiles, scalars
from microchar.units import convert
from microchar.volume import Grid, LengthLike, Triple, Volume, as_volume

if TYPE_CHECKING:
    import pandas as pd

#: Voxel sizes closer than this are equal: TIFF stores resolutions as rounded fractions.
_SAME_VOXEL_SIZE = 1e-3


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

    def to_dict(self, **provenance: Any) -> dict[str, Any]:
        """Return everything as plain Python objects: the content of ``results.json``."""
        from microchar.record import describe, record

        volumes = [describe(self.reference.volume, "reference")]
        volumes += [describe(candidate.volume, "candidate") for candidate in self.candidates]
        return record(volumes, self.named(), self.settings, provenance, self.notes)


def compare(
    reference: Any,
    candidates: Any,
    metrics: str | Metric | Sequence[str | Metric] | None = None,
    *,
    skip: str | Sequence[str] = (),
    r_max: LengthLike | None = None,
    window: LengthLike | None = None,
    periodic: Sequence[int] = (),
    voxel_size: float | str | Sequence[float | str] | None = None,
    phases: Mapping[str, int] | Sequence[str] | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    **parameters: Any,
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
    metrics, skip, r_max, window, periodic, threads, executor, progress
        As for `measure`.
    voxel_size, phases
        Of the reference, passed to `as_volume`.
    **parameters
        Further parameters of metrics, by field name.

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
    real = _volume(reference, "reference", voxel_size=voxel_size, phases=phases)
    names = [f"candidate {i + 1}" if len(given) > 1 else "candidate" for i in range(len(given))]
    named_phases = phases is not None
    fakes = [
        _matched(_volume(candidate, name), real, named_phases) for candidate, name in zip(given, names, strict=True)
    ]
    real, *fakes = _unique_names([real, *fakes])

    common = _common_shape([real, *fakes])
    parameters |= {"r_max": r_max, "window": window, "periodic": tuple(sorted(periodic)) or None}
    grid = Grid(common, real.voxel_size, real.unit)
    chosen = [metric.resolved(grid) for metric in choose(metrics, skip, parameters)]
    if metrics is not None:
        for volume in (real, *fakes):
            refuse_mask(chosen, volume)
    return _run(
        chosen,
        real,
        fakes,
        common,
        settings(metrics, skip, parameters),
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
    others = _baselines(real, common) if paired else {}

    tasks: list[Task] = []
    for volume in volumes:
        tasks += _tasks(singles, volume, common)
    of_volumes = len(tasks)
    tasks += [Task(paired, _leading(real, common), _leading(fake, common)) for fake in fakes if paired]
    tasks += [Task(paired, piece, other) for piece, other in others.values()]
    found = run_all(tasks, **how)

    measured: dict[str, dict[str, Result]] = {volume.name: {} for volume in volumes}
    for task, results in zip(tasks[:of_volumes], found[:of_volumes], strict=True):
        measured[task.volume.name] |= _with_sample(results, task.volume, volumes)
    order = [metric.name() for metric in singles]
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
    return [Task(intrinsic, volume), Task(dependent, _leading(volume, common))]


def _leading(volume: Volume, shape: Triple) -> Volume:
    return volume if volume.shape == shape else volume.crop((0, 0, 0), shape)


def _with_sample(results: Mapping[str, Result], measured: Volume, volumes: Sequence[Volume]) -> dict[str, Result]:
    whole = next(volume for volume in volumes if volume.name == measured.name)
    if whole.shape == measured.shape:
        return dict(results)
    sample = f"common leading crop {_by(measured.shape)}"
    return {
        name: replace(result, convention={**result.convention, "sample": sample}) for name, result in results.items()
    }


def _by(shape: Iterable[int]) -> str:
    return " × ".join(str(n) for n in shape)


def _common_shape(volumes: Sequence[Volume]) -> Triple:
    n0, n1, n2 = (min(volume.shape[axis] for volume in volumes) for axis in range(3))
    return (n0, n1, n2)


# --- making volumes comparable -----------------------------------------------


def _volume(given: Any, name: str, **arguments: Any) -> Volume:
    # A volume has a name already; an array has none.
    return as_volume(given, **arguments) if isinstance(given, Volume) else as_volume(given, name=name, **arguments)


def _matched(candidate: Volume, real: Volume, named_phases: bool) -> Volume:
    """Give a candidate the reference's phases and voxel size, or say why that cannot be."""
    if candidate.grid.axes != real.grid.axes:
        raise InputError(
            f"{candidate.name} has shape {candidate.shape}, {real.name} {real.shape}: "
            "compare images with images and volumes with volumes"
        )
    return alike(candidate, real, named_phases)


def alike(candidate: Volume, real: Volume, named_phases: bool) -> Volume:
    """Give a volume the phases and the voxel size of another, whatever their shapes, or say why that cannot be.

    Where the phases were named, one that lacks some of them will do.
    """
    return _same_voxels(_same_phases(candidate, real, named_phases), real)


def _same_phases(candidate: Volume, real: Volume, named_phases: bool) -> Volume:
    own, known = set(candidate.grey_values), set(real.grey_values)
    if own == known or (named_phases and own < known):
        return replace(candidate, grey_values=real.grey_values, phases=real.phases)
    if len(own) != len(known):
        missing, extra = sorted(known - own), sorted(own - known)
        raise InputError(
            f"{candidate.name} has {len(own)} {'phase' if len(own) == 1 else 'phases'} (grey values {_listed(own)}), "
            f"{real.name} has {len(known)} ({_listed(known)}): "
            + (f"{_listed(missing)} missing from {candidate.name}" if missing else "")
            + ("; " if missing and extra else "")
            + (f"{_listed(extra)} not in {real.name}" if extra else "")
            + "; segment both alike, or name all phases with phases= (--phases) if one is meant to be absent"
        )
    note = (
        f"grey values {_listed(own)} of {candidate.name} were taken for {_listed(known)} of {real.name}, by their order"
    )
    return replace(candidate, phases=real.phases, notes=(*candidate.notes, note))


def _listed(greys: Iterable[int]) -> str:
    return ", ".join(str(grey) for grey in sorted(greys))


def _same_voxels(candidate: Volume, real: Volume) -> Volume:
    if candidate.unit == "voxel" and candidate.voxel_size == (1.0, 1.0, 1.0):
        if real.unit == "voxel" and real.voxel_size == candidate.voxel_size:
            return candidate
        note = f"{candidate.name} has no voxel size; that of {real.name} is taken"
        return replace(candidate, voxel_size=real.voxel_size, unit=real.unit, notes=(*candidate.notes, note))
    if (candidate.unit == "voxel") == (real.unit == "voxel"):
        sizes = [convert(size, candidate.unit, real.unit) for size in candidate.voxel_size]
        if np.allclose(sizes, real.voxel_size, rtol=_SAME_VOXEL_SIZE, atol=0):
            return replace(candidate, voxel_size=real.voxel_size, unit=real.unit)
    raise InputError(
        f"{candidate.name} has voxel size {_size(candidate)}, {real.name} has {_size(real)}: "
        "resample one of them, or give the right voxel size with voxel_size= (--voxel-size, for all volumes)"
    )


def _size(volume: Volume) -> str:
    return " × ".join(f"{size:g}" for size in volume.voxel_size) + f" {volume.unit}"


def _unique_names(volumes: Sequence[Volume]) -> list[Volume]:
    seen: dict[str, int] = {}
    unique = []
    for volume in volumes:
        seen[volume.name] = seen.get(volume.name, 0) + 1
        count = seen[volume.name]
        unique.append(volume if count == 1 else replace(volume, name=f"{volume.name} ({count})"))
    return unique


def _notes(volumes: Sequence[Volume], metrics: Sequence[Metric], common: Triple) -> list[str]:
    notes = []
    cropped = [m.name() for m in metrics if m.size_dependent or isinstance(m, PairMetric)]
    if cropped and any(volume.shape != common for volume in volumes):
        notes.append(
            f"the shapes differ: {', '.join(cropped)} were measured on the common leading crop of "
            f"{_by(common)} voxels of every volume"
        )
    masked = [volume.name for volume in volumes if volume.mask is not None]
    if 0 < len(masked) < len(volumes):
        notes.append(f"a mask was given for {', '.join(masked)} only; the others were measured whole")
    with_grey = [volume.name for volume in volumes if volume.grey is not None]
    on_grey = [m.name() for m in metrics if m.acts_on_grey_levels]
    if on_grey and with_grey and len(with_grey) < len(volumes):
        notes.append(
            f"{', '.join(on_grey)} act on the grey image of {', '.join(with_grey)} and on the phases spread over "
            "0–255 of the others, so their differences hold that of the grey scales"
        )
    return notes


# --- what a pair metric scores for nothing -----------------------------------


def _baselines(real: Volume, common: Triple) -> dict[str, tuple[Volume, Volume]]:
    """Pairs that are not registered: two pieces of the reference, and the reference with a uniform block."""
    pairs = {}
    axis = max(range(3), key=lambda a: real.shape[a] / common[a])
    length = min(common[axis], real.shape[axis] // 2)
    if length >= 1:
        shape = list(common)
        shape[axis] = length
        start = [0, 0, 0]
        start[axis] = real.shape[axis] - length
        stop = [first + n for first, n in zip(start, shape, strict=True)]
        pairs[f"another piece of {real.name}"] = (real.crop((0, 0, 0), shape), real.crop(start, stop))
    piece = _leading(real, common)
    pairs["all-majority block"] = (piece, _uniform(piece))
    return pairs


def _uniform(volume: Volume) -> Volume:
    labels = volume.read()
    majority = int(np.bincount(labels.ravel(), minlength=256)[: volume.n_phases].argmax())
    if volume.grey is None:
        grey = None
    else:
        grey = np.broadcast_to(np.median(volume.grey[labels == majority]).astype(volume.grey.dtype), volume.shape)
    values = np.broadcast_to(np.array(volume.grey_values[majority], volume.values.dtype), volume.shape)
    return replace(volume, values=values, grey=grey, mask=None)
