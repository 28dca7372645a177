"""All values with their standard errors and differences: a row for each value of each volume."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from microchar.core.numbers import with_error
from microchar.core.result import Key, Status, Value
from microchar.core.units import pretty_unit
from microchar.measurement.directions import headlines
from microchar.report.metric_results import MetricResults
from microchar.report.notation import described, percent, signed
from microchar.report.sections.tables import cell


def value_rows(
    metrics: Sequence[MetricResults], reference: str, *, only_headlines: bool = False
) -> list[dict[str, Any]]:
    """Return the rows, by metric, value and volume.

    Parameters
    ----------
    metrics : sequence of MetricResults
    reference : str
        Name of the reference.
    only_headlines : bool
        Whether each metric has only its first feature and estimator, in the mean over directions.
    """
    rows = []
    for metric in metrics:
        keys = headlines(metric.values) if only_headlines else list(metric.values)
        for key in keys:
            by_volume = metric.values[key]
            expected = by_volume.get(reference)
            rows += [
                _row(metric, key, volume, value, None if volume == reference else expected)
                for volume, value in by_volume.items()
            ]
    return rows


def _row(metric: MetricResults, key: Key, volume: str, value: Value, expected: Value | None) -> dict[str, Any]:
    gap, share = None, None
    if expected is not None and expected.value is not None and value.value is not None:
        gap = value.value - expected.value
        share = gap / abs(expected.value) if expected.value else None
    return {
        "title": metric.first.title,
        "what": described(key),
        "volume": volume,
        "number": value.value,
        "value": cell(value),
        "message": value.message if value.status == Status.OK else "",
        "gap": gap,
        "difference": _difference(gap, value, expected),
        "share": share,
        "relative": percent(share),
        "unit": pretty_unit(value.unit),
    }


def _difference(gap: float | None, value: Value, expected: Value | None) -> str:
    if gap is None or expected is None:
        return ""
    if value.standard_error is None or expected.standard_error is None:
        return signed(gap)
    text = with_error(gap, math.hypot(value.standard_error, expected.standard_error))
    return f"+{text}" if gap > 0 else text


def overview(metrics: Sequence[MetricResults], phases: Sequence[str], volume: str) -> dict[str, Any]:
    """Return the headline values of one volume: a row for each quantity, a column for each phase.

    Parameters
    ----------
    metrics : sequence of MetricResults
    phases : sequence of str
    volume : str
    """
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for metric in metrics:
        for key in headlines(metric.values):
            value = metric.values[key].get(volume)
            if value is not None:
                column = key.phase if key.phase in phases else ""
                rest = key._replace(phase="" if column else key.phase)
                row = rows.setdefault((metric.first.metric, described(rest), value.unit), {"cells": {}})
                row |= {**metric.heading, "what": described(rest), "unit": pretty_unit(value.unit)}
                row["cells"][column] = cell(value)
    return {"phases": list(phases), "rows": list(rows.values())}
