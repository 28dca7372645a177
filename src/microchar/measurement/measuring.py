"""`measure`: measure several metrics of one volume together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from microchar.core.errors import InputError
from microchar.core.grid import LengthLike
from microchar.core.notebook import about, html_table
from microchar.core.progress import Progress
from microchar.core.result import Result
from microchar.core.volume import Volume, as_volume
from microchar.measurement.journal import keeping
from microchar.measurement.limit import check_limit, limit_note
from microchar.measurement.metric import Metric, PairMetric
from microchar.measurement.overview import measured_lines, measured_rows
from microchar.measurement.record import Record, VolumeRecord
from microchar.measurement.selection import Parameters, choose, settings, without_periodic_axes
from microchar.measurement.tables import Named
from microchar.measurement.tabulated import Tabulated
from microchar.measurement.tasks import Task, run_tasks


@dataclass(frozen=True, eq=False, repr=False)
class Measurement(Tabulated, Mapping[str, Result]):
    """Results of the metrics of one volume, by metric id.

    Parameters
    ----------
    volume : Volume
        The measured volume.
    results : mapping of str to Result
        Results by metric id, in the order of the report.
    settings : mapping
        Arguments that the caller gave. The conventions of the results state the
        values of the other arguments.
    notes : tuple of str
        What could not be honoured.
    """

    volume: Volume
    results: Mapping[str, Result]
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = [*measured_lines(self.results.values()), *(f"note: {note}" for note in self.notes)]
        return "\n".join([f"Measurement of {about(self.volume)}", *lines])

    def _repr_html_(self) -> str:
        head = ("metric", "phase", self.volume.name, "unit")
        return html_table(f"Measurement of {about(self.volume)}", head, measured_rows([self]), self.notes)

    def __getitem__(self, name: str) -> Result:
        return self.results[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def named(self) -> list[Named]:
        """Return the results with the name of the volume; there is no second volume."""
        return [Named(self.volume.name, "", result) for result in self.results.values()]

    def record(self, **provenance: Any) -> Record:
        """Return the record of the measurement, which can be written or reported."""
        return Record.now(
            [VolumeRecord.of(self.volume, "measured")], self.named(), self.settings, provenance, self.notes
        )


def measure(
    volume: Any,
    metrics: str | Metric | Sequence[str | Metric] | None = None,
    *,
    skip: str | Sequence[str] = (),
    r_max: LengthLike | None = None,
    window: LengthLike | None = None,
    periodic: Sequence[int] = (),
    parameters: Parameters | None = None,
    voxel_size: float | str | Sequence[float | str] | None = None,
    phases: Mapping[str, int] | Sequence[str] | None = None,
    mask: Any = None,
    errors: bool = True,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    fail_fast: bool = False,
    max_memory: float | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
) -> Measurement:
    """Measure a volume.

    Parameters
    ----------
    volume : Volume or array_like, 2D or 3D
        What to measure; an array is checked and converted by `as_volume`.
    metrics : str, Metric, or sequence of them, optional
        Ids (see `microchar.metrics.metric_names`) or configured metrics; default all
        metrics that need only one volume.
    skip : str or sequence of str
        Ids to leave out. Without `metrics`, also those are left out that are computed from
        them alone: the tortuosity factor and the formation factor from the effective
        diffusivity, the pair correlation from the two-point correlation, the anisotropy
        index from GLCM.
    r_max : int, str, or three of them, optional
        Largest lag of the correlation functions, in voxels or as text with a unit;
        default half of each axis, at most 100 voxels.
    window : int, str, or three of them, optional
        Edge of the windows of `local_porosity`.
    periodic : sequence of int
        Axes along which the volume is periodic. A metric that does not support them is
        refused if it is named; without `metrics` it is measured, and a note says so.
    parameters : mapping of str to mapping, optional
        Parameters of individual metrics, by metric id:
        ``{"effective_diffusivity": {"tolerance": 1e-2}}``.
    voxel_size, phases, mask
        Passed to `as_volume`.
    errors : bool
        Whether to compute the standard errors and 95 % intervals of the metrics that
        are sums over places.
    threads : int, optional
        Number of threads; default all cores this process may use.
    executor : concurrent.futures.Executor, optional
        Executor that counts the blocks in place of threads of this process. Its workers
        read their blocks themselves if the volume stays on disk (`read_volume`).
    progress : Progress, optional
        ``progress(fraction, text)`` is called from this thread with the fraction of
        the work that is done and the names of the current volume and metric.
    fail_fast : bool
        Whether the first error of a metric is raised. By default, a metric that fails
        gets the status "failed" and a warning, and the others are measured.
    max_memory : float, optional
        Bytes of memory that the measurement may take, at least 1e9; files that are mapped
        are not counted. It limits the number of threads. A metric that does not count in
        blocks and needs more gets the status "refused"; a note says so.
    folder : str or path, optional
        Folder in which counts are kept as they are made; it is removed at the end.
    resume : bool
        Whether to go on from the counts in `folder`, of a run that was interrupted.
        Those of another volume, other arguments or another version are refused.

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
    >>> results = mc.measure(volume, ["volume_fraction", "lineal_path"], r_max=2)
    >>> results["volume_fraction"].value(phase="1").value
    0.5
    """
    check_limit(max_memory)
    volume = as_volume(volume, voxel_size=voxel_size, phases=phases, mask=mask)
    common = {"r_max": r_max, "window": window, "periodic": tuple(sorted(periodic)) or None}
    wanted = choose(metrics, skip, common, parameters)
    chosen = [metric.resolved(volume.grid) for metric in wanted if not isinstance(metric, PairMetric)]
    if metrics is not None:
        _refuse_pairs(wanted)
        for metric in chosen:
            metric.check_mask(volume)
    how: dict[str, Any] = {"threads": threads, "executor": executor, "progress": progress, "fail_fast": fail_fast}
    how["max_memory"] = max_memory
    given = settings(metrics, skip, common, parameters)
    with keeping(None if folder is None else Path(folder), volume, given | {"errors": errors}, resume) as journal:
        (results,) = run_tasks([Task(chosen, volume)], errors=errors, journal=journal, **how)
    notes = (*without_periodic_axes(chosen, periodic), *limit_note(max_memory, threads, chosen, results.values()))
    return Measurement(volume, results, given, notes)


def _refuse_pairs(metrics: Sequence[Metric]) -> None:
    of_two = [metric.id for metric in metrics if isinstance(metric, PairMetric)]
    if of_two:
        raise InputError(
            f"{', '.join(of_two)}: measured on two volumes, found one; hand both to compare() "
            "(`microchar report` on the command line)"
        )
