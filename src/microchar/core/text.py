"""Parts of messages that several packages use."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
