"""Who does the work of a command: threads of its process, other processes, or a cluster."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from microchar.cli._values import positive

if TYPE_CHECKING:
    from concurrent.futures import Executor


def add_workers(group: argparse._ActionsContainer) -> None:
    """Add the options that say who works."""
    group.add_argument("--threads", type=positive, metavar="N", help="number of threads (default: all cores)")
    add_executor(group, "who works instead of threads")


def add_executor(group: argparse._ActionsContainer, of: str) -> None:
    """Add the option that names other processes."""
    group.add_argument(
        "--executor",
        metavar="NAME",
        help=f"{of}: processes:N, dask (on this machine), or dask://HOST:PORT (a scheduler whose workers see the files "
        "at the same paths)",
    )


def workers(options: argparse.Namespace) -> AbstractContextManager[Executor | None]:
    """Provide the executor that works; None for threads of this process."""
    from microchar.measurement.executors import opened

    return opened(options.executor)
