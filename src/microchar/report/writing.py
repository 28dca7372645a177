"""Writing the report: one self-contained HTML page, JSON and CSV files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microchar.core.errors import InputError
from microchar.core.files import write_together
from microchar.core.text import printable
from microchar.measurement.record import Record
from microchar.measurement.tables import Named, profiles, scalars

if TYPE_CHECKING:
    from microchar.comparison.comparing import Comparison
    from microchar.measurement.measuring import Measurement

#: What can be written.
FORMATS = ("html", "json", "csv")


def write_report(
    results: Measurement | Comparison | Record,
    folder: str | Path,
    *,
    formats: Sequence[str] = FORMATS,
) -> dict[str, Path]:
    """Write the report of a measurement or a comparison.

    Parameters
    ----------
    results : Measurement, Comparison or Record
        What `measure` or `compare` returned, or what `Record.read` read.
    folder : str or Path
        Where the files are written; made if it does not exist. Files of an
        earlier report are replaced, other files stay.
    formats : sequence of str
        Some of "html" (``report.html``), "json" (``results.json``) and "csv"
        (``scalars.csv`` and ``profiles.csv``).

    Returns
    -------
    dict of str to Path
        The path of each file, by its name.

    Raises
    ------
    InputError
        If a format is unknown, or the folder cannot be written into. Then no file
        is left behind, and an earlier report stays as it was.

    Examples
    --------
    >>> import tempfile
    >>> import microchar as mc
    >>> measurement = mc.measure([[0, 1], [1, 1]], ["volume_fraction"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sorted(mc.write_report(measurement, folder, formats=["json", "csv"]))
    ['profiles.csv', 'results.json', 'scalars.csv']
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise InputError(f"formats={list(formats)!r}: expected some of {', '.join(FORMATS)}")
    record = results if isinstance(results, Record) else results.record()
    writers: dict[str, Callable[[Path], None]] = {}
    if "json" in formats:
        writers["results.json"] = record.write
    if "csv" in formats:
        writers |= _tables(record)
    if "html" in formats:
        writers["report.html"] = partial(_write_page, record)
    return write_together(Path(folder), writers)


def _write_page(record: Record, path: Path) -> None:
    from microchar.report.html import render
    from microchar.report.summary import summarize

    path.write_text(render(summarize(record)), encoding="utf-8")


def _tables(record: Record) -> dict[str, Callable[[Path], None]]:
    """Return the writers of ``scalars.csv`` and ``profiles.csv``."""

    def writer(table: Callable[[Iterable[Named]], Any]) -> Callable[[Path], None]:
        # Without float_format, pandas writes the shortest text that reads back as the same number.
        return lambda path: (
            table(record.results).map(_cell).to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
        )

    return {"scalars.csv": writer(scalars), "profiles.csv": writer(profiles)}


def _cell(value: Any) -> Any:
    """Return a text as one printable line that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    line = printable(value)
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line
