"""Parsers of option values."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence

from microchar.core.text import one_line, whole_number

#: Largest number of threads, volumes or samples that can be asked for.
_MOST = 100_000
_NEGATIVE = re.compile(r"-\.?\d")
_AXES = {"0": 0, "1": 1, "2": 2, "z": 0, "y": 1, "x": 2}


def joined(arguments: Sequence[str]) -> list[str]:
    """Join options with values that begin with a minus sign, which argparse takes for options: ``--r-max=-1um``."""
    found: list[str] = []
    for position, word in enumerate(arguments):
        if word == "--":
            return [*found, *arguments[position:]]
        if found and _NEGATIVE.match(word) and found[-1].startswith("--") and "=" not in found[-1]:
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def sizes(text: str) -> str:
    """Check that a voxel size has a unit, and return it as it is."""
    from microchar.core.units import states_unit

    if not states_unit(text):
        raise argparse.ArgumentTypeError(
            f"found {text!r}, expected a length with a unit, as in 0.398um or 1,1,2um "
            "(the unit 'voxel' if only the ratios of the edges are known)"
        )
    return text


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


def position(text: str) -> tuple[int, int]:
    """Parse the position of a slice, its axis and its number along it, as in ``0:64``."""
    axis, _, index = text.partition(":")
    try:
        return _AXES[axis.strip()], whole_number(index)
    except (KeyError, ValueError):
        message = f"found {one_line(text)!r}, expected an axis and a voxel along it, as in 0:64"
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
        raise argparse.ArgumentTypeError(
            f"found {one_line(text)!r}, expected a whole number greater than 0, at most {_MOST}"
        )
    return number


def memory(text: str) -> float:
    """Parse a number of bytes with a unit: 500MB, 2GB or 2GiB."""
    found = re.fullmatch(r"\s*([0-9]+\.?[0-9]*)\s*([kMGT])(i?)B\s*", text)
    if found is None:
        raise argparse.ArgumentTypeError(
            f"found {one_line(text)!r}, expected a size with a unit, such as 2GB or 1.5GiB"
        )
    return float(found[1]) * (1024 if found[3] else 1000) ** ("kMGT".index(found[2]) + 1)


def share(text: str) -> float | None:
    """Return a positive number, or a percentage such as ``5%`` as a share; None if the text is neither."""
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


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
