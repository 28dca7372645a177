"""What the figures and tables of the report show, a plain dict for each.

Nothing here depends on the name of a metric: kinds, key and units decide.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microchar.core.result import Key, Profile, Status, Value
from microchar.core.units import pretty_unit
from microchar.measurement.directions import AXES, any_direction, direction_rank
from microchar.report.metric_results import MetricResults
from microchar.report.notation import described, number, plain_symbol, superscript, with_error

#: The feature of a distribution that is cumulative.
CDF = "cdf"
#: Half width of the band of the reference, in standard errors.
_INTERVAL = 1.96
#: Ends of curves that vary by less than this share of their range are not shown.
_FLAT = 0.005


# --- curves ------------------------------------------------------------------


def curves(metric: MetricResults, series: Mapping[str, int]) -> dict[str, Any]:
    """Return the figures of a metric's profiles.

    Parameters
    ----------
    metric : MetricResults
    series : mapping of str to int
        The number of each volume's colour.

    Returns
    -------
    dict
        ``columns``, and ``groups`` with one entry for each phase, feature and
        estimator: a large figure and small ones by direction.
    """
    by_quantity: dict[Key, list[Key]] = {}
    for key in metric.profiles:
        by_quantity.setdefault(any_direction(key), []).append(key)
    merged: dict[Key, list[Key]] = {}
    for quantity, members in by_quantity.items():
        # Profiles along axes only, such as those of the 2D windows of local porosity, join the phase's first group.
        along_axes_only = all(key.direction in AXES for key in members)
        first = next((other for other in merged if other.phase == quantity.phase), quantity)
        merged.setdefault(first if along_axes_only else quantity, []).extend(members)
    columns, size = (3, "medium") if len(merged) % 3 == 0 else (2, "large")
    return {"columns": columns, "groups": [_group(metric, members, series, size) for members in merged.values()]}


def _group(metric: MetricResults, members: Sequence[Key], series: Mapping[str, int], size: str) -> dict[str, Any]:
    main, *others = sorted(members, key=lambda key: direction_rank(key.direction))
    others = sorted(others, key=lambda key: key.direction not in AXES)
    lines_of = {key: _lines(metric.profiles[key], series) for key in (main, *others)}
    symbol = plain_symbol(metric.first.symbol)
    argument = _argument(symbol)
    profile = next(iter(metric.profiles[main].values()))
    shared = {
        "type": "curves",
        "y_range": _y_range([y for lines in lines_of.values() for line in lines for y in line["y"]]),
        "x_label": _with_unit(argument, profile.x_unit),
        "y_label": _with_unit(f"share ≤ {argument}" if main.feature == CDF else symbol, profile.unit),
    }
    x_range_of_others = _x_range([line for key in others for line in lines_of[key]])
    figures = [
        shared
        | {
            "title": described(
                Key(feature="" if key.feature == main.feature else key.feature, direction=key.direction)
            ),
            "lines": lines,
            "x_range": _x_range(lines) if key == main else x_range_of_others,
            "size": size if key == main else "small",
            "alt": f"{metric.first.title}: {described(key)}",
        }
        for key, lines in lines_of.items()
        if lines
    ]
    return {
        "name": described(any_direction(main)),
        "direction": described(Key(direction=main.direction)),
        "large": [figure for figure in figures if figure["size"] != "small"],
        "small": [figure for figure in figures if figure["size"] == "small"],
    }


def _lines(by_volume: Mapping[str, Profile], series: Mapping[str, int]) -> list[dict[str, Any]]:
    lines = []
    for volume, profile in by_volume.items():
        defined = np.isfinite(profile.x) & np.isfinite(profile.y)
        if defined.any():
            x, y = profile.x[defined].tolist(), profile.y[defined].tolist()
            lines.append({"series": series[volume], "x": x, "y": y, "band": _band(profile, series[volume])})
    return sorted(lines, key=lambda line: line["series"])


def _band(profile: Profile, series: int) -> dict[str, list[float]] | None:
    """Return the 95 % interval of the reference at each point where it is known."""
    if series != 0 or profile.standard_error is None:
        return None
    known = np.isfinite(profile.x) & np.isfinite(profile.y) & np.isfinite(profile.standard_error)
    half = _INTERVAL * profile.standard_error[known]
    return {
        "x": profile.x[known].tolist(),
        "lower": (profile.y[known] - half).tolist(),
        "upper": (profile.y[known] + half).tolist(),
    }


def _y_range(values: Sequence[float]) -> tuple[float, float]:
    # The axis of curves far from zero need not include it.
    if not values or min(values) < 0.4 * max(values):
        return _padded(values)
    room = 0.06 * (max(values) - min(values)) or 0.05
    return min(values) - room, max(values) + room


def _padded(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of the values and zero, with some room at the ends that are not zero."""
    low, high = min([0.0, *values]), max([0.0, *values])
    room = 0.05 * (high - low) or 0.05
    return (low - room if low < 0 else 0.0, high + room if high > 0 else 0.0 if low < 0 else room)


