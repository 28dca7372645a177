"""JSON as microchar reads it: finite numbers, and no deeper than anything that it writes."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from microchar.core.text import whole_number

#: Deepest nesting of lists and objects. What microchar writes has ten levels or less.
_DEEPEST = 64
_TOO_DEEP = f"lists or objects are nested more than {_DEEPEST} deep"


def parse_json(text: str) -> Any:
    """Parse JSON text.

    Raises
    ------
    ValueError
        If it is no JSON (a `json.JSONDecodeError`), holds NaN, infinity or whole
        numbers of more than 64 bits, or is nested more than 64 deep.
    """
    try:
        parsed = json.loads(text, parse_int=whole_number, parse_float=_finite, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _refuse_deep(parsed)
    return parsed


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        _refuse(text)
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no finite number")


def _refuse_deep(parsed: Any) -> None:
    level = [parsed]
    for _ in range(_DEEPEST + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        level = [item for one in containers for item in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return
    raise ValueError(_TOO_DEEP)
