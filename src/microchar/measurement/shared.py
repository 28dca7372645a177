"""`Shared`: the intermediate results that the metrics of one measurement share."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from microchar.core.progress import Progress, silent
from microchar.measurement.executors import is_elsewhere
from microchar.measurement.journal import Journal

T = TypeVar("T")


class Shared:
    """Intermediate results that the metrics of one measurement share.

    They are computed when they are first needed and kept until the measurement ends.
    Cluster labels, solved fields and counts are costly, and several metrics need them.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Executor for blocks and for other parallel work.
    threads : int
        Number of threads that a metric may use by itself.
    progress : Progress
        Progress of the current metric.
    errors : bool
        Whether standard errors are computed.
    journal : Journal, optional
        Where counts are kept as they are made.
    """

    def __init__(
        self,
        executor: Executor,
        threads: int,
        progress: Progress = silent,
        errors: bool = False,
        journal: Journal | None = None,
    ):
        self.executor = executor
        self.threads = threads
        self.progress = progress
        self.errors = errors
        self.journal = journal
        self._made: dict[Hashable, Any] = {}
        self._begun: dict[Hashable, Future[Any]] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the object stored under `key`; if there is none, make and store it, or wait until it is made."""
        if key not in self._made:
            begun = self._begun.pop(key, None)
            self._made[key] = make() if begun is None else begun.result()
        return self._made[key]  # type: ignore[no-any-return]

    def begin(self, key: Hashable, make: Callable[..., T], *arguments: Any) -> None:
        """Have another process make an object, for `get` to wait for; threads of this one have enough to do."""
        if is_elsewhere(self.executor) and key not in self._made and key not in self._begun:
            self._begun[key] = self.executor.submit(make, *arguments)

    def tell_bounds(self, done: float, name: str, lower: float, upper: float) -> None:
        """Tell between which bounds the result of a solve lies so far."""
        self.progress(done, f"{name}: {lower:.4g} to {upper:.4g}")
