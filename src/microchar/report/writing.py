"""Writing the report: one self-contained HTML page, JSON and CSV files."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microchar.core.errors import InputError
from microchar.core.files import PathLike, Replacing, check_writable, write_together
from microchar.core.text import printable
from microchar.measurement.record import Record, wrote_json
from microchar.measurement.tables import SCALAR_COLUMNS, Columns, comparison_columns, profile_columns, scalar_columns

if TYPE_CHECKING:
    from microchar.comparison.comparing import Comparison
    from microchar.core.volume import Volume
    from microchar.measurement.measuring import Measurement

#: What can be written.
FORMATS = ("html", "json", "csv")
_FILES = {
    "html": ("report.html",),
    "json": ("results.json",),
    "csv": ("scalars.csv", "profiles.csv", "comparisons.csv"),
}
#: The arguments of the command that made the report.
_STUDY = "study.toml"
#: What stands near the beginning of the files of every version.
_MARKS = {
    ".html": b'<meta name="generator" content="microchar">',
    ".csv": ",".join(SCALAR_COLUMNS[:7]).encode(),
    ".toml": b"# microchar study",
}


def write_report(
    results: Measurement | Comparison | Record,
    folder: str | Path,
    *,
    formats: Sequence[str] = FORMATS,
    volumes: Sequence[Volume] | None = None,
    overwrite: Collection[PathLike] = (),
    full: bool = False,
    light: bool = False,
    study: bytes = b"",
) -> dict[str, Path]:
    """Write the report of a measurement or a comparison.

    Parameters
    ----------
    results : Measurement, Comparison or Record
        What `measure` or `compare` returned, or what `Record.read` read.
    folder : str or Path
        Where the files are written; made if it does not exist. Files of an
        earlier report are replaced, or removed if their format is not written
        anew. Other files stay.
    formats : sequence of str
        Some of "html" (``report.html``), "json" (``results.json``) and "csv"
        (``scalars.csv``, ``profiles.csv`` and, of a comparison, ``comparisons.csv``).
    volumes : sequence of Volume, optional
        What can be looked at on the page, in the order of `results`; by default the
        volumes that were measured. Those of a `Record` are read again from the files that
        it names; if one has changed or cannot be read, the page has the recorded slices.
    overwrite : sequence of path
        Files that may be replaced although microchar did not write them; also folders
        whose files may be replaced.
    full : bool
        Whether the page shows everything that was measured, for all phases and
        directions, and nothing is folded.
    light : bool
        Whether the page is small: headline values only, without ``results.json`` in it, and
        at most 2 MB of volumes instead of 12 MB, by majority over larger blocks of voxels.
    study : bytes
        Content of ``study.toml``, the arguments of the command line that made the report;
        without it there is no such file.

    Returns
    -------
    dict of str to Path
        The path of each file, by its name.

    Raises
    ------
    InputError
        If a format is unknown, a file may not be replaced, or the folder cannot be
        written into. Then no file is left behind, and an earlier report stays as it was.

    Examples
    --------
    >>> import tempfile
    >>> import microchar as mc
    >>> measurement = mc.measure([[0, 1], [1, 1]], ["volume_fraction"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sorted(mc.write_report(measurement, folder, formats=["json", "csv"]))
    ['profiles.csv', 'results.json', 'scalars.csv']
    """
    _check_formats(formats)
    record = results if isinstance(results, Record) else results.record()
    writers: dict[str, Callable[[Path], None]] = {}
    with ThreadPoolExecutor(1) as beside:
        if "json" in formats:
            writers["results.json"] = record.write
        if "csv" in formats:
            writers |= _tables(record)
        if "html" in formats:
            from microchar.report.viewer.content import viewer_of

            shown = _measured(results) if volumes is None else list(volumes)
            # The volumes are packed while the other files are written: most of that is done outside of Python.
            viewer = beside.submit(viewer_of, shown, light=light) if shown else None
            writers["report.html"] = partial(_write_page, record, viewer, full=full, light=light)
        if study:
            writers[_STUDY] = partial(_write_bytes, study)
        every = {_STUDY, *(name for names in _FILES.values() for name in names)}
        obsolete = set() if _is_of(record, Path(folder) / "results.json") else every
        replacing = Replacing(wrote=wrote, overwrite=overwrite)
        return write_together(Path(folder), writers, replacing=replacing, obsolete=obsolete)


def check_report(
    folder: str | Path,
    formats: Sequence[str],
    *,
    overwrite: Collection[PathLike] = (),
    inputs: Collection[Path] = (),
    study: bytes = b"",
) -> None:
    """Raise InputError if `write_report` would do so, or replace one of the inputs; call this before measuring."""
    _check_formats(formats)
    check_writable(folder)
    targets = [Path(folder) / name for format_ in formats for name in _FILES[format_]]
    targets += [Path(folder) / _STUDY] if study else []
    Replacing(wrote=wrote, overwrite=overwrite, inputs=inputs).check(targets)


def _check_formats(formats: Sequence[str]) -> None:
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise InputError(f"formats={list(formats)!r}: expected some of {', '.join(FORMATS)}")


def signed(study: str) -> bytes:
    """Return a study file that tells whether it was edited: its first line holds the checksum of the others."""
    content = study.encode()
    return _MARKS[".toml"] + b" " + _checksum(content) + b"\n" + content


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest()[:16].encode()


def wrote(path: Path) -> bool:
    """Return whether microchar wrote a file, as far as its beginning tells.

    A study file that was edited is the user's.
    """
    if path.suffix == ".json":
        return wrote_json(path, "microchar.results/")
    if path.suffix == ".toml":
        first, _, content = path.read_bytes().partition(b"\n")
        return first == _MARKS[".toml"] + b" " + _checksum(content)
    with path.open("rb") as file:
        return _MARKS[path.suffix] in file.read(400)


def _is_of(record: Record, path: Path) -> bool:
    """Return whether a file holds this very record: then the files beside it are of the same run."""
    # The time is looked for first: to read a whole record takes a while.
    created = str(record.provenance.get("created", "")).encode()
    try:
        if not path.is_file() or created not in path.read_bytes():
            return False
        return json.dumps(Record.read(path).to_dict()) == json.dumps(record.to_dict())
    except (InputError, OSError):
        return False


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _measured(results: Measurement | Comparison | Record) -> list[Volume]:
    """Return the volumes that were measured; none if they cannot be read again."""
    from microchar.measurement.measuring import Measurement
    from microchar.report.viewer.recorded import recorded_volumes

    if isinstance(results, Record):
        return recorded_volumes(results)
    if isinstance(results, Measurement):
        return [results.volume]
    return [measurement.volume for measurement in (results.reference, *results.candidates)]


def _write_page(
    record: Record, viewer: Future[dict[str, Any] | None] | None, path: Path, *, full: bool, light: bool
) -> None:
    from microchar.report.html import render
    from microchar.report.summary import summarize

    summary = summarize(record, full=full, light=light)
    path.write_text(render(summary, None if viewer is None else viewer.result()), encoding="utf-8")


def _tables(record: Record) -> dict[str, Callable[[Path], None]]:
    """Return the writers of the tables."""
    tables: dict[str, Callable[[], Columns]] = {
        "scalars.csv": lambda: scalar_columns(record.results),
        "profiles.csv": lambda: profile_columns(record.results),
    }
    if record.verdicts:
        tables["comparisons.csv"] = lambda: comparison_columns(record.verdicts)
    return {name: partial(_write_table, table) for name, table in tables.items()}


def _write_table(table: Callable[[], Columns], path: Path) -> None:
    columns = table()
    line = lru_cache(_line)  # a column of many rows holds few texts
    cells = ([line(v) if isinstance(v, str) else _number(v) for v in column] for column in columns.values())
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*cells, strict=True))


def _line(text: str) -> str:
    """Return a text as one printable line that no spreadsheet takes for a formula."""
    line = printable(text)
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line


def _number(value: float | None) -> Any:
    """Return a number as the shortest text that reads back as the same one, or nothing for None and nan."""
    if isinstance(value, bool):
        return value
    return None if value is None or math.isnan(value) else float(value)
