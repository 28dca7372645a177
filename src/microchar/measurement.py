"""`measure`: the metrics of one volume (or of a pair), together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from microchar.blocks import LAYOUTS, Block, Counts, add_up, available_cores, halo_stop, thread_pool
from microchar.errors import InputError
from microchar.metric import AdditiveMetric, Metric, PairMetric, Shared, WholeMetric, create, find, names
from microchar.result import Result
from microchar.tables import Named, profiles, scalars
from microchar.volume import LengthLike, Volume, as_volume

if TYPE_CHECKING:
    import pandas as pd


class Progress(Protocol):
    """Called while measuring: the share of the work that is done, and what is in work.

    The name of the metric may be followed by a blank and a detail, such as the
    interval that holds an effective diffusivity so far.
    """

    def __call__(self, fraction: float, volume: str, metric: str, /) -> None:
        """Take note."""


@dataclass(frozen=True, eq=False)
class Measurement(Mapping[str, Result]):
    """The results of the metrics of one volume, by metric id.

    Parameters
    ----------
    volume : Volume
        What was measured.
    results : mapping of str to Result
        In the order of the report.
    settings : mapping
        The arguments that were given; the conventions of the results say what
        the others came to be.
    """

    volume: Volume
    results: Mapping[str, Result]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Result:
        return self.results[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def named(self) -> list[Named]:
        """Return the results with the names of the volume and of the other one (none here)."""
        return [Named(self.volume.name, "", result) for result in self.results.values()]

    def scalars(self) -> pd.DataFrame:
        """Return the values as a tidy table, a row each."""
        return scalars(self.named())

    def profiles(self) -> pd.DataFrame:
        """Return the profiles as a tidy table, a row for each sample."""
        return profiles(self.named())

    def to_dict(self, **provenance: Any) -> dict[str, Any]:
        """Return everything as plain Python objects: the content of ``results.json``."""
        from microchar.record import describe, record

        return record([describe(self.volume, "measured")], self.named(), self.settings, provenance)


def measure(
    volume: Any,
    metrics: str | Metric | Sequence[str | Metric] | None = None,
    *,
    skip: str | Sequence[str] = (),
    r_max: LengthLike | None = None,
    window: LengthLike | None = None,
    periodic: Sequence[int] = (),
    voxel_size: float | str | Sequence[float | str] | None = None,
    phases: Mapping[str, int] | Sequence[str] | None = None,
    mask: Any = None,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    **parameters: Any,
) -> Measurement:
    """Measure a volume.

    Parameters
    ----------
    volume : Volume or array_like, 2D or 3D
        What to measure; an array is checked and converted by `as_volume`.
    metrics : str, Metric, or sequence of them, optional
        Ids (see `microchar.metrics.names`) or configured metrics; default all
        that need one volume only.
    skip : str or sequence of str
        Ids to leave out.
    r_max : int, str, or three of them, optional
        Largest lag of the correlation functions, in voxels or as a text with a
        unit; default half of each axis, at most 100 voxels.
    window : int, str, or three of them, optional
        Edge of the windows of `local_porosity`.
    periodic : sequence of int
        Axes along which the volume repeats.
    voxel_size, phases, mask
        Passed to `as_volume`.
    threads : int, optional
        Number of threads; default all cores this process may use.
    executor : concurrent.futures.Executor, optional
        Where blocks are counted instead of on threads of this process.
    progress : callable, optional
        ``progress(fraction, volume, metric)``: the share of the work that is done
        and the names of what is in work. It is called from this thread.
    **parameters
        Further parameters of metrics, by field name, such as ``diffusivity=``.

    Returns
    -------
    Measurement
        A mapping from metric id to `Result`.

    Raises
    ------
    InputError
        If the volume or an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> volume = np.indices((8, 8, 8)).sum(axis=0) % 2
    >>> found = mc.measure(volume, ["volume_fraction", "lineal_path"], r_max=2)
    >>> found["volume_fraction"].value(phase="1").value
    0.5
    """
    volume = as_volume(volume, voxel_size=voxel_size, phases=phases, mask=mask)
    parameters |= {"r_max": r_max, "window": window, "periodic": tuple(sorted(periodic)) or None}
    wanted = choose(metrics, skip, parameters)
    chosen = [metric.resolved(volume.grid) for metric in wanted if not isinstance(metric, PairMetric)]
    if metrics is not None:
        _refuse_pairs(wanted)
        refuse_mask(chosen, volume)
    (results,) = run_all([Task(chosen, volume)], threads=threads, executor=executor, progress=progress)
    return Measurement(volume, results, settings(metrics, skip, parameters))


def settings(
    metrics: Sequence[str | Metric] | str | Metric | None, skip: Sequence[str], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments that were given, for the record; what was left to its default is left out."""
    chosen = [metrics] if isinstance(metrics, str | Metric) else metrics
    named = None if chosen is None else [metric if isinstance(metric, str) else repr(metric) for metric in chosen]
    given = {"metrics": named, "skip": list(skip) or None, **parameters}
    return {key: value for key, value in given.items() if value is not None}


