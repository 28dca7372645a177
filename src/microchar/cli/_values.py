"""Parsers of option values."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

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


def lengths(text: str) -> int | str | list[int | str]:
    """Parse one length, or one for each axis: each a number of voxels, or a number with a unit."""
    parsed: list[int | str] = [int(part) if part.lstrip("-").isdigit() else part for part in listed(text)]
    return parsed[0] if len(parsed) == 1 else parsed


def assignment(text: str) -> tuple[str, str]:
    """Parse ``KEY=VALUE``; dashes in the key become underscores."""
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise argparse.ArgumentTypeError(f"found {text!r}, expected KEY=VALUE as in radius=6")
    return key.strip().replace("-", "_"), value.strip()
