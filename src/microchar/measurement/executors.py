"""Executors that do the work of a measurement: threads, processes, a Dask cluster; named by a text."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

from microchar.core.errors import InputError, MissingDependencyError
from microchar.measurement.blocks import available_cores

T = TypeVar("T")
#: How often a task is begun again because a process has died that counted; a task that kills every process ends there.
_RETRIES = 3
#: Seconds within which a scheduler must answer.
_TIMEOUT = 10
#: Seconds within which there must be a worker; queues of clusters start them one by one.
_PATIENCE = 60
_EXPECTED = "expected dask://HOST:PORT, dask (a cluster on this machine) or processes:N"


def is_elsewhere(executor: Executor) -> bool:
    """Return whether the work is done in other processes."""
    return not isinstance(executor, ThreadPoolExecutor)


def workers(executor: Executor) -> int:
    """Return how many tasks an executor does at the same time."""
    client = getattr(executor, "_client", None)  # of Dask's executor; workers may come and go
    if client is not None:
        return max(1, sum(client.ncores().values()))
    return int(getattr(executor, "_max_workers", available_cores()))


class ProcessPool(Executor):
    """A pool of processes that outlives the death of a process: its tasks are done again by new ones.

    Python's own pool is broken for good where a process is killed, as the system does to
    free memory. The tasks of microchar have no side effects, so that they can be done again.

    Parameters
    ----------
    processes : int
        Number of processes.

    Examples
    --------
    >>> from microchar.measurement.executors import ProcessPool
    >>> with ProcessPool(2) as pool:
    ...     pool.submit(pow, 2, 10).result()
    1024
    """

    def __init__(self, processes: int):
        self._max_workers = processes
        self._lock = threading.Lock()
        self._pool = self._new()

    def _new(self) -> ProcessPoolExecutor:
        # Forked processes inherit locks of threads that they do not have.
        return ProcessPoolExecutor(self._max_workers, get_context("spawn"), _end_with_parent)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a task done, again if a process dies."""
        outer: Future[T] = Future()
        self._begin(outer, lambda pool: pool.submit(fn, *args, **kwargs), _RETRIES)
        return outer

    def _begin(self, outer: Future[T], submit: Callable[[ProcessPoolExecutor], Future[T]], retries: int) -> None:
        pool = self._pool

        def done(inner: Future[T]) -> None:
            error = inner.exception()
            if isinstance(error, BrokenExecutor) and retries:
                self._replace(pool)
                self._begin(outer, submit, retries - 1)
            elif not outer.set_running_or_notify_cancel():
                return
            elif error is not None:
                outer.set_exception(error)
            else:
                outer.set_result(inner.result())

        try:
            inner = submit(pool)
        except RuntimeError as error:  # the pool is broken since, or has ended
            inner = Future()
            inner.set_exception(error)
        inner.add_done_callback(done)

    def _replace(self, broken: ProcessPoolExecutor) -> None:
        """Put a new pool in the place of a broken one, unless another task has done so."""
        with self._lock:
            if self._pool is broken:
                self._pool = self._new()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)


def _end_with_parent() -> None:
    """End this process as soon as the one that began it has ended: if that was killed, nobody else tells it."""
    parent = parent_process()
    assert parent is not None

    def end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


@contextmanager
def opened(text: str | None) -> Iterator[Executor | None]:
    """Provide the executor that a text names, until the block ends; None for threads of this process.

    Parameters
    ----------
    text : str or None
        ``"processes:4"`` (processes of this machine), ``"dask://host:8786"`` (the
        scheduler of a Dask cluster), or ``"dask"`` (a Dask cluster on this machine).

    Raises
    ------
    InputError
        If it names no executor, or the scheduler does not answer.

    Examples
    --------
    >>> from microchar.measurement.executors import opened
    >>> with opened("processes:2") as executor:
    ...     executor.submit(pow, 2, 10).result()
    1024
    """
    if text is None:
        yield None
        return
    if text == "dask" or text.startswith("dask://"):
        with _dask(text) as executor:
            yield executor
        return
    found = re.fullmatch(r"processes:([1-9][0-9]{0,3})", text)
    if found is None:
        raise InputError(f"executor={text!r} (--executor): found no executor of that name, {_EXPECTED}")
    pool = ProcessPool(int(found[1]))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _dask(text: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingDependencyError(
            f'executor={text!r} (--executor): needs dask.distributed: pip install "microchar[distributed]"'
        ) from error
    address = text.removeprefix("dask").removeprefix("://")
    if text != "dask" and not re.fullmatch(r".+:[0-9]+", address):
        raise InputError(f"executor={text!r} (--executor): found no host and port, {_EXPECTED}")
    try:
        client = Client(f"tcp://{address}", timeout=_TIMEOUT) if address else Client(dashboard_address=":0")
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            f"executor={text!r} (--executor): no Dask scheduler answers there within {_TIMEOUT} seconds; start one "
            "with `dask scheduler`, and workers with `dask worker HOST:PORT`"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError as error:
            raise InputError(
                f"executor={text!r} (--executor): the scheduler has had no worker for {_PATIENCE} seconds; start some "
                f"with `dask worker {address}`"
            ) from error
        yield client.get_executor()
