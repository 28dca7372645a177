"""Parts of messages that several packages use."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

#: Categories of Unicode that are shown as escapes: controls, invisible marks, surrogates, and what has no character.
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
#: Longest message on the command line; of longer ones the middle is left out.
_LONGEST = 2000


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"did you mean 'nearest'? "``, or an empty string if no known name is similar.

    Examples
    --------
    >>> did_you_mean("lineal_pat", ["lineal_path", "glcm"])
    "did you mean 'lineal_path'? "
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]!r}? " if near else ""


def by(lengths: Iterable[object]) -> str:
    """Format lengths as a size.

    Examples
    --------
    >>> by((100, 200, 300))
    '100 × 200 × 300'
    """
    return " × ".join(f"{n:g}" if isinstance(n, float) else str(n) for n in lengths)


def printable(text: str) -> str:
    r"""Return a text with control characters, line breaks and invisible characters as escapes.

    Names come from files. A terminal, a table or a page must show them and not obey them.

    Examples
    --------
    >>> print(printable("caf\xe9 \x1b[31m\n"))
    café \x1b[31m\n
    """
    if text.isprintable():
        return text
    return "".join(
        sign.encode("unicode_escape").decode("ascii") if unicodedata.category(sign) in _HIDDEN else sign
        for sign in text
    )


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
        raise ValueError(f"{one_line(text)!r} is no whole number of 64 bits")
    return int(text)
