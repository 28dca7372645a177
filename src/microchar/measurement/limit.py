"""A limit of the memory of a measurement: how many threads it leaves, and which metrics it refuses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from microchar.core.errors import InputError
from microchar.core.result import Result, Status
from microchar.measurement.blocks import available_cores
from microchar.measurement.metric import Metric

#: How the note on a limit begins.
NOTE = "memory limit"
#: Smallest limit; below it nothing can be promised. What is not counted in blocks may take as much as the limit.
LEAST = 10**9
#: Approximate bytes that all threads share, and that each thread adds: blocks that wait, are counted, or are unpacked.
_TOGETHER, _PER_THREAD = 7e8, 2e8


def check_limit(max_memory: float | None) -> None:
    """Raise InputError if a limit is too small to be kept."""
    if max_memory is not None and not LEAST <= max_memory < math.inf:
        raise InputError(
            f"max_memory={max_memory:g} (--max-memory): expected at least {gigabytes(LEAST)}, "
            "which counting in blocks takes"
        )


def threads_within(max_memory: float | None, threads: int | None) -> int | None:
    """Return the number of threads whose blocks fit into a limit, at most that which was asked for."""
    if max_memory is None:
        return threads
    return max(1, min(threads or available_cores(), int((max_memory - _TOGETHER) / _PER_THREAD)))


def too_large(needed: float, max_memory: float) -> str:
    """Return why a metric that needs so many bytes is refused."""
    return (
        f"needs about {gigabytes(needed)} of memory, max_memory (--max-memory) allows {gigabytes(max_memory)}; "
        "crop the volume (--crop), or allow more"
    )


def limit_note(
    max_memory: float | None, threads: int | None, metrics: Sequence[Metric], results: Iterable[Result]
) -> list[str]:
    """Return a note on what a limit did: which metrics were counted block by block, and which were refused."""
    if max_memory is None:
        return []
    refused = {r.metric: r.message for r in results if r.status == Status.REFUSED and "max_memory" in r.message}
    in_blocks = [metric.id for metric in metrics if metric.in_blocks]
    whole = [metric.id for metric in metrics if not metric.in_blocks and metric.id not in refused]
    parts = [f"{threads_within(max_memory, threads)} threads"]
    parts += [f"block by block: {', '.join(in_blocks)}"] * bool(in_blocks)
    parts += [f"as a whole: {', '.join(whole)}"] * bool(whole)
    parts += [f"refused: {name}, which {message}" for name, message in refused.items()]
    return [f"{NOTE} {gigabytes(max_memory)}, without mapped files: {'; '.join(parts)}"]


def gigabytes(size: float) -> str:
    """Write a number of bytes."""
    return f"{size / 1e9:.3g} GB"
