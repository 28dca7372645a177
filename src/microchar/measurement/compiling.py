"""Compile the kernels of a first run ahead of their use, beside the counting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from typing import TYPE_CHECKING

from microchar.core.grid import triple
from microchar.core.volume import Volume
from microchar.kernels import are_compiled
from microchar.measurement.shared import Shared

if TYPE_CHECKING:
    from microchar.measurement.tasks import Task

#: Edge of the crops that are counted: large enough for the windows of all metrics and for radial pairs by transforms.
_EDGE = 28


@contextmanager
def compiling_ahead(tasks: Sequence[Task], errors: bool) -> Iterator[None]:
    """While the block runs, count in small crops of the volumes on another thread, in the order of the tasks.

    That compiles the kernels that the block is going to need, for the same types of
    arrays. Numba compiles one kernel at a time; whoever needs the same one waits for it.
    Metrics that do not count in blocks are left out: they compute for longer than they
    compile, and the block would wait for them. Nothing is done if there are compiled kernels.

    Parameters
    ----------
    tasks : sequence of Task
    errors : bool
        Whether standard errors are computed, for which cells are counted.
    """
    if are_compiled():
        yield
        return
    end = Event()
    with ThreadPoolExecutor(1) as beside:
        beside.submit(_count_small, tasks, errors, end)
        try:
            yield
        finally:
            end.set()


def _count_small(tasks: Sequence[Task], errors: bool, end: Event) -> None:
    counted = set()
    with ThreadPoolExecutor(1) as pool:
        for task in tasks:
            volume, other = _small(task.volume), None if task.other is None else _small(task.other)
            shared = Shared(pool, 1, errors=errors and task.errors)
            for metric in task.metrics:
                if end.is_set():
                    return
                kind = type(metric)
                if metric.in_blocks and kind not in counted:
                    counted.add(kind)
                    # Lags and windows are those of the crop. What fails here fails, or not, where it is measured.
                    with suppress(Exception):
                        kind().resolved(volume.grid).prepare(volume, other, shared)


def _small(volume: Volume) -> Volume:
    return volume.crop((0, 0, 0), triple(min(n, _EDGE) for n in volume.shape))
