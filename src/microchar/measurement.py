"""`measure`: the metrics of one volume (or of a pair), together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from microchar.blocks import LAYOUTS, Block, Counts, add_up, available_cores, halo_stop, thread_pool
from microchar.errors import InputError
from microchar.metric import AdditiveMetric, Metric, PairMetric, Shared, WholeMetric, create, names
from microchar.result import Result
from microchar.volume import LengthLike, Volume, as_volume

if TYPE_CHECKING:
    import pandas as pd


class Progress(Protocol):
    """Called while measuring: which metric of which volume, and the share of it that is done."""

    def __call__(self, volume: str, metric: str, fraction: float, /) -> None:
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
    """

    volume: Volume
    results: Mapping[str, Result]

    def __getitem__(self, name: str) -> Result:
        return self.results[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def scalars(self) -> pd.DataFrame:
        """Return the values as a tidy table, a row each."""
        from microchar.tables import scalars

        return scalars([(self.volume.name, "", result) for result in self.results.values()])

    def profiles(self) -> pd.DataFrame:
        """Return the profiles as a tidy table, a row for each sample."""
        from microchar.tables import profiles

        return profiles([(self.volume.name, "", result) for result in self.results.values()])


def measure(
    volume: Any,
    metrics: Sequence[str | Metric] | None = None,
    *,
    skip: Sequence[str] = (),
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
    metrics : sequence of str or Metric, optional
        Ids (see `microchar.metrics.names`) or configured metrics; default all
        that need one volume only.
    skip : sequence of str
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
        ``progress(volume, metric, fraction)``, called from this thread.
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
    chosen = [m.resolved(volume.grid) for m in choose(metrics, skip, parameters) if not isinstance(m, PairMetric)]
    if metrics is not None:
        refuse_mask(chosen, volume)
    return Measurement(volume, run(chosen, volume, None, threads=threads, executor=executor, progress=progress))


def choose(metrics: Sequence[str | Metric] | None, skip: Sequence[str], parameters: Mapping[str, Any]) -> list[Metric]:
    """Make the metrics asked for, in the order of the report."""
    wanted = list(names()) if metrics is None else list(metrics)
    for name in skip:
        create(name)  # an unknown name is an error here too
    made = [m if isinstance(m, Metric) else create(m, **parameters) for m in wanted]
    known = {name: place for place, name in enumerate(names())}
    unique = {m.name(): m for m in made if m.name() not in skip}
    return sorted(unique.values(), key=lambda m: known.get(m.name(), len(known)))


def refuse_mask(metrics: Sequence[Metric], volume: Volume) -> None:
    """Raise if a metric that was asked for by name cannot honour the mask."""
    refusing = [m.name() for m in metrics if not m.mask_supported]
    if volume.mask is not None and refusing:
        raise InputError(
            f"{volume.name}: {', '.join(refusing)} cannot honour a mask; leave it out of the metrics, "
            "or measure without the mask"
        )


def run(
    metrics: Sequence[Metric],
    volume: Volume,
    other: Volume | None,
    *,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> dict[str, Result]:
    """Measure resolved metrics on one volume or, for pair metrics, on two of equal shape."""
    results: dict[str, Result] = {}
    with nullcontext(executor) if executor else thread_pool(threads) as pool:
        shared = Shared(pool, threads or available_cores())
        for metric in metrics:
            if progress is not None:
                shared.progress = partial(progress, volume.name, metric.name())
            shared.progress(0.0)
            results[metric.name()] = _run_one(metric, volume, other, shared)
            shared.progress(1.0)
    return results


def _run_one(metric: Metric, volume: Volume, other: Volume | None, shared: Shared) -> Result:
    obstacle = _obstacle(metric, volume)
    if obstacle is not None:
        return metric.no_result(volume, *obstacle)
    if isinstance(metric, AdditiveMetric):
        counts = shared.get(metric.count_key(), lambda: count_all(metric, volume, other, shared))
        return metric.finish(counts, volume)
    assert isinstance(metric, WholeMetric)
    return metric.compute(volume, shared)


def _obstacle(metric: Metric, volume: Volume) -> tuple[str, str] | None:
    if volume.mask is not None and not metric.mask_supported:
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
    """Sum a metric's counts over the blocks of a volume."""
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

    return add_up(metric.count, blocks(), shared.executor, tick)
