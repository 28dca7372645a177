"""Run tasks, which are metrics of a volume or a pair of volumes, one after the other; each runs in parallel.

While a metric is counted, another thread computes the result of the one before: errors are computed on one core.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np

from microchar.core.errors import InputError, NotEnoughMemoryError
from microchar.core.progress import Progress, section, silent
from microchar.core.result import Result, Status
from microchar.core.text import printable
from microchar.core.volume import Volume
from microchar.measurement.blocks import available_cores, thread_pool
from microchar.measurement.compiling import compiling_ahead
from microchar.measurement.journal import Journal
from microchar.measurement.limit import threads_within, too_large
from microchar.measurement.metric import Metric
from microchar.measurement.shared import Shared

#: Longer messages of other libraries are cut.
_LONGEST = 400


@dataclass(frozen=True, eq=False)
class Task:
    """Resolved metrics to measure on one volume or, for pair metrics, on two volumes of equal shape.

    `errors` is False if the values need no standard errors.
    """

    metrics: Sequence[Metric]
    volume: Volume
    other: Volume | None = None
    errors: bool = True

    def cost(self, metric: Metric) -> float:
        """Return the approximate computing time of a metric in arbitrary units."""
        return metric.cost * float(np.prod(self.volume.shape))


def run_tasks(
    tasks: Sequence[Task],
    *,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    errors: bool = False,
    fail_fast: bool = True,
    max_memory: float | None = None,
    journal: Journal | None = None,
) -> list[dict[str, Result]]:
    """Run tasks in their order and return the results of each task by metric id.

    Parameters
    ----------
    tasks : sequence of Task
    threads : int, optional
        Number of threads that count; default all cores this process may use. If there are
        several, one more computes results.
    executor : concurrent.futures.Executor, optional
        Executor that counts the blocks in place of threads of this process.
    progress : Progress, optional
        Its text names the current volume and metric. What it raises ends the work.
    fail_fast : bool
        Whether an error of a metric is raised. Otherwise it becomes a result with the
        status "failed" and a warning. An `InputError` is always raised.
    errors : bool
        Whether standard errors are computed; not in tasks that say otherwise.
    max_memory : float, optional
        Bytes of memory. There are as many threads as it has room for; a metric that needs more
        gets the status "refused".
    journal : Journal, optional
        Where counts are kept as they are made, and found again.
    """
    threads = threads_within(max_memory, threads)
    threads = available_cores() if threads is None else threads
    watched = _Watched(progress or silent)
    total = sum(task.cost(metric) for task in tasks for metric in task.metrics)
    done = 0.0
    results: list[dict[str, Result]] = []
    before: Callable[[], None] = _nothing  # takes the result of the metric before
    with (
        nullcontext(executor) if executor else thread_pool(threads) as pool,
        ThreadPoolExecutor(1) as finishing,
        compiling_ahead([] if executor or threads == 1 else tasks, errors),
    ):
        for task in tasks:
            shared = Shared(pool, threads, errors=errors and task.errors, journal=journal)
            of_task = _refused(task, shared, max_memory)
            results.append(of_task)
            measured = [metric for metric in task.metrics if metric.id not in of_task]
            for metric in measured:
                metric.begin(task.volume, shared)
            for metric in measured:
                cost = task.cost(metric)
                name = f"{task.volume.name}: {metric.id.replace('_', ' ')} "
                shared.progress = section(watched, done / total, (done + cost) / total, name)
                shared.progress(0.0, "")
                begun = _begun(task, metric, shared, finishing)
                if watched.raised:
                    begun.result()
                before()
                before = partial(_take, begun, task, metric, of_task, fail_fast)
                if fail_fast or threads == 1:  # nothing else is counted after an error, or beside one thread
                    before()
                    before = _nothing
                done += cost
        before()
    watched(1.0, "")
    return [
        {metric.id: of_task[metric.id] for metric in task.metrics} for task, of_task in zip(tasks, results, strict=True)
    ]


def _nothing() -> None:
    pass


def _begun(task: Task, metric: Metric, shared: Shared, finishing: Executor) -> Future[Result]:
    """Prepare a metric, and have its result computed; an error is that of the future."""
    try:
        return finishing.submit(metric.prepare(task.volume, task.other, shared))
    except Exception as error:  # noqa: BLE001 (whoever takes the result handles it)
        failed: Future[Result] = Future()
        failed.set_exception(error)
        return failed


def _take(begun: Future[Result], task: Task, metric: Metric, results: dict[str, Result], fail_fast: bool) -> None:
    """Put the result of a metric among the others of its task, or that it failed."""
    try:
        results[metric.id] = begun.result()
    except InputError:
        raise
    except Exception as error:
        failed = _failed(metric, error)
        if fail_fast and isinstance(error, MemoryError):
            raise NotEnoughMemoryError(f"{task.volume.name}: {failed.message}") from error
        if fail_fast:
            raise
        results[metric.id] = failed
        warnings.warn(f"{task.volume.name}: {failed.message}", RuntimeWarning, stacklevel=4)


def _refused(task: Task, shared: Shared, max_memory: float | None) -> dict[str, Result]:
    """Return the results of metrics that need more than the memory that is allowed."""
    needed = {} if max_memory is None else {m.id: m.memory(task.volume, shared) for m in task.metrics}
    return {
        metric.id: metric.no_result(task.volume, Status.REFUSED, too_large(needed[metric.id], max_memory))
        for metric in task.metrics
        if max_memory is not None and needed[metric.id] > max_memory
    }


class _Watched:
    """A progress that remembers whether it has raised: such an exception is none of the metric's."""

    def __init__(self, progress: Progress):
        self.progress = progress
        self.raised = False

    def __call__(self, fraction: float, text: str, /) -> None:
        try:
            self.progress(fraction, text)
        except BaseException:
            self.raised = True
            raise


def _failed(metric: Metric, error: Exception) -> Result:
    if isinstance(error, MemoryError):
        reason = _lack_of_memory(metric, error)
    else:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0][:_LONGEST]
    return Result(
        metric=metric.id,
        title=metric.title,
        symbol=metric.symbol,
        kind=metric.kind,
        convention={},
        status=Status.FAILED,
        message=printable(f"{metric.id} failed: {reason}"),
    )


def _lack_of_memory(metric: Metric, error: MemoryError) -> str:
    remedy = (
        f"crop the volume (--crop), leave the metric out (--skip {metric.id}, or another --metrics), or measure "
        "with fewer threads (--threads), which hold fewer blocks in memory"
    )
    if isinstance(error, NotEnoughMemoryError):
        return f"{error}; {remedy}"
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)  # of NumPy's own errors
    if shape is None or dtype is None:
        return f"not enough memory; {remedy}"
    needed = math.prod(shape) * dtype.itemsize
    return f"not enough memory: {needed} bytes ({needed / 1e9:.2g} GB) in one piece; {remedy}"
