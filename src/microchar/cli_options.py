"""What the commands share: options about input, parsers of option values, reading, and the progress line."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from microchar.volume import Volume

#: Options that say how files become volumes.
INPUT = ("voxel_size", "phases", "threshold", "crop", "shape", "dtype")
_AXES = {"0": 0, "1": 1, "2": 2, "z": 0, "y": 1, "x": 2}


def add_input(
    group: argparse._ArgumentGroup, *, raw_shape: str = "--shape", crop: str = "use this box of every volume"
) -> None:
    """Add the options that say how files become volumes."""
    group.add_argument("--voxel-size", metavar="SIZE", help="edge of a voxel, '0.398um', or three: '1,1,2um'")
    group.add_argument("--phases", metavar="NAME=GREY,…", help="name the phases: pore=0,solid=255")
    group.add_argument("--threshold", metavar="otsu|GREY", help="segment grey images: above the threshold is phase 1")
    group.add_argument("--crop", metavar="A:B,A:B,A:B", help=crop)
    group.add_argument(raw_shape, dest="shape", type=integers, metavar="N,N,N", help="shape of .raw and .bin files")
    group.add_argument("--dtype", metavar="TYPE", help="data type of .raw and .bin files, such as uint8 or '>u2'")


def read(path: str, options: argparse.Namespace, **given: Any) -> Volume:
    """Read a volume as the input options say, or as `given` says instead."""
    from microchar.io import read_volume

    said = {key: getattr(options, key) for key in INPUT}
    return read_volume(path, **said | given)


class Progress:
    """What is in work and the time left, on one line of stderr; nothing when that is no terminal."""

    def __init__(self, options: argparse.Namespace):
        self.shown = sys.stderr.isatty() and not options.quiet
        self.began = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self._line("")

    def __call__(self, fraction: float, what: str, /) -> None:
        """Show the share of the work that is done, the time left, and the work, as far as the line goes."""
        elapsed = time.monotonic() - self.began
        left = f", {_duration(elapsed * (1 - fraction) / fraction)} left" if fraction > 0.02 else ""
        self._line(f"{fraction:4.0%}{left}  {what}")

    def _line(self, text: str) -> None:
        if self.shown:
            width = shutil.get_terminal_size((100, 24)).columns - 1
            print(f"\r\x1b[2K{text[:width]}", end="", file=sys.stderr, flush=True)


@contextmanager
def stopping_gently(callback: Callable[[float, str], None]) -> Iterator[Callable[[float, str], None]]:
    """Give a callback at whose next call Ctrl-C (or a termination) takes effect; a second one does so at once.

    Between two calls the work is as it is, and what is written of it exact.
    """
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        os.write(2, b"\nmicrochar: stopping at the next step; once more to stop at once\n")

    def heeding(fraction: float, what: str) -> None:
        if asked:
            raise KeyboardInterrupt
        callback(fraction, what)

    if threading.current_thread() is not threading.main_thread():
        yield callback
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heeding
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def listed(text: str) -> list[str]:
    """Parse names between commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def integers(text: str) -> tuple[int, ...]:
    """Parse whole numbers between commas."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected whole numbers as in 400,400,400") from None


def positive(text: str) -> int:
    """Parse a whole number greater than 0."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number greater than 0")
    return int(text)


def axes(text: str) -> tuple[int, ...]:
    """Parse axes, given as 0, 1, 2 or z, y, x."""
    unknown = [part for part in listed(text) if part not in _AXES]
    if unknown:
        raise argparse.ArgumentTypeError(f"found {unknown[0]!r}, expected axes among 0, 1, 2 or z, y, x")
    return tuple(sorted({_AXES[part] for part in listed(text)}))
