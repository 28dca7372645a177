"""Parts of messages that several packages use."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from itertools import count

#: Longest message on the command line; of longer ones the middle is left out.
_LONGEST = 2000
#: Bytes of file names that are no text in the encoding of the system, as Python holds them.
_BYTES = re.compile("[\udc80-\udcff]+")
#: Control characters, other ends of lines, what is invisible or turns the direction of writing, halves of characters.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Escape what cannot be printed or written as UTF-8: control characters, and bytes in names of files.

    All names that are shown pass here once, when a volume or a record is made.

    Examples
    --------
    >>> printable("caf\udce9\n")
    'caf\\xe9\\n'
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), _BYTES.sub(_as_utf8, text))


def _as_utf8(found: re.Match[str]) -> str:
    # In the C locale every byte beyond ASCII is such a character, also where the bytes together are letters.
    return found[0].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


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


def unused_name(name: str, used: Collection[str]) -> str:
    """Return the name, or the first of "name (2)", "name (3)", … that is not used.

    Examples
    --------
    >>> unused_name("real", {"real", "real (2)"})
    'real (3)'
    """
    names = (name if number == 1 else f"{name} ({number})" for number in count(1))
    return next(each for each in names if each not in used)


def by(lengths: Iterable[object]) -> str:
    """Format lengths as a size.

    Examples
    --------
    >>> by((100, 200, 300))
    '100 × 200 × 300'
    """
    return " × ".join(f"{n:g}" if isinstance(n, float) else str(n) for n in lengths)


def phases_in_text(names: Sequence[str]) -> str:
    """Return names of phases as a sentence holds them; one that is a number is "phase 0".

    Examples
    --------
    >>> phases_in_text(["pore", "1", "2"])
    'pore, phase 1 and phase 2'
    """
    *first, last = [f"phase {name}" if name.isdigit() else name for name in names]
    return f"{', '.join(first)} and {last}" if first else last


def one_line(message: str) -> str:
    """Return a message as one printable line of bearable length."""
    line = printable(message)
    half = _LONGEST // 2
    return line if len(line) <= _LONGEST else f"{line[:half]} … {line[-half:]}"


def whole_number(text: str) -> int:
    """Parse a whole number of 64 bits, with or without a sign; anything else, such as 5,000 digits, is a ValueError.

    Examples
    --------
    >>> whole_number(" -12")
    -12
    """
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,20}\s*", text) or not -(2**63) <= int(text) < 2**64:
        raise ValueError(f"{one_line(text)!r} is not a whole number of 64 bits")
    return int(text)
