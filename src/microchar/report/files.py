"""The report's files: written all or not at all, and ``results.json`` read back."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from microchar.errors import InputError
from microchar.record import SCHEMA
from microchar.result import Result
from microchar.tables import Named, profiles, scalars

#: A list of numbers over several lines, as `json.dumps` indents it. Inside a text no line can break.
_NUMBERS = re.compile(r"\[\n[-+\d.eE,\snul]*\]")


def check_writable(folder: str | Path) -> None:
    """Raise InputError if a report cannot be written there: to be asked before measuring, which takes time."""
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
        temporary = Path(tempfile.mkdtemp(prefix=".microchar-", dir=_home(folder)))
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


# --- what is in the files ----------------------------------------------------


def write_json(results: Mapping[str, Any], path: Path) -> None:
    """Write ``results.json``: indented, each list of numbers on one line."""
    text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(_NUMBERS.sub(lambda found: " ".join(found[0].split()), text) + "\n", encoding="utf-8")


def write_tables(results: Mapping[str, Any]) -> dict[str, Callable[[Path], None]]:
    """Return the writers of ``scalars.csv`` and ``profiles.csv``."""
    named = list(_named(results["results"]))

    def writer(table: Callable[[Iterable[Named]], Any]) -> Callable[[Path], None]:
        # Without a float_format pandas writes the shortest text that reads back as the same number.
        return lambda path: table(named).to_csv(path, index=False, lineterminator="\n", encoding="utf-8")

    return {"scalars.csv": writer(scalars), "profiles.csv": writer(profiles)}


def _named(results: Iterable[Mapping[str, Any]]) -> Iterable[Named]:
    for entry in results:
        plain = dict(entry)
        volume, reference, baseline = (plain.pop(key) for key in ("volume", "reference", "baseline"))
        yield Named(volume, reference, Result.from_dict(plain), baseline)


def read_results(path: str | Path) -> dict[str, Any]:
    """Read a ``results.json``, to render its report again.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        As `Measurement.to_dict` or `Comparison.to_dict` gave it.

    Raises
    ------
    InputError
        If the file is missing, is no JSON, ends early, or is of another version.
    """
    path = Path(path)
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except json.JSONDecodeError as error:
        ends = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
        what = "the file ends early; it was cut off" if ends else f"no JSON from line {error.lineno} on"
        raise InputError(f"{path}: {what}; expected a results.json that microchar wrote") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: no text file; expected a results.json that microchar wrote") from error
    schema = results.get("schema") if isinstance(results, dict) else None
    if schema != SCHEMA:
        found = f"schema {schema!r}" if schema else "no schema"
        raise InputError(f"{path}: found {found}, expected {SCHEMA!r}; measure again with this version of microchar")
    return _complete(results, path)


def _complete(results: dict[str, Any], path: Path) -> dict[str, Any]:
    missing = {"provenance", "settings", "volumes", "results", "notes"} - set(results)
    if missing:
        raise InputError(f"{path}: {', '.join(sorted(missing))} missing; the file was changed since it was written")
    try:
        list(_named(results["results"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: a result in it is not complete ({error}); was the file edited?") from error
    return results
