"""The order of slices, and what their names tell of it: gaps, unequal steps, several stacks in one folder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from microchar.core.errors import InputError

#: A number in a name. A minus is a sign only if it makes one pattern of the names of a folder.
_NUMBER, _SIGNED = re.compile(r"\d+"), re.compile(r"-?\d+")
#: How many missing slices a note names.
_NAMED = 5


def in_order(names: Sequence[str], where: str) -> tuple[list[str], tuple[str, ...]]:
    """Sort the names of slices by the numbers in them: slice 2 before slice 10, -1 before 0.

    Parameters
    ----------
    names : sequence of str
    where : str
        The folder or glob, for messages.

    Returns
    -------
    names : list of str
    notes : tuple of str
        What is odd about the numbers: gaps, unequal steps.

    Raises
    ------
    InputError
        If the names follow several patterns.
    """
    number = _NUMBER
    if len(_patterns(names, number)) > 1 and len(_patterns(names, _SIGNED)) == 1:
        number = _SIGNED
    patterns = _patterns(names, number)
    ordered = sorted(names, key=lambda name: natural(name, number))
    if not any("#" in pattern for pattern in patterns):
        alphabet = "the names of the slices have no numbers: they are stacked in alphabetical order"
        return ordered, (alphabet,) if len(names) > 1 else ()
    if len(patterns) > 1:
        counts = " and ".join(f"{count} images named {pattern!r}" for pattern, count in patterns.most_common(3))
        example = patterns.most_common(1)[0][0].replace("#", "*")
        raise InputError(
            f"{where}: holds {counts}, with numbers in place of #; expected the slices of one volume: say which they "
            f"are with a glob that ends in '{example}'"
        )
    return ordered, _oddities(ordered, number)


def natural(name: str, number: re.Pattern[str] = _NUMBER) -> list[str | int]:
    """Return the sort key that puts slice 2 before slice 10."""
    ends = [0, *(end for match in number.finditer(name) for end in match.span()), None]
    parts = [name[start:end] for start, end in pairwise(ends)]
    return [int(part) if place % 2 else part.lower() for place, part in enumerate(parts)]


def _patterns(names: Sequence[str], number: re.Pattern[str]) -> Counter[str]:
    """Count the names that differ by more than their numbers; not by case, or by the spelling of the suffix."""
    ending = re.compile(r"\.[^.\d]+$")
    suffix = "".join(ending.findall(names[0]))
    spelled: dict[str, str] = {}
    patterns = (number.sub("#", ending.sub("", name)) + suffix for name in names)
    return Counter(spelled.setdefault(pattern.lower(), pattern) for pattern in patterns)


def _oddities(names: Sequence[str], number: re.Pattern[str]) -> tuple[str, ...]:
    """Return a note if slices in order are not numbered one by one, in equal steps."""
    columns = list(zip(*([int(text) for text in number.findall(name)] for name in names), strict=True))
    # What counts the slices differs in all; if several numbers do, such as the time of day, it is the slowest.
    counters = [place for place, column in enumerate(columns) if len(set(column)) == len(names)]
    if not counters:
        return (f"the slices {names[0]} to {names[-1]} are not numbered one by one: are they of several stacks?",)
    place = min(counters, key=lambda place: abs(columns[place][-1] - columns[place][0]))
    steps = [after - before for before, after in pairwise(columns[place])]
    if len(set(steps)) <= 1:
        return ()
    step = min(Counter(steps).items(), key=lambda item: (-item[1], item[0]))[0]
    if min(steps) < 0 or any(one % step for one in steps) or sum(steps) > 2 * step * len(names):
        return (
            f"the numbers of the slices {names[0]} to {names[-1]} rise by unequal steps, of {min(steps)} to "
            f"{max(steps)}: they are taken as equally spaced",
        )
    missing = [
        _renumbered(name, number, place, gap)
        for name, one in zip(names, steps, strict=False)
        for gap in range(step, one, step)
    ]
    named = ", ".join(missing[:_NAMED]) + (", …" if len(missing) > _NAMED else "")
    return (f"{len(missing)} of the numbered slices are missing ({named}): those around are taken as neighbours",)


def _renumbered(name: str, number: re.Pattern[str], place: int, more: int) -> str:
    match = list(number.finditer(name))[place]
    return f"{name[: match.start()]}{int(match[0]) + more:0{len(match[0])}d}{name[match.end() :]}"
