"""The progress line on stderr, and a way to stop work between two steps."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from microchar.core.progress import Progress
from microchar.core.text import printable


class ProgressLine:
    """One line on stderr with the current step and the time left; nothing is shown if stderr is not a terminal."""

    def __init__(self, options: argparse.Namespace):
        self.shown = sys.stderr.isatty() and not options.quiet
        self.began = time.monotonic()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *exception: object) -> None:
        self._line("")

    def __call__(self, fraction: float, text: str, /) -> None:
        """Show the fraction of the work that is done, the time left and the current step, cut to one line."""
        elapsed = time.monotonic() - self.began
        left = f", {_duration(elapsed * (1 - fraction) / fraction)} left" if fraction > 0.02 else ""
        self._line(f"{fraction:4.0%}{left}  {text}")

    def _line(self, text: str) -> None:
        if self.shown:
            width = shutil.get_terminal_size((100, 24)).columns - 1
            print(f"\r\x1b[2K{printable(text)[:width]}", end="", file=sys.stderr, flush=True)


@contextmanager
def stopping_gently(progress: Progress) -> Iterator[Progress]:
    """Provide a progress that ends the work at its next call after Ctrl-C or SIGTERM; a second Ctrl-C ends it at once.

    Whenever the progress is called, the work is in a state that a checkpoint can hold.
    """
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        os.write(2, b"\nmicrochar: stopping at the next step; press Ctrl-C again to stop immediately\n")

    def heeding(fraction: float, text: str, /) -> None:
        if asked:
            raise KeyboardInterrupt
        progress(fraction, text)

    if threading.current_thread() is not threading.main_thread():
        yield progress
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heeding
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
