"""Figures with a row for each value and a lane for each volume."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from microchar.core.numbers import number, superscript
from microchar.core.result import Key, Value
from microchar.core.units import pretty_unit
from microchar.measurement.directions import any_direction
from microchar.report.metric_results import MetricResults
from microchar.report.notation import described
from microchar.report.sections.ranges import padded
from microchar.report.sections.tables import shown_status


def value_dots(metric: MetricResults, series: Mapping[str, int]) -> list[list[dict[str, Any]]]:
    """Return figures with a row for each value and a lane for each volume, as lists of figures shown together.

    Values along axes give a list for each feature and estimator, with a figure
    for each phase and in it a row for each axis.
    """
    lists: dict[Key, dict[tuple[str, str], list[tuple[str, Mapping[str, Value]]]]] = {}
    for key, by_volume in metric.values.items():
        if metric.has_axes:
            together = any_direction(key)._replace(phase="")
            name, row = described(any_direction(key)), described(Key(direction=key.direction))
        else:
            together, name, row = Key(), "", described(key)
        unit = next(iter(by_volume.values())).unit
        figures = lists.setdefault(together, {})
        figures.setdefault((name, unit), []).append((row or "whole volume", by_volume))
    return [
        [_dot_figure(metric, name, unit, rows, series) for (name, unit), rows in figures.items()]
        for figures in lists.values()
    ]


def _dot_figure(
    metric: MetricResults,
    name: str,
    unit: str,
    rows: Sequence[tuple[str, Mapping[str, Value]]],
    series: Mapping[str, int],
) -> dict[str, Any]:
    numbers = [
        bound
        for _, by_volume in rows
        for value in by_volume.values()
        for bound in (value.value, value.lower, value.upper)
        if bound is not None
    ]
    power = _power(max(map(abs, numbers), default=0.0))
    factor = f"10{superscript(power)}" if power else ""
    return {
        "type": "dots",
        "name": name,
        "rows": [
            {
                "label": label,
                "lanes": [_lane(by_volume[v], series[v], 10.0**power) for v in series if v in by_volume],
            }
            for label, by_volume in rows
        ],
        "x_range": padded([n / 10.0**power for n in numbers]),
        "x_label": " ".join(filter(None, (factor, pretty_unit(unit)))),
        "alt": f"{metric.first.title}: {name or 'by phase'}",
    }


def _power(largest: float) -> int:
    """Return the power of ten to factor out: a multiple of 3, or 0 where the numbers are short without it."""
    if largest == 0 or 1e-3 <= largest < 1e5:
        return 0
    return max(3 * math.floor(math.log10(largest) / 3), -300)


def _lane(value: Value, series: int, scale: float) -> dict[str, Any]:
    numbers = {"value": value.value, "lower": value.lower, "upper": value.upper}
    scaled = {key: None if bound is None else bound / scale for key, bound in numbers.items()}
    return {"series": series, **scaled, "text": number(scaled["value"]), "status": shown_status(value)}
