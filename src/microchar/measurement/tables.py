"""Tidy tables of results, as in ``scalars.csv`` and ``profiles.csv``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from microchar.core.data_array import import_xarray
from microchar.core.result import Key, Result, Status
from microchar.core.verdict import Entry, Verdict

if TYPE_CHECKING:
    import pandas as pd
    import xarray

_NUMBERS = ("value", "unit", "lower", "upper", "standard_error", "status", "n_eff")
#: Dimensions of a dataset, and those that are kept if they have one value only.
_DIMENSIONS = ("volume", "phase", "direction", "estimator")
_ALWAYS = ("phase", "direction")
SCALAR_COLUMNS = ("volume", "reference", "metric", *Key._fields, *_NUMBERS)
PROFILE_COLUMNS = (*(name for name in SCALAR_COLUMNS if name != "n_eff"), "x", "x_unit")
#: A table as lists of equal length by the names of their columns: files are written without pandas, a slow import.
Columns = dict[str, list[Any]]
#: Fields of an `Entry` that are no single numbers or texts.
_NOT_FLAT = ("real_pieces", "curve")


@dataclass(frozen=True, eq=False)
class Named:
    """A result with the names of its volumes.

    Parameters
    ----------
    volume : str
        The volume that was measured.
    reference : str
        The other volume of a pair metric; "" for other metrics.
    result : Result
    baseline : bool
        Whether `volume` is not a candidate but a baseline for pair metrics.
    """

    volume: str
    reference: str
    result: Result
    baseline: bool = False


def scalar_columns(results: Iterable[Named]) -> Columns:
    """Return a row for each value, and one row with the status for each metric that failed, as lists by column."""
    rows: list[tuple[Any, ...]] = []
    for named in results:
        result = named.result
        head = (named.volume, named.reference, result.metric)
        rows.extend((*head, *value.key, *(getattr(value, key) for key in _NUMBERS)) for value in result.values)
        if result.status != Status.OK:
            rows.append((*head, *Key(), None, "", None, None, None, result.status, None))
    return _by_column(SCALAR_COLUMNS, rows)


def profile_columns(results: Iterable[Named]) -> Columns:
    """Return a row for each point of each profile, as lists by column."""
    columns: Columns = {name: [] for name in PROFILE_COLUMNS}
    for named in results:
        for profile in named.result.profiles:
            n = len(profile.x)
            head = {"volume": named.volume, "reference": named.reference, "metric": named.result.metric}
            head |= profile.key._asdict() | {"unit": profile.unit, "status": profile.status, "x_unit": profile.x_unit}
            errors = [None] * n if profile.standard_error is None else profile.standard_error.tolist()
            points = {"value": profile.y.tolist(), "x": profile.x.tolist(), "standard_error": errors}
            for name in PROFILE_COLUMNS:
                columns[name] += points.get(name, [head.get(name)] * n)
    return columns


def comparison_columns(verdicts: Sequence[Verdict]) -> Columns:
    """Return a row for each quantity that decides: difference, standard error, p-values, word; as lists by column."""
    keys = ("metric", *Key._fields)
    rest = [f.name for f in fields(Entry) if f.name not in (*keys, *_NOT_FLAT)]
    rows = [
        (verdict.candidate, verdict.reference, *(getattr(entry, name) for name in (*keys, *rest)))
        for verdict in verdicts
        for entry in verdict.entries
    ]
    return _by_column(["volume", "reference", *keys, *rest], rows)


def _by_column(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Columns:
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def scalars(results: Iterable[Named]) -> pd.DataFrame:
    """Return a table with a row for each value, and one row with the status for each metric that failed."""
    import pandas as pd

    return pd.DataFrame(scalar_columns(results))


def profiles(results: Iterable[Named]) -> pd.DataFrame:
    """Return a table with a row for each point of each profile."""
    import pandas as pd

    return pd.DataFrame(profile_columns(results))


def everything(results: Iterable[Named]) -> pd.DataFrame:
    """Return a table with a row for each value, without x, and for each point of a profile."""
    import pandas as pd

    named = list(results)
    values, points = scalars(named).assign(x=None, x_unit=""), profiles(named)
    # Not `pandas.concat`, which warns of columns without any number.
    return pd.DataFrame({name: [*values[name], *points[name]] for name in PROFILE_COLUMNS})


def dataset(results: Iterable[Named]) -> xarray.Dataset:
    """Return the profiles as an xarray dataset, see `Measurement.to_xarray`."""
    xr = import_xarray()
    named = list(results)
    titles = {each.result.metric: each.result.title for each in named}
    arrays = []
    for (metric, feature), rows in profiles(named).groupby(["metric", "feature"], sort=False):
        name = f"{metric}_{feature}" if feature else str(metric)
        dimensions = [part for part in _DIMENSIONS if part in _ALWAYS or rows[part].nunique() > 1]
        points = rows.rename(columns={"x": f"{name}_x"}).set_index([*dimensions, f"{name}_x"])
        array = points[["value", "standard_error"]].astype(float).to_xarray()
        array = array.rename({"value": name, "standard_error": f"{name}_standard_error"})
        array[f"{name}_x"].attrs["units"] = rows["x_unit"].iloc[0]
        array[name].attrs.update(units=rows["unit"].iloc[0], long_name=titles[str(metric)])
        arrays.append(array)
    merged: xarray.Dataset = xr.merge(arrays, join="outer", compat="no_conflicts")
    return merged


def differences(results: Iterable[Named], reference: str) -> pd.DataFrame:
    """Return a table of candidate minus reference, with a row for each value that both have.

    Columns: volume, metric, the labels, unit, reference, value, difference.
    """
    import pandas as pd

    single = [named for named in results if not named.reference]
    of_reference = {
        (named.result.metric, value.key): value.value
        for named in single
        if named.volume == reference
        for value in named.result.values
    }
    rows = []
    for named in single:
        for value in named.result.values if named.volume != reference else ():
            expected = of_reference.get((named.result.metric, value.key))
            if expected is not None and value.value is not None:
                head = (named.volume, named.result.metric, *value.key, value.unit)
                rows.append((*head, expected, value.value, value.value - expected))
    return pd.DataFrame(rows, columns=["volume", "metric", *Key._fields, "unit", "reference", "value", "difference"])
