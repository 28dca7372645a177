"""Whether a value from a file has the type that a generator declares for its parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def parameter_hints(cls: type) -> dict[str, Any]:
    """Return the annotated types of the fields of a class; none if they name what only type checkers import."""
    try:
        return get_type_hints(cls)
    except NameError:
        return {}


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value has a type: int, float, bool, str, None, a literal, a tuple, or a union of these.

    A whole number is a float, too; NaN and infinity are not. Values of other types are not judged.

    Examples
    --------
    >>> fits((1.5, 2), tuple[float, ...]), fits("8", float | None)
    (True, False)
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        return value in inner
    if origin in (tuple, list, Sequence):
        if not isinstance(value, tuple | list):
            return False
        several = len(inner) == 1 or Ellipsis in inner
        each = inner[:1] * len(value) if several else inner
        return len(each) == len(value) and all(fits(part, one) for part, one in zip(value, each, strict=True))
    if hint in (int, float):
        kinds = int if hint is int else int | float
        return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, hint) if hint in (bool, str, NoneType, tuple) else True
