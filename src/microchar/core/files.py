"""Write files completely or not at all: the only module of microchar that replaces files.

Each file is first written into a temporary folder next to its target and then moved. Only the folder is created as
temporary, so that the file has the permissions of any other new file of the user.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from microchar.core.errors import InputError

#: First characters of the names of temporary folders.
_PREFIX = ".microchar-"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Provide a temporary path to write a file to; the file is moved to `path` when the block ends.

    If the block raises, the temporary file is deleted and `path` is not changed.

    Parameters
    ----------
    path : Path
        The file to write. An existing file of that name is replaced. Its folder must exist.

    Raises
    ------
    InputError
        If the folder does not exist, or the file cannot be written.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; make it first, or choose another one")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=_PREFIX) as folder:
            # Keep the suffix: some libraries choose the format from it.
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
    """Raise InputError if files cannot be written into a folder; call this before a long measurement."""
    folder = Path(folder)
    home = _home(folder)
    if not home.is_dir():
        raise InputError(f"{folder}: cannot write there ({home} is a file); choose another output folder")
    if not os.access(home, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: cannot write there ({home} is not writable); choose another output folder")


def _home(folder: Path) -> Path:
    # The nearest existing parent folder is on the same disk as the target, and a rename on one disk is a single step.
    return next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())


def write_together(folder: Path, writers: Mapping[str, Callable[[Path], None]]) -> dict[str, Path]:
    """Write files into a folder: all of them, or none. The folder is created if it does not exist.

    All files are first written into a temporary folder. If `folder` does not exist,
    the temporary folder is renamed to `folder`. If it exists, its files of the same
    names are replaced one after the other; if a replacement fails, the previous
    files are restored. Other files in the folder are not changed.

    Parameters
    ----------
    folder : Path
    writers : mapping of str to callable
        Function that writes each file to the path it is called with, by file name.

    Returns
    -------
    dict of str to Path
        Path of each file, by file name.

    Raises
    ------
    InputError
        If the folder cannot be created or written into.
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
