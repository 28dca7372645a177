"""The report: results in, one self-contained HTML page, JSON and CSV out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microchar.errors import InputError
from microchar.report.files import check_writable, read_results, write_json, write_tables, write_together

if TYPE_CHECKING:
    from microchar.comparison import Comparison
    from microchar.measurement import Measurement

__all__ = ["FORMATS", "check_writable", "read_results", "write_report"]

#: What can be written.
FORMATS = ("html", "json", "csv")


def write_report(
    results: Measurement | Comparison | Mapping[str, Any],
    folder: str | Path,
    *,
    formats: Sequence[str] = FORMATS,
) -> dict[str, Path]:
    """Write the report of a measurement or a comparison.

    Parameters
    ----------
    results : Measurement, Comparison or mapping
        What `measure` or `compare` returned, or what `read_results` read.
    folder : str or Path
        Where to; made if it does not exist. Files of an earlier report are
        replaced, other files stay.
    formats : sequence of str
        Among "html" (``report.html``), "json" (``results.json``) and "csv"
        (``scalars.csv`` and ``profiles.csv``).

    Returns
    -------
    dict of str to Path
        The files, by their names.

    Raises
    ------
    InputError
        If a format is unknown or the folder cannot be written into. Nothing is
        left behind then, and an earlier report stays as it was.

    Examples
    --------
    >>> import tempfile
    >>> import microchar as mc
    >>> found = mc.measure([[0, 1], [1, 1]], ["volume_fraction"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sorted(mc.write_report(found, folder, formats=["json", "csv"]))
    ['profiles.csv', 'results.json', 'scalars.csv']
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise InputError(f"formats={list(formats)!r}: expected some of {', '.join(FORMATS)}")
    plain = results if isinstance(results, Mapping) and "schema" in results else results.to_dict()  # type: ignore[union-attr]
    writers: dict[str, Callable[[Path], None]] = {}
    if "json" in formats:
        writers["results.json"] = partial(write_json, plain)
    if "csv" in formats:
        writers |= write_tables(plain)
    if "html" in formats:
        writers["report.html"] = partial(_write_page, plain)
    return write_together(Path(folder), writers)


def _write_page(results: Mapping[str, Any], path: Path) -> None:
    from microchar.report.html import render
    from microchar.report.summary import summarize

    path.write_text(render(summarize(results)), encoding="utf-8")