def _x_range(lines: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    # Long flat ends (the tail of a chord-length distribution, the 0 and 1 of a CDF) would squeeze the rest.
    starts, stops = [], []
    for line in lines:
        tolerance = _FLAT * (max(line["y"]) - min(line["y"]))
        first, last = line["y"][0], line["y"][-1]
        varied = [i for i, y in enumerate(line["y"]) if abs(y - first) > tolerance]
        starts.append(line["x"][max(0, varied[0] - 1)] if varied else line["x"][0])
        varied = [i for i, y in enumerate(line["y"]) if abs(y - last) > tolerance]
        stops.append(line["x"][min(len(line["x"]) - 1, varied[-1] + 1)] if varied else line["x"][-1])
    start, stop = min(starts, default=0.0), max(stops, default=1.0)
    start = 0.0 if 0 <= start < 0.3 * stop else start
    return (start, stop if stop > start else start + 1.0)


def _argument(symbol: str) -> str:
    # S₂(r) is a function of r.
    match = re.search(r"\(([^()]*)\)$", symbol)
    return match[1] if match else ""


def _with_unit(name: str, unit: str) -> str:
    if not unit:
        return name
    return f"{name} ({pretty_unit(unit)})" if name else pretty_unit(unit)


# --- dots --------------------------------------------------------------------


def dots(metric: MetricResults, series: Mapping[str, int]) -> list[list[dict[str, Any]]]:
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
        "x_range": _padded([n / 10.0**power for n in numbers]),
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
    return {"series": series, **scaled, "text": number(scaled["value"]), "status": _shown_status(value)}


# --- tables ------------------------------------------------------------------


def table(metric: MetricResults, column: str) -> dict[str, Any]:
    """Return a table of values.

    Parameters
    ----------
    metric : MetricResults
    column : {"phase", "feature", "estimator", "direction"}
        The label that has a column for each of its values. Each combination of
        the other key and a volume has a row.
    """
    without = {column: Key._field_defaults[column]}
    columns: dict[str, str] = {}
    rows: dict[Key, dict[str, dict[str, Value]]] = {}
    messages: dict[str, list[str]] = {}
    for name, result in metric.by_volume.items():
        for value in result.values:
            label = getattr(value, column)
            columns.setdefault(label, described(Key(**{column: label})) or "value")
            rows.setdefault(value.key._replace(**without), {}).setdefault(name, {})[label] = value
            if value.status == Status.OK and value.message:
                messages.setdefault(value.message, []).append(name)
    return {
        "columns": list(columns.values()),
        "rows": [
            {
                "label": described(key),
                "name": name,
                "baseline": False,
                "cells": [cell(values.get(label)) for label in columns],
            }
            for key, by_name in rows.items()
            for name, values in by_name.items()
        ],
        "labelled": any(described(key) for key in rows),
        "messages": [f"{', '.join(names)}: {message}" for message, names in messages.items()],
    }


def values_by_volume(metric: MetricResults, volumes: Sequence[str]) -> dict[str, Any]:
    """Return a table with a row for each value and a column for each volume."""
    return {
        "columns": list(volumes),
        "rows": [
            {
                "label": described(key),
                "cells": [cell(by_volume.get(volume)) for volume in volumes],
                "unit": pretty_unit(next(iter(by_volume.values())).unit),
            }
            for key, by_volume in metric.values.items()
        ],
    }


def cell(value: Value | None) -> dict[str, str]:
    """Return the texts of a table cell: the number, and the status and its reason where it is not "ok"."""
    if value is None:
        return {"text": "–", "status": "", "why": ""}
    status = _shown_status(value)
    return {
        "text": with_error(value.value, value.standard_error),
        "status": status,
        "why": value.message if status else "",
    }


def _shown_status(value: Value) -> str:
    return "" if value.status == Status.OK else value.status.replace("_", " ")
