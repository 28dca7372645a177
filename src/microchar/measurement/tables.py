"""Tidy tables of results: the columns of ``scalars.csv`` and ``profiles.csv``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from microchar.core.result import Result, Status, Value

if TYPE_CHECKING:
    import pandas as pd

_LABELS = ("feature", "phase", "direction", "estimator")
_NUMBERS = ("value", "unit", "lower", "upper", "standard_error", "status")
SCALAR_COLUMNS = ("volume", "reference", "metric", *_LABELS, *_NUMBERS)
PROFILE_COLUMNS = (*SCALAR_COLUMNS, "x", "x_unit")


@dataclass(frozen=True, eq=False)
class Named:
    """A result with the name of its volume and, for pair metrics, that of the other one."""

    volume: str
    reference: str
    result: Result
    baseline: bool = False


def scalars(results: Iterable[Named]) -> pd.DataFrame:
    """Return a row for each value; a metric without any gives one row with its status."""
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    for named in results:
        result = named.result
        head = (named.volume, named.reference, result.metric)
        rows.extend((*head, *(getattr(value, key) for key in (*_LABELS, *_NUMBERS))) for value in result.values)
        if result.status != Status.OK:
            rows.append((*head, "", "", "all", "", None, "", None, None, None, result.status))
    return pd.DataFrame(rows, columns=list(SCALAR_COLUMNS))


def profiles(results: Iterable[Named]) -> pd.DataFrame:
    """Return a row for each sample of each profile."""
    import pandas as pd

    frames = []
    for named in results:
        for profile in named.result.profiles:
            columns: dict[str, Any] = {
                "volume": named.volume,
                "reference": named.reference,
                "metric": named.result.metric,
            }
            columns |= {key: getattr(profile, key) for key in (*_LABELS, "unit", "status")}
            columns |= {"value": profile.y, "lower": None, "upper": None, "standard_error": profile.standard_error}
            columns |= {"x": profile.x, "x_unit": profile.x_unit}
            frames.append(pd.DataFrame(columns)[list(PROFILE_COLUMNS)])
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(PROFILE_COLUMNS))


def differences(results: Iterable[Named], reference: str) -> pd.DataFrame:
    """Return candidate minus reference for every value that both have, a row each.

    Columns: volume, metric, the labels, unit, reference, value, difference.
    """
    import pandas as pd

    results = [named for named in results if not named.reference]
    of_reference = {
        (named.result.metric, *_key(value)): value
        for named in results
        if named.volume == reference
        for value in named.result.values
    }
    rows = []
    for named in results:
        for value in named.result.values if named.volume != reference else ():
            real = of_reference.get((named.result.metric, *_key(value)))
            if real is None or real.value is None or value.value is None:
                continue
            head = (named.volume, named.result.metric, *_key(value), value.unit)
            rows.append((*head, real.value, value.value, value.value - real.value))
    return pd.DataFrame(rows, columns=["volume", "metric", *_LABELS, "unit", "reference", "value", "difference"])


def _key(value: Value) -> tuple[str, ...]:
    return tuple(getattr(value, key) for key in _LABELS)
