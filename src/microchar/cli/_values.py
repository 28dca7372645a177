"""Parsers of option values."""

from __future__ import annotations

import argparse

from microchar.core.text import one_line, whole_number

#: Largest number of threads, volumes or samples that can be asked for.
_MOST = 100_000
_AXES = {"0": 0, "1": 1, "2": 2, "z": 0, "y": 1, "x": 2}


def listed(text: str) -> list[str]:
    """Parse names separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def integers(text: str) -> tuple[int, ...]:
    """Parse whole numbers separated by commas."""
    try:
        return tuple(whole_number(part) for part in text.split(","))
    except ValueError:
        message = f"found {one_line(text)!r}, expected whole numbers as in 400,400,400"
        raise argparse.ArgumentTypeError(message) from None


def integer(text: str) -> int:
    """Parse a whole number."""
    try:
        return whole_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def positive(text: str) -> int:
    """Parse a number of things: from 1 to 100,000."""
    try:
        number = whole_number(text)
    except ValueError:
        number = 0
    if not 0 < number <= _MOST:
        raise argparse.ArgumentTypeError(f"found {one_line(text)!r}, expected a whole number from 1 to {_MOST}")
    return number


def axes(text: str) -> tuple[int, ...]:
    """Parse axes, given as 0, 1, 2 or z, y, x."""
    unknown = [part for part in listed(text) if part not in _AXES]
    if unknown:
        raise argparse.ArgumentTypeError(f"found {unknown[0]!r}, expected axes among 0, 1, 2 or z, y, x")
    return tuple(sorted({_AXES[part] for part in listed(text)}))


def lengths(text: str) -> int | str | list[int | str]:
    """Parse one length, or one for each axis: each a number of voxels, or a number with a unit."""
    parsed: list[int | str] = [integer(part) if part.lstrip("-").isdigit() else part for part in listed(text)]
    return parsed[0] if len(parsed) == 1 else parsed


def assignment(text: str) -> tuple[str, str]:
    """Parse ``KEY=VALUE``; dashes in the key become underscores."""
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise argparse.ArgumentTypeError(f"found {text!r}, expected KEY=VALUE as in radius=6")
    return key.strip().replace("-", "_"), value.strip()
