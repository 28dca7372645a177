"""Parts of messages that several packages use."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"did you mean 'nearest'? "``, or an empty string if no known name is similar.

    Examples
    --------
    >>> did_you_mean("lineal_pat", ["lineal_path", "glcm"])
    "did you mean 'lineal_path'? "
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]!r}? " if near else ""


def aligned(rows: Sequence[Sequence[str]], *, numbers: bool = False) -> list[str]:
    """Format rows of equally many cells as lines with aligned columns; `numbers` end their columns on the right.

    Examples
    --------
    >>> aligned([["name", "total"], ["a", "1.25"]], numbers=True)
    ['name  total', 'a      1.25']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    pad = str.rjust if numbers else str.ljust
    return [
        "  ".join([row[0].ljust(widths[0]), *(pad(c, w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    ]


def by(lengths: Iterable[object]) -> str:
    """Format lengths as a size.

    Examples
    --------
    >>> by((100, 200, 300))
    '100 × 200 × 300'
    """
    return " × ".join(f"{n:g}" if isinstance(n, float) else str(n) for n in lengths)
