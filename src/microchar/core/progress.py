"""How long work reports how far it is: one protocol for measuring, fitting and generating."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with the share of the work that is done, from 0 to 1, and what is in work.

    What it raises ends the work and reaches the caller; nothing half-done stays.
    """

    def __call__(self, fraction: float, text: str, /) -> None:
        """Take note."""


def silent(fraction: float, text: str = "", /) -> None:
    """Do nothing: the progress of a caller who wants none."""
    del fraction, text


def section(progress: Progress, start: float, stop: float, prefix: str = "") -> Progress:
    """Return the progress of a part of the work, which runs from `start` to `stop` of the whole.

    Parameters
    ----------
    progress : Progress
        Of the whole.
    start, stop : float
        Shares of the whole that are done before and after the part.
    prefix : str
        Written before each text of the part.

    Examples
    --------
    >>> section(lambda fraction, text: print(fraction, text), 0.5, 1.0, "score: ")(0.5, "glcm")
    0.75 score: glcm
    """

    def report(fraction: float, text: str = "", /) -> None:
        progress(start + fraction * (stop - start), f"{prefix}{text}")

    return report
