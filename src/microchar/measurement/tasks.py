"""Tasks: metrics to measure on a volume or a pair of volumes, run one after the other, each parallel inside."""

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
    """Metrics to measure on one volume or, for pair metrics, on two of equal shape; all of them resolved."""

    metrics: Sequence[Metric]
    volume: Volume
    other: Volume | None = None

    def cost(self, metric: Metric) -> float:
        """Return about how much of the time a metric takes, in arbitrary units."""
        return metric.cost * float(np.prod(self.volume.shape))


def run_tasks(
    tasks: Sequence[Task],
    *,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Result]]:
    """Run tasks in their order and return the results of each by metric id.

    Parameters
    ----------
    tasks : sequence of Task
    threads : int, optional
        Number of threads; default all cores this process may use.
    executor : concurrent.futures.Executor, optional
        Where blocks are counted instead of on threads of this process.
    progress : Progress, optional
        The text names the volume and the metric in work.
    """
    progress = progress or silent
    total = sum(task.cost(metric) for task in tasks for metric in task.metrics)
    done = 0.0
    results = []
    with nullcontext(executor) if executor else thread_pool(threads) as pool:
        for task in tasks:
            shared = Shared(pool, threads or available_cores())
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