def choose(
    metrics: str | Metric | Sequence[str | Metric] | None, skip: str | Sequence[str], parameters: Mapping[str, Any]
) -> list[Metric]:
    """Make the metrics asked for, in the order of the report; a parameter that none of them has is refused."""
    for name in _several(skip):
        create(name)  # an unknown name is an error here too
    made = [_made(metric, parameters) for metric in (names() if metrics is None else _several(metrics))]
    _refuse_unknown(parameters, made)
    known = {name: place for place, name in enumerate(names())}
    unique = {m.name(): m for m in made if m.name() not in _several(skip)}
    if not unique:
        raise InputError("metrics: found none, or all of them skipped; `microchar metrics` lists what can be measured")
    return sorted(unique.values(), key=lambda m: known.get(m.name(), len(known)))


def _several(given: Any) -> Sequence[Any]:
    return given if isinstance(given, Sequence) and not isinstance(given, str) else [given]


def _made(metric: str | Metric, parameters: Mapping[str, Any]) -> Metric:
    if isinstance(metric, str):
        return create(metric, **parameters)
    if isinstance(metric, Metric):
        return metric
    raise InputError(f"metrics: found {metric!r}, expected ids or configured metrics, such as LinealPath(r_max=50)")


def _refuse_unknown(parameters: Mapping[str, Any], metrics: Sequence[Metric]) -> None:
    unused = {name for name, value in parameters.items() if value is not None} - _fields(metrics)
    if not unused:
        return
    # One of another metric is no mistake: r_max= may be given whatever is measured.
    known = _fields(find(name) for name in names())
    for name in sorted(unused - known):
        near = difflib.get_close_matches(name, known, n=1)
        raise InputError(f"{name}=: no metric has this parameter" + (f"; did you mean {near[0]!r}?" if near else ""))


def _fields(metrics: Iterable[Metric | type[Metric]]) -> set[str]:
    return {own.name for metric in metrics for own in fields(metric)}


def _refuse_pairs(metrics: Sequence[Metric]) -> None:
    of_two = [m.name() for m in metrics if isinstance(m, PairMetric)]
    if of_two:
        raise InputError(
            f"{', '.join(of_two)}: measured on two volumes, found one; hand both to compare() "
            "(`microchar report` on the command line)"
        )


def refuse_mask(metrics: Sequence[Metric], volume: Volume) -> None:
    """Raise if a metric that was asked for by name cannot honour the mask."""
    refusing = [m.name() for m in metrics if not m.mask_supported]
    if volume.mask is not None and refusing:
        raise InputError(
            f"{volume.name}: {', '.join(refusing)} cannot honour a mask; leave it out of the metrics, "
            f"or measure without the mask{_insulating(metrics)}"
        )


def _insulating(metrics: Sequence[Metric]) -> str:
    if "mask_insulating" not in _fields(metrics):
        return ""
    return "; diffusion can take the masked voxels as insulators with mask_insulating=True (--mask-insulating)"


