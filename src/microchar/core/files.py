"""Write files completely or not at all, and replace only files that may be replaced.

Each file is first written into a temporary folder next to its target and then moved. Only the folder is created as
temporary, so that the file has the permissions of any other new file of the user.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from microchar.core.errors import InputError
from microchar.core.exchange import exchange_files, temporary_folder

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class Replacing:
    """Which existing files may be replaced or removed.

    A target that is no regular file is always refused.

    Parameters
    ----------
    wrote : callable
        Function that returns whether microchar wrote an existing file; such files may
        be replaced.
    overwrite : sequence of path
        Other files that may be replaced, and folders whose files may be replaced.
    inputs : sequence of path
        Files that are read and are never replaced; also folders that are one volume.
    """

    wrote: Callable[[Path], bool]
    overwrite: Collection[PathLike] = ()
    inputs: Collection[Path] = ()

    def check(self, targets: Iterable[Path]) -> None:
        """Raise InputError if one of the targets exists and may not be replaced."""
        for target in targets:
            if not os.path.lexists(target):
                continue
            refuse_irregular(target)
            if any(_is_part_of(target, path) for path in self.inputs):
                raise InputError(f"{target}: is an input and would be replaced; choose another name for the output")
            if not self.wrote(target) and not any(_is_part_of(target, Path(path)) for path in self.overwrite):
                raise InputError(
                    f"{target}: exists, and microchar did not write it; choose another name or folder for the output, "
                    f"or name the file in overwrite= (--overwrite {target})"
                )


#: For callers that are asked to replace a file of the same name, like `numpy.save`.
ANY = Replacing(wrote=lambda path: True)


def _is_part_of(target: Path, path: Path) -> bool:
    if not path.exists():
        return False
    return target.samefile(path) or (path.is_dir() and path.resolve() in target.resolve().parents)


def refuse_irregular(path: Path, *, folder: bool = False) -> None:
    """Raise InputError if a path exists and is not a regular file (with `folder`: not a folder)."""
    if not os.path.lexists(path) or (stat.S_ISDIR if folder else stat.S_ISREG)(path.lstat().st_mode):
        return
    kind = "a link" if path.is_symlink() else "a folder" if path.is_dir() else "a file" if path.is_file() else "no file"
    expected = "a folder" if folder else "the name of a file"
    raise InputError(f"{path}: is {kind}, expected {expected}; choose another name")


def file_path(path: PathLike) -> Path:
    """Return the path of a file to write; raise InputError if it ends like that of a folder, in a slash."""
    text = os.fspath(path)
    if text.endswith(tuple(filter(None, (os.sep, os.altsep)))):
        raise InputError(f"{text}: ends like the name of a folder, expected the name of a file")
    return Path(path)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Provide a temporary path to write a file to; the file is moved to `path` when the block ends.

    If the block raises, the temporary file is deleted and `path` is not changed.

    Parameters
    ----------
    path : Path
        The file to write. An existing regular file of that name is replaced; if the
        block makes a folder, an existing folder is. The parent folder must exist.

    Raises
    ------
    InputError
        If the folder does not exist, or the file cannot be written.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; make it first, or choose another one")
    try:
        with temporary_folder(path.parent) as temporary:
            # Keep the suffix: some libraries choose the format from it.
            new = temporary / "new" / path.name
            yield new
            refuse_irregular(path, folder=new.is_dir())
            if path.is_dir():
                exchange_files(temporary, temporary.parent, new.parent)
            else:
                os.replace(new, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error


def check_writable(folder: str | Path) -> None:
    """Raise InputError if files cannot be written into a folder; call this before a long measurement."""
    folder = Path(folder)
    home = _home(folder.resolve())
    if not home.is_dir():
        raise InputError(f"{folder}: cannot write there ({home} is a file); choose another output folder")
    if not os.access(home, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: cannot write there ({home} is not writable); choose another output folder")


def _home(folder: Path) -> Path:
    # The nearest existing parent folder is on the same disk as the target, and a rename on one disk is a single step.
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def write_together(
    folder: Path,
    writers: Mapping[str, Callable[[Path], None]],
    *,
    replacing: Replacing = ANY,
    obsolete: Collection[str] = (),
) -> dict[str, Path]:
    """Write files into a folder: all of them, or none. The folder is created if it does not exist.

    All files are first written into a temporary folder, then exchanged for the files
    of the same names; if that fails, the old files are put back. Other files in the
    folder are not changed.

    Parameters
    ----------
    folder : Path
    writers : mapping of str to callable
        Function that writes each file to the path it is called with, by file name.
    replacing : Replacing
        Which existing files may be replaced; by default all regular files.
    obsolete : collection of str
        Files of these names are removed if microchar wrote them and they are not
        written anew.

    Returns
    -------
    dict of str to Path
        Path of each file, by file name.

    Raises
    ------
    InputError
        If a file may not be replaced, or the folder cannot be created or written into.
    """
    check_writable(folder)
    replacing.check(folder / name for name in writers)
    place = folder.resolve()
    home = _home(place)
    parts = place.relative_to(home).parts
    with ExitStack() as stack:
        with _refusing(folder):
            new = stack.enter_context(temporary_folder(home)) / "new"
            temporary = new.parent
            new.joinpath(*parts).mkdir(parents=True, exist_ok=True)
        for name, write in writers.items():
            write(new.joinpath(*parts, name))
        for part in parts:  # another run may have made the folder since
            if not (home / part).is_dir():
                break
            home, new = home / part, new / part
        replacing.check(folder / name for name in writers)
        with _refusing(folder):
            exchange_files(temporary, home, new, _obsolete(place, set(obsolete) - set(writers), replacing))
    return {name: folder / name for name in writers}


@contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    """Raise InputError for what the system refuses."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{folder}: cannot write there ({error.strerror or error}); choose another output folder"
        ) from error


def _obsolete(folder: Path, names: Collection[str], replacing: Replacing) -> list[str]:
    regular = [name for name in names if (folder / name).is_file() and not (folder / name).is_symlink()]
    return [name for name in regular if replacing.wrote(folder / name)]
