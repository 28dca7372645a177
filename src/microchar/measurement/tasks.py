"""Run tasks, which are metrics of a volume or a pair of volumes, one after the other; each runs in parallel."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from microchar.core.progress import Progress, section, silent
from microchar.core.result import Result
from microchar.core.volume import Volume
from microchar.measurement.blocks import available_cores, thread_pool
from microchar.measurement.metric import Metric, Shared


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
) -> list[dict[str, Result]]:
    """Run tasks in their order and return the results of each task by metric id.

    Parameters
    ----------
    tasks : sequence of Task
    threads : int, optional
        Number of threads; default all cores this process may use.
    executor : concurrent.futures.Executor, optional
        Executor that counts the blocks in place of threads of this process.
    progress : Progress, optional
        Its text names the current volume and metric.
    errors : bool
        Whether standard errors are computed; not in tasks that say otherwise.
    """
    progress = progress or silent
    total = sum(task.cost(metric) for task in tasks for metric in task.metrics)
    done = 0.0
    results = []
    with nullcontext(executor) if executor else thread_pool(threads) as pool:
        for task in tasks:
            shared = Shared(pool, threads or available_cores(), errors=errors and task.errors)
            of_task = {}
            for metric in task.metrics:
                cost = task.cost(metric)
                name = f"{task.volume.name}: {metric.id.replace('_', ' ')} "
                shared.progress = section(progress, done / total, (done + cost) / total, name)
                shared.progress(0.0, "")
                of_task[metric.id] = metric.run(task.volume, task.other, shared)
                done += cost
            results.append(of_task)
    progress(1.0, "")
    return results
