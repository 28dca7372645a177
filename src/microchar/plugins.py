"""What other distributions bring, through entry points: read with care, since it may be broken."""

from __future__ import annotations

import warnings
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from microchar.errors import InputError

T = TypeVar("T")


def installed(group: str, kind: type[T], what: str) -> dict[str, T]:
    """Return the objects that the entry points of a group name, by the names of these.

    One that cannot be read is a warning that names it; two of one name are an
    error.
    """
    found: dict[str, T] = {}
    origin: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        if point.name in origin:
            if point.value == origin[point.name].value:
                continue
            raise InputError(
                f"two {what}s are named {point.name!r}: {origin[point.name].value} and {point.value}; "
                "uninstall one of the distributions"
            )
        origin[point.name] = point
        read = _read(point, kind, what)
        if read is not None:
            found[point.name] = read
    return found


def _read(point: EntryPoint, kind: type[T], what: str) -> T | None:
    try:
        read = point.load()
        if isinstance(read, kind):
            return read
        reason = f"it names a {type(read).__name__}, expected a {kind.__module__}.{kind.__qualname__}"
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and must not take the others with it
        reason = f"it cannot be read: {type(error).__name__}: {error}"
    warnings.warn(f"{what} {point.name!r} ({point.value}) is left out, {reason}", stacklevel=2)
    return None