@dataclass(frozen=True, eq=False)
class Task:
    """Metrics to measure on one volume or, for pair metrics, on two of equal shape."""

    metrics: Sequence[Metric]
    volume: Volume
    other: Volume | None = None

    def cost(self, metric: Metric) -> float:
        """Return about how much of the time a metric takes, in arbitrary units."""
        return metric.cost * float(np.prod(self.volume.shape))


def run(
    metrics: Sequence[Metric], volume: Volume, other: Volume | None = None, *, threads: int | None = None
) -> dict[str, Result]:
    """Measure resolved metrics on one volume or, for pair metrics, on two of equal shape."""
    return run_all([Task(metrics, volume, other)], threads=threads)[0]


def run_all(
    tasks: Sequence[Task],
    *,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Result]]:
    """Run tasks one after the other; each is parallel inside."""
    total = sum(task.cost(metric) for task in tasks for metric in task.metrics)
    done = 0.0
    found = []
    with nullcontext(executor) if executor else thread_pool(threads) as pool:
        for task in tasks:
            shared = Shared(pool, threads or available_cores())
            results = {}
            for metric in task.metrics:
                cost = task.cost(metric)
                if progress is not None:
                    shared.progress = partial(_report_progress, progress, done, cost, total, task, metric)
                shared.progress(0.0)
                results[metric.name()] = _run_one(metric, task.volume, task.other, shared)
                done += cost
            found.append(results)
    if progress is not None and tasks:
        progress(1.0, tasks[-1].volume.name, "")
    return found


def _report_progress(
    progress: Progress,
    done: float,
    cost: float,
    total: float,
    task: Task,
    metric: Metric,
    fraction: float,
    detail: str = "",
    /,
) -> None:
    progress((done + fraction * cost) / total, task.volume.name, f"{metric.name()} {detail}".strip())


def _run_one(metric: Metric, volume: Volume, other: Volume | None, shared: Shared) -> Result:
    obstacle = _obstacle(metric, volume, other)
    if obstacle is not None:
        return metric.no_result(volume, *obstacle)
    if isinstance(metric, AdditiveMetric):
        counts = shared.get(metric.count_key(), lambda: count_all(metric, volume, other, shared))
        return metric.finish(counts, volume)
    assert isinstance(metric, WholeMetric)
    return metric.compute(volume, shared)


def _obstacle(metric: Metric, volume: Volume, other: Volume | None) -> tuple[str, str] | None:
    masked = any(v is not None and v.mask is not None for v in (volume, other))
    if masked and not metric.mask_supported:
        return "refused", "the metric cannot honour a mask"
    if volume.n_phases < metric.min_phases:
        return "not_applicable", f"needs at least {metric.min_phases} phases, the volume has {volume.n_phases}"
    if volume.grid.ndim < metric.min_ndim:
        return (
            "not_applicable",
            f"needs at least {metric.min_ndim} axes longer than one voxel, found {volume.grid.ndim}",
        )
    return None


def count_all(metric: AdditiveMetric, volume: Volume, other: Volume | None, shared: Shared) -> Counts:
    """Sum a metric's counts over the blocks of a volume, and add those that are no such sums."""
    whole = metric.whole(volume, shared)
    read = metric.field(volume, shared)
    read_other = metric.field(other, shared) if other is not None else None
    halo = metric.halo(volume.grid)
    done = 0
    regions = LAYOUTS[metric.layout](volume.shape)
    total = sum(int(np.prod(region.core)) for region in regions)

    def blocks() -> Iterator[Block]:
        for region in regions:
            stop = halo_stop(region, halo, volume.shape, metric.periodic)
            yield Block(
                labels=read(region.start, stop),
                core=region.core,
                start=region.start,
                shape=volume.shape,
                n_phases=volume.n_phases,
                axis=region.axis,
                other=read_other(region.start, stop) if read_other is not None else None,
            )

    def tick(voxels: int) -> None:
        nonlocal done
        done += voxels
        shared.progress(done / total)

    return add_up(metric.count, blocks(), shared.executor, tick) | whole
