"""Progress of long computations: one protocol for measuring, fitting and generating."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Callable that receives the fraction of the work that is done, from 0 to 1, and the name of the current step.

    An exception that it raises ends the work and reaches the caller. No partial
    result remains.
    """

    def __call__(self, fraction: float, text: str, /) -> None:
        """Receive the fraction of the work that is done and the name of the current step."""


def silent(fraction: float, text: str = "", /) -> None:
    """Do nothing; used where the caller passes no progress."""
    del fraction, text


def section(progress: Progress, start: float, stop: float, prefix: str = "") -> Progress:
    """Return a progress for one part of the work, which covers the fractions from `start` to `stop` of all the work.

    Parameters
    ----------
    progress : Progress
        Progress of all the work.
    start, stop : float
        Fractions of all the work that are done before and after the part.
    prefix : str
        Text that is put before each text of the part.

    Examples
    --------
    >>> section(lambda fraction, text: print(fraction, text), 0.5, 1.0, "score: ")(0.5, "glcm")
    0.75 score: glcm
    """

    def report(fraction: float, text: str = "", /) -> None:
        progress(start + fraction * (stop - start), f"{prefix}{text}")

    return report
