"""The progress line on stderr."""

from __future__ import annotations

import argparse
import shutil
import sys
import time

from microchar.cli._stopping import Stopping
from microchar.core.text import printable


class ProgressLine:
    """One line on stderr with the current step and the time left; nothing is shown if stderr is not a terminal.

    Each call ends the work if a signal has asked for it.
    """

    def __init__(self, options: argparse.Namespace):
        self.shown = sys.stderr.isatty() and not options.quiet
        self.began = time.monotonic()
        self.stop: Stopping = options.stop

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *exception: object) -> None:
        self._line("")

    def __call__(self, fraction: float, text: str, /) -> None:
        """Show the fraction of the work that is done, the time left and the current step, cut to one line."""
        self.stop.check()
        elapsed = time.monotonic() - self.began
        left = f", {_duration(elapsed * (1 - fraction) / fraction)} left" if fraction > 0.02 else ""
        self._line(f"{fraction:4.0%}{left}  {text}")

    def _line(self, text: str) -> None:
        if self.shown:
            width = shutil.get_terminal_size((100, 24)).columns - 1
            print(f"\r\x1b[2K{printable(text)[:width]}", end="", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
