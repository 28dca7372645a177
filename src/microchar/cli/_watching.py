"""Files that appear while a command runs, each taken when it is finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

#: What tells that a file has changed: sizes and times of modification.
State = tuple[tuple[int, int], ...]


def finished_files(paths: Callable[[], Iterable[Path]], wait: Callable[[], None]) -> Iterator[Mapping[Path, State]]:
    """Yield the finished files with their states, first and whenever they have changed.

    A file is finished if it has not changed from one look to the next.

    Parameters
    ----------
    paths : callable
        Returns the files, or folders that are one volume, that exist now.
    wait : callable
        Waits for the next look, and ends the watch by an exception.
    """
    before: dict[Path, State] = {}
    known: dict[Path, State] = {}
    while True:
        now = {path: _state(path) for path in paths()}
        finished = {path: state for path, state in now.items() if state and before.get(path) == state}
        if finished != known:
            known = finished
            yield finished
        before = now
        wait()


def _state(path: Path) -> State:
    """Return the state of a file, or of all files in a folder; () if it has gone."""
    try:
        stats = [file.stat() for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    except OSError:
        return ()
    return tuple((stat.st_size, stat.st_mtime_ns) for stat in stats)
