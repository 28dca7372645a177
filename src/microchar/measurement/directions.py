"""The directions of values, and which values stand for a metric where there is little room."""

from __future__ import annotations

from collections.abc import Iterable

from microchar.core.result import Key

#: Directions that are axes.
AXES = ("0", "1", "2")
#: All directions; those that summarise the others come first.
_DIRECTIONS = ("mean", "all", "radial", *AXES)


def any_direction(key: Key) -> Key:
    """Return the key without the direction."""
    return key._replace(direction="all")


def direction_rank(direction: str) -> tuple[int, str]:
    """Return the sort key of a direction: summaries such as the mean first, unknown directions last."""
    return _DIRECTIONS.index(direction) if direction in _DIRECTIONS else len(_DIRECTIONS), direction


def headlines(keys: Iterable[Key]) -> list[Key]:
    """Choose for each phase the first feature and estimator, in the mean over directions or, without one, each axis."""
    by_phase: dict[str, list[Key]] = {}
    for key in keys:
        by_phase.setdefault(key.phase, []).append(key)
    chosen = []
    for members in by_phase.values():
        first = [key for key in members if any_direction(key) == any_direction(members[0])]
        best = min((key.direction for key in first), key=direction_rank)
        directions = AXES if best in AXES else (best,)
        chosen += [key for key in first if key.direction in directions]
    return chosen
