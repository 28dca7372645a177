"""Tidy tables of results: the columns of ``scalars.csv`` and ``profiles.csv``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from microchar.result import Result

if TYPE_CHECKING:
    import pandas as pd

_LABELS = ("feature", "phase", "direction", "estimator")
_NUMBERS = ("value", "unit", "lower", "upper", "standard_error", "status")
SCALAR_COLUMNS = ("volume", "reference", "metric", *_LABELS, *_NUMBERS)
PROFILE_COLUMNS = (*SCALAR_COLUMNS, "x", "x_unit")

#: Name of the volume, name of the other volume of a pair metric or "", and the result.
Named = tuple[str, str, Result]


def scalars(results: Iterable[Named]) -> pd.DataFrame:
    """Return a row for each value; a metric without any gives one row with its status."""
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    for volume, reference, result in results:
        head = (volume, reference, result.metric)
        rows.extend((*head, *(getattr(value, key) for key in (*_LABELS, *_NUMBERS))) for value in result.values)
        if result.status != "ok":
            rows.append((*head, "", "", "all", "", None, "", None, None, None, result.status))
    return pd.DataFrame(rows, columns=list(SCALAR_COLUMNS))


def profiles(results: Iterable[Named]) -> pd.DataFrame:
    """Return a row for each sample of each profile."""
    import pandas as pd

    frames = []
    for volume, reference, result in results:
        for profile in result.profiles:
            columns: dict[str, Any] = {"volume": volume, "reference": reference, "metric": result.metric}
            columns |= {key: getattr(profile, key) for key in (*_LABELS, "unit", "status")}
            columns |= {"value": profile.y, "lower": None, "upper": None, "standard_error": profile.standard_error}
            columns |= {"x": profile.x, "x_unit": profile.x_unit}
            frames.append(pd.DataFrame(columns)[list(PROFILE_COLUMNS)])
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(PROFILE_COLUMNS))
