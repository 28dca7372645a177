"""Phases of a volume: their number, names and grey values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from string import ascii_uppercase

import numpy as np

from microchar.core.errors import InputError

#: Largest number of phases. An image with more distinct grey values is taken to be unsegmented.
MAX_PHASES = 16
#: "pore=0" or "pore:0".
_NAMED = re.compile(r"(.*\S)\s*[=:]\s*([+-]?[0-9]{1,20})", re.DOTALL)


def parse_phases(text: str) -> dict[str, int] | list[str]:
    """Parse "pore=0,solid=255" as a mapping, or "pore,solid" as a list of names; a colon serves as well as "=".

    Examples
    --------
    >>> parse_phases("pore=0, solid:255")
    {'pore': 0, 'solid': 255}
    """
    parts = [part.strip() for part in text.split(",")]
    if not any("=" in part or _NAMED.fullmatch(part) for part in parts):
        return parts
    phases: dict[str, int] = {}
    for part in parts:
        named = _NAMED.fullmatch(part)
        if named is None or named[1] in phases:
            raise InputError(f"phases={text!r}: found {part!r}, expected each name once, as in 'pore=0,solid=255'")
        phases[named[1]] = int(named[2])
    return phases


def name_phases(
    distinct: tuple[int, ...], phases: Mapping[str, int] | Sequence[str] | None, name: str
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the grey values and names of the phases of a volume called `name`, in ascending order of grey value."""
    greys = distinct
    if isinstance(phases, Mapping):
        greys = _named_greys(phases)
        unnamed = sorted(set(distinct) - set(greys))
        if unnamed:
            raise InputError(
                f"{name}: grey values {listed(unnamed)} are in the volume and not among the named phases "
                f"{dict(phases)!r}; name every grey value"
            )
    if len(greys) > MAX_PHASES:
        raise InputError(
            f"{name}: found {len(greys)}{'+' if len(greys) > 65536 else ''} distinct grey values, expected "
            f"at most {MAX_PHASES}, one for each phase; segment the image first, or let threshold='otsu' or "
            "threshold=GREY do it (--threshold on the command line)"
        )
    if phases is None:
        return greys, tuple(str(grey) for grey in greys)
    if len(phases) != len(greys):
        raise InputError(
            f"{name}: {len(phases)} phase names {list(phases)!r} for {len(greys)} grey values {listed(greys)}"
        )
    names = sorted(phases, key=lambda phase: phases[phase]) if isinstance(phases, Mapping) else list(phases)
    if len(set(names)) != len(names) or not all(
        isinstance(phase, str) and phase and "|" not in phase for phase in names
    ):
        raise InputError(f"phases={phases!r}: expected different names, none empty and none with a '|'")
    _refuse_misleading(names, greys)
    return greys, tuple(names)


def _refuse_misleading(names: Sequence[str], greys: Sequence[int]) -> None:
    """Raise InputError if the name of a phase is a grey value of another one, or ends with a grey value."""
    for phase, grey in zip(names, greys, strict=True):
        number = phase.strip().removeprefix("+").removeprefix("-")
        is_other = number.isdecimal() and any(int(phase) == other for other in greys if other != grey)
        if is_other or _NAMED.fullmatch(phase):
            right = ",".join(f"{letter}={value}" for letter, value in zip(ascii_uppercase, greys, strict=False))
            raise InputError(
                f"phases: {phase!r} would be the name of the grey value {grey}; give names and grey values together, "
                f"as {right!r}"
            )


def _named_greys(phases: Mapping[str, int]) -> tuple[int, ...]:
    if not phases or not all(isinstance(grey, int | np.integer) for grey in phases.values()):
        raise InputError(f"phases={dict(phases)!r}: expected a whole grey value for each name, as in {{'pore': 0}}")
    greys = tuple(sorted(int(grey) for grey in phases.values()))
    if not -(2**63) <= greys[0] <= greys[-1] < 2**64:
        raise InputError(f"phases={dict(phases)!r}: expected grey values of 64 bits")
    if len(set(greys)) != len(greys):
        raise InputError(f"phases={dict(phases)!r}: two phases have the same grey value")
    return greys


def listed(greys: Sequence[int]) -> str:
    """Return grey values as text; of many, the first."""
    shown = ", ".join(str(grey) for grey in greys[:8])
    return shown + (f", … ({len(greys)} in all)" if len(greys) > 8 else "")
