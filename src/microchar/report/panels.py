"""What the figures and tables of the report show: plain dicts, one for each.

`Found` is one metric with its results on all volumes. Nothing here knows a
metric by name: kinds, labels and units decide.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from microchar.core.result import Result
from microchar.core.units import pretty_unit
from microchar.report.notation import html_symbol, number, plain_symbol, superscript

Plain = Mapping[str, Any]
#: Directions, the one that stands for a value or profile as a whole first.
DIRECTIONS = ("mean", "all", "radial", "0", "1", "2")
AXES = ("0", "1", "2")
#: The feature of a distribution that is cumulative.
CDF = "cdf"
_LABELS = ("phase", "feature", "estimator", "direction")
#: Ends of curves that vary by less than this share of their range are not shown.
_FLAT = 0.005


@dataclass(frozen=True)
class Found:
    """One metric: its first result, for what is the same in all, and each volume's."""

    any: Plain
    by_volume: Mapping[str, Plain]

    @property
    def heading(self) -> dict[str, str]:
        """Id, title and symbol as HTML."""
        return {"id": self.any["metric"], "title": self.any["title"], "symbol": html_symbol(self.any["symbol"])}

    def result(self, volume: str) -> Result | None:
        """Return what was found on one volume."""
        plain = self.by_volume.get(volume)
        return Result.from_dict({f.name: plain[f.name] for f in fields(Result)}) if plain else None

    def entries(self, what: str) -> dict[tuple[str, ...], dict[str, Plain]]:
        """Sort "values", "profiles" or "pictures" by their labels, then by volume."""
        found: dict[tuple[str, ...], dict[str, Plain]] = {}
        for volume, result in self.by_volume.items():
            for entry in result[what]:
                found.setdefault(labels(entry), {})[volume] = entry
        return found


def group(results: Iterable[Plain]) -> list[Found]:
    """Put the results of each metric together, in the order in which metrics first appear."""
    by_metric: dict[str, dict[str, Plain]] = {}
    for result in results:
        by_metric.setdefault(result["metric"], {})[result["volume"]] = result
    return [Found(next(iter(by_volume.values())), by_volume) for by_volume in by_metric.values()]


def labels(entry: Plain) -> tuple[str, ...]:
    """Return phase, feature, estimator and direction."""
    return tuple(entry[key] for key in _LABELS)


def described(phase: str = "", feature: str = "", estimator: str = "", direction: str = "all") -> str:
    """Write labels as a phrase: 'pore, crofton, axis 0'."""
    where = {"all": "", "mean": "mean of directions"}.get(direction, direction)
    parts = (phase.replace("|", " | "), feature, estimator, f"axis {where}" if where in AXES else where)
    return ", ".join(part.replace("_", " ") for part in parts if part)


def in_order(directions: Iterable[str]) -> list[str]:
    """Sort directions, the one that stands for the whole first; unknown ones come last."""
    return sorted(directions, key=_rank)


def _rank(direction: str) -> tuple[int, str]:
    return DIRECTIONS.index(direction) if direction in DIRECTIONS else len(DIRECTIONS), direction


# --- curves ------------------------------------------------------------------


def curves(found: Found, series: Mapping[str, int]) -> dict[str, Any]:
    """Return a group for each phase (and feature, and estimator): one large figure and small ones by direction."""
    by_head: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    entries = found.entries("profiles")
    for key in entries:
        by_head.setdefault(key[:3], []).append(key)
    merged: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for head, keys in by_head.items():
        # What is given along axes only, such as the flat windows of local porosity, joins the phase's first group.
        along_axes_only = all(key[3] in AXES for key in keys)
        first = next((other for other in merged if other[0] == head[0]), head)
        merged.setdefault(first if along_axes_only else head, []).extend(keys)
    columns, size = (3, "medium") if len(merged) % 3 == 0 else (2, "large")
    groups = [_group(found, keys, entries, series, size) for keys in merged.values()]
    return {"columns": columns, "groups": groups}


def _group(
    found: Found,
    keys: Sequence[tuple[str, ...]],
    entries: Mapping[tuple[str, ...], Any],
    series: Mapping[str, int],
    size: str,
) -> dict[str, Any]:
    main, *others = sorted(keys, key=lambda key: _rank(key[3]))
    others = sorted(others, key=lambda key: key[3] not in AXES)
    drawn = {key: _lines(entries[key], series) for key in (main, *others)}
    symbol = plain_symbol(found.any["symbol"])
    argument = _argument(symbol)
    profile = next(iter(entries[main].values()))
    shared = {
        "type": "curves",
        "y_range": _y_range([y for lines in drawn.values() for line in lines for y in line["y"]]),
        "x_label": _with_unit(argument, profile["x_unit"]),
        "y_label": _with_unit(f"share ≤ {argument}" if main[1] == CDF else symbol, profile["unit"]),
    }
    x_range_of_others = _x_range([line for key in others for line in drawn[key]])
    figures = [
        shared
        | {
            "title": described(feature="" if key[1] == main[1] else key[1], direction=key[3]),
            "lines": lines,
            "x_range": _x_range(lines) if key == main else x_range_of_others,
            "size": size if key == main else "small",
            "alt": f"{found.any['title']}: {described(*key)}",
        }
        for key, lines in drawn.items()
        if lines
    ]
    return {
        "name": described(*main[:3]),
        "direction": described(direction=main[3]),
        "large": [figure for figure in figures if figure["size"] != "small"],
        "small": [figure for figure in figures if figure["size"] == "small"],
    }


