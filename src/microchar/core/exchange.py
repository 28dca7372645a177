"""Exchange old files for new ones, so that an error or a kill at any moment leaves either all old or all new ones.

The new files are written into a temporary folder next to their targets, which holds:

- ``new``: the new files, until they are moved to their targets;
- ``old``: the files that were moved away from the targets;
- ``journal``: the moves, from before the first one until after the last one. As long as it exists, the moves can be
  undone, by this process or, if it was killed, by a later one.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from microchar.core.processes import is_running

_PREFIX = ".microchar-"
_HOST = re.sub(r"\W", "_", platform.node()) or "_"
#: Tells this process from an earlier one with the same number: in a container, every run may be process 1.
_BEGAN = time.time_ns()
_NAME = re.compile(rf"{re.escape(_PREFIX)}(?P<host>\w+)-(?P<process>\d+)-(?P<began>\d+)-(?P<rest>\w+)")


@contextmanager
def temporary_folder(home: Path) -> Iterator[Path]:
    """Make a temporary folder in `home` with an empty folder ``new``; remove it, and those of killed processes.

    If the block raises during an exchange, the moves are undone first.
    """
    _remove_leftovers(home)
    folder = Path(tempfile.mkdtemp(prefix=_own_prefix(), dir=home))
    try:
        (folder / "new").mkdir()
        yield folder
    finally:
        _remove(folder)


def exchange_files(temporary: Path, folder: Path, new: Path, removed: Collection[str] = ()) -> None:
    """Move all that is in `new` into `folder`, in place of what has these names, and move other files away.

    Parameters
    ----------
    temporary : Path
        The temporary folder, which contains `new`.
    folder : Path
        The folder of the targets: the parent of `temporary`, or below it.
    new : Path
    removed : collection of str
        Names of existing files in `folder` that are moved away without replacement.
    """
    moves = [_Move(temporary, folder / file.name, file) for file in sorted(new.iterdir())]
    moves += [_Move(temporary, folder / name, None) for name in sorted(removed)]
    (temporary / "old").mkdir()
    journal = temporary / "journal"
    unfinished = journal.with_suffix(".part")
    unfinished.write_text(json.dumps([move.to_list() for move in moves]), encoding="ascii")
    os.replace(unfinished, journal)
    for move in moves:
        move.make()
    journal.unlink()


class _Move:
    """One target, the file that is moved there (if any), and where the old one is kept."""

    def __init__(self, temporary: Path, target: Path, new: Path | None, stamp: list[int] | None = None):
        self.temporary, self.target, self.new = temporary, target, new
        self.kept = temporary / "old" / target.name
        #: Tells the new file from one that somebody else has put in its place since.
        self.stamp = _stamp(new) if stamp is None and new is not None else stamp

    def to_list(self) -> list[str | list[int] | None]:
        """Return it as plain objects; paths are relative, for the case that the folder is moved as a whole."""
        new = None if self.new is None else str(self.new.relative_to(self.temporary))
        return [str(self.target.relative_to(self.temporary.parent)), new, self.stamp]

    @classmethod
    def from_list(cls, temporary: Path, plain: tuple[str, str | None, list[int] | None]) -> _Move:
        """Rebuild it from `to_list`."""
        target, new, stamp = plain
        return cls(temporary, temporary.parent / target, None if new is None else temporary / new, stamp)

    def make(self) -> None:
        """Move the old file away and the new one to its place."""
        if os.path.lexists(self.target):
            os.replace(self.target, self.kept)
        if self.new is not None:
            os.replace(self.new, self.target)

    def undo(self) -> bool:
        """Undo as much as was made; return False if the old file cannot be put back, because another is in its place.

        What was made shows in which files are where, so this may itself be interrupted and repeated.
        """
        moved_in = self.new is not None and not os.path.lexists(self.new) and os.path.lexists(self.target)
        if self.new is not None and moved_in and _stamp(self.target) == self.stamp:
            os.replace(self.target, self.new)
        if not os.path.lexists(self.kept):
            return True
        if os.path.lexists(self.target):
            return False
        os.replace(self.kept, self.target)
        return True


def _stamp(path: Path) -> list[int]:
    status = path.lstat()
    return [status.st_size, status.st_mtime_ns]


def _undo(temporary: Path) -> bool:
    journal = temporary / "journal"
    if not journal.exists():
        return True
    try:
        listed = json.loads(journal.read_text(encoding="ascii"))
    except ValueError:  # the machine went down before the file was on the disk
        return False
    moves = [_Move.from_list(temporary, plain) for plain in listed]
    undone = [move.undo() for move in reversed(moves)]
    if all(undone):
        journal.unlink()
    return all(undone)


def _remove(temporary: Path) -> None:
    """Undo an exchange that did not end, then remove the folder, unless it holds files that cannot be put back."""
    if _undo(temporary):
        shutil.rmtree(temporary, ignore_errors=True)
    else:
        warnings.warn(
            f"{temporary / 'old'}: holds files that an interrupted run moved away; others have their names now, so "
            "they were not put back. Keep what you need of them and delete the folder",
            stacklevel=2,
        )


def _own_prefix() -> str:
    return f"{_PREFIX}{_HOST}-{os.getpid()}-{_BEGAN}-"


def _remove_leftovers(home: Path) -> None:
    """Remove the temporary folders of processes of this machine that have ended, and undo their exchanges."""
    for folder in home.glob(f"{_PREFIX}*"):
        name = _NAME.fullmatch(folder.name)
        if name is None or name["host"] != _HOST or _is_alive(int(name["process"]), int(name["began"])):
            continue
        claimed = folder.with_name(f"{_own_prefix()}{name['process']}_{name['rest']}")
        with suppress(OSError):  # such as a folder of another user
            os.replace(folder, claimed)  # of several processes that see the folder only one can do this
            _remove(claimed)


def _is_alive(process: int, began: int) -> bool:
    return began == _BEGAN if process == os.getpid() else is_running(process)
