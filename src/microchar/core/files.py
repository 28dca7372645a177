"""Files that are written whole or not at all: the one place where microchar replaces a file.

Everything is written into a temporary folder beside its target first. Files get the permissions of any other file that
the user makes, since nothing but the folder is temporary.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from microchar.core.errors import InputError

#: How temporary folders begin.
_PREFIX = ".microchar-"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path for a file that gets its name when the block ends, and vanishes if the block raises.

    Parameters
    ----------
    path : Path
        The file to be written; one of that name is replaced. Its folder must exist.

    Raises
    ------
    InputError
        If the folder does not exist, or the file cannot be written there.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; make it first, or choose another one")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=_PREFIX) as folder:
            # The suffix stays: some libraries choose the format by it.
            temporary = Path(folder) / path.name
            yield temporary
            _replace(temporary, path, Path(folder))
    except OSError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error


def _replace(new: Path, path: Path, spare: Path) -> None:
    """Give a file or folder its name; a folder of that name moves to `spare` first, and back if that fails."""
    if not path.is_dir():
        os.replace(new, path)
        return
    if not new.is_dir():
        raise InputError(f"{path}: is a folder, expected the name of a file; choose another name")
    old = spare / f"{path.name}.old"
    os.replace(path, old)
    try:
        os.replace(new, path)
    except BaseException:
        os.replace(old, path)
        raise


def check_writable(folder: str | Path) -> None:
    """Raise InputError if nothing can be written into a folder: to be asked before measuring, which takes time."""
    folder = Path(folder)
    home = _home(folder)
    if not home.is_dir():
        raise InputError(f"{folder}: cannot write there ({home} is a file); choose another output folder")
    if not os.access(home, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: cannot write there ({home} is not writable); choose another output folder")


def _home(folder: Path) -> Path:
    # The nearest folder that exists is on the same disk as the target, where a rename is one step.
    return next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())


def write_together(folder: Path, writers: Mapping[str, Callable[[Path], None]]) -> dict[str, Path]:
    """Write files into a folder, which is made if need be: all of them, or none.

    Everything is written into a temporary folder first. Then a folder that did
    not exist gets its name, and one that did exchanges its files of these names;
    if that fails half-way, those that were there come back. Other files in the
    folder stay as they are.

    Parameters
    ----------
    folder : Path
    writers : mapping of str to callable
        What writes each file, by the file's name.

    Returns
    -------
    dict of str to Path

    Raises
    ------
    InputError
        If the folder cannot be made or written into.
    """
    check_writable(folder)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_home(folder)))
    except OSError as error:
        raise _not_writable(folder, error) from error
    try:
        new = temporary / "new"
        new.mkdir()
        for name, write in writers.items():
            write(new / name)
        try:
            _exchange(new, folder, temporary) if folder.exists() else _name(new, folder)
        except OSError as error:
            raise _not_writable(folder, error) from error
    finally:
        shutil.rmtree(temporary)
    return {name: folder / name for name in writers}


def _not_writable(folder: Path, error: OSError) -> InputError:
    return InputError(f"{folder}: cannot write there ({error.strerror}); choose another output folder")


def _name(new: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    new.rename(folder)


def _exchange(new: Path, folder: Path, temporary: Path) -> None:
    old = temporary / "old"
    old.mkdir()
    moved: list[tuple[Path, Path]] = []
    try:
        for file in sorted(new.iterdir()):
            target = folder / file.name
            if target.exists():
                os.replace(target, old / file.name)
                moved.append((old / file.name, target))
            os.replace(file, target)
    except BaseException:
        for kept, target in moved:
            os.replace(kept, target)
        raise