def _lines(by_volume: Mapping[str, Plain], series: Mapping[str, int]) -> list[dict[str, Any]]:
    lines = []
    for volume, profile in by_volume.items():
        points = [(x, y) for x, y in zip(profile["x"], profile["y"], strict=True) if x is not None and y is not None]
        if points:
            lines.append({"series": series[volume], "x": [x for x, _ in points], "y": [y for _, y in points]})
    return sorted(lines, key=lambda line: line["series"])


def _y_range(values: Sequence[float]) -> tuple[float, float]:
    # Curves far from zero need not show it.
    if not values or min(values) < 0.4 * max(values):
        return padded(values)
    room = 0.06 * (max(values) - min(values)) or 0.05
    return min(values) - room, max(values) + room


def padded(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of values and zero, with a little room at the ends that are not zero."""
    low, high = min([0.0, *values]), max([0.0, *values])
    room = 0.05 * (high - low) or 0.05
    return (low - room if low < 0 else 0.0, high + room if high > 0 else 0.0 if low < 0 else room)


def _x_range(lines: Sequence[Plain]) -> tuple[float, float]:
    # Long flat ends (a chord-length distribution's tail, a CDF's 0 and 1) would squeeze what is to be seen.
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
    found = re.search(r"\(([^()]*)\)$", symbol)
    return found[1] if found else ""


def _with_unit(name: str, unit: str) -> str:
    if not unit:
        return name
    return f"{name} ({pretty_unit(unit)})" if name else pretty_unit(unit)


# --- dots --------------------------------------------------------------------


def has_axes(found: Found) -> bool:
    """Whether the metric's values are given along axes."""
    return any(direction in AXES for *_, direction in found.entries("values"))


def dots(found: Found, series: Mapping[str, int]) -> list[list[dict[str, Any]]]:
    """Return figures with a row for each value and a lane for each volume, in lists that belong together.

    Values along axes give a figure for each phase, with a row for each axis, and
    a list for each feature.
    """
    by_axis = has_axes(found)
    figures: dict[tuple[str, ...], dict[tuple[str, ...], list[tuple[str, Mapping[str, Plain]]]]] = {}
    for key, by_volume in found.entries("values").items():
        name, row = (described(*key[:3]), described(direction=key[3])) if by_axis else ("", described(*key))
        unit = next(iter(by_volume.values()))["unit"]
        together = figures.setdefault(key[1:3] if by_axis else (), {})
        together.setdefault((name, unit), []).append((row or "whole volume", by_volume))
    return [
        [_dot_figure(found, name, unit, rows, series) for (name, unit), rows in together.items()]
        for together in figures.values()
    ]


def _dot_figure(
    found: Found, name: str, unit: str, rows: Sequence[tuple[str, Mapping[str, Plain]]], series: Mapping[str, int]
) -> dict[str, Any]:
    numbers = [
        value[key]
        for _, by_volume in rows
        for value in by_volume.values()
        for key in ("value", "lower", "upper")
        if value[key] is not None
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
        "alt": f"{found.any['title']}: {name or 'by phase'}",
    }


def _power(largest: float) -> int:
    """Return the power of ten to take out of numbers of this size: a multiple of 3, 0 for handy ones."""
    if largest == 0 or 1e-3 <= largest < 1e5:
        return 0
    return 3 * math.floor(math.log10(largest) / 3)


def _lane(value: Plain, series: int, unit: float) -> dict[str, Any]:
    scaled = {key: None if value[key] is None else value[key] / unit for key in ("value", "lower", "upper")}
    status = "" if value["status"] == "ok" else value["status"].replace("_", " ")
    return {"series": series, **scaled, "text": number(scaled["value"]), "status": status}


# --- tables ------------------------------------------------------------------


def table(results: Iterable[tuple[str, Plain]], column: str) -> dict[str, Any]:
    """Return a table of values: a column for each `column` label, a row for each of the other labels and each volume.

    Parameters
    ----------
    results : iterable of (str, mapping)
        What the row is called, and the result.
    column : {"phase", "feature", "estimator", "direction"}
        The label that the columns stand for.
    """
    place = _LABELS.index(column)
    columns: dict[str, str] = {}
    rows: dict[tuple[str, ...], dict[str, dict[str, Plain]]] = {}
    messages: dict[str, list[str]] = {}
    for name, result in results:
        for value in result["values"]:
            key = labels(value)
            columns.setdefault(key[place], described(**{column: key[place]}) or "value")
            rest = (*key[:place], "all" if column == "direction" else "", *key[place + 1 :])
            rows.setdefault(rest, {}).setdefault(name, {})[key[place]] = value
            if value["status"] == "ok" and value["message"]:
                messages.setdefault(value["message"], []).append(name)
    return {
        "columns": list(columns.values()),
        "rows": [
            {
                "label": described(*rest),
                "name": name,
                "baseline": False,
                "cells": [cell(values.get(c)) for c in columns],
            }
            for rest, by_name in rows.items()
            for name, values in by_name.items()
        ],
        "labelled": any(described(*rest) for rest in rows),
        "messages": [f"{', '.join(names)}: {message}" for message, names in messages.items()],
    }


def values_by_volume(found: Found, series: Mapping[str, int]) -> dict[str, Any]:
    """Return a table with a row for each value and a column for each volume."""
    return {
        "columns": list(series),
        "rows": [
            {
                "label": described(*key),
                "cells": [cell(by_volume.get(volume)) for volume in series],
                "unit": pretty_unit(next(iter(by_volume.values()))["unit"]),
            }
            for key, by_volume in found.entries("values").items()
        ],
    }


def cell(value: Plain | None) -> dict[str, str]:
    """Write a value for a table: its number, and its status where that is not "ok"."""
    if value is None:
        return {"text": "–", "status": "", "why": ""}
    status = "" if value["status"] == "ok" else value["status"].replace("_", " ")
    return {
        "text": number(value["value"]),
        "status": status,
        "why": value["message"] if status else "",
    }
