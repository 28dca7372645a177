"""The curves as they were measured, in the mean over the directions and along each of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from microchar.core.result import Key
from microchar.core.units import pretty_unit
from microchar.measurement.directions import AXES, any_direction, direction_rank
from microchar.report.metric_results import MetricResults
from microchar.report.notation import described, plain_symbol
from microchar.report.sections.curves import as_band, plain_lines, with_residuals
from microchar.report.sections.ranges import CDF, x_range, y_range


def raw_figures(
    metric: MetricResults, series: Mapping[str, int], phases: Sequence[str], *, directions: bool = True
) -> list[dict[str, Any]]:
    """Return the figures of a metric's profiles.

    Parameters
    ----------
    metric : MetricResults
    series : mapping of str to int
        The number of each volume's colour.
    phases : sequence of str
        Phases that are shown.
    directions : bool
        Whether the curves along each direction are shown too.

    Returns
    -------
    list of dict
        For each phase, feature and estimator a large figure, and small ones by direction.
    """
    by_quantity: dict[Key, list[Key]] = {}
    for key in metric.profiles:
        if key.phase in phases:
            by_quantity.setdefault(any_direction(key), []).append(key)
    merged: dict[Key, list[Key]] = {}
    for quantity, members in by_quantity.items():
        # Profiles along axes only, such as those of the 2D windows of local porosity, join the phase's first group.
        along_axes_only = all(key.direction in AXES for key in members)
        first = next((other for other in merged if other.phase == quantity.phase), quantity)
        merged.setdefault(first if along_axes_only else quantity, []).extend(members)
    chosen = merged.values() if directions else [[min(m, key=_rank)] for m in merged.values()]
    return [_group(metric, members, series) for members in chosen]


def _group(metric: MetricResults, members: Sequence[Key], series: Mapping[str, int]) -> dict[str, Any]:
    main, *others = sorted(members, key=_rank)
    others = sorted(others, key=lambda key: key.direction not in AXES)
    found = {key: with_residuals(metric.profiles[key], series) for key in (main, *others)}
    lines_of = {key: plain_lines(lines) for key, (lines, _) in found.items()}
    symbol = plain_symbol(metric.first.symbol)
    argument = _argument(symbol)
    profile = next(iter(metric.profiles[main].values()))
    shared = {
        "type": "curves",
        "y_range": y_range([y for lines in lines_of.values() for line in lines for y in line["y"]]),
        "x_label": _with_unit(argument, profile.x_unit),
        "y_label": _with_unit(f"share ≤ {argument}" if main.feature == CDF else symbol, profile.unit),
    }
    range_of_others = x_range([line for key in others for line in lines_of[key]])
    figures = [
        shared
        | {
            "title": described(
                Key(feature="" if key.feature == main.feature else key.feature, direction=key.direction)
            ),
            "lines": lines,
            "band": as_band(found[key][1]),
            "x_range": x_range(lines) if key == main else range_of_others,
            "size": "large" if key == main else "small",
            "alt": f"{metric.first.title}: {described(key)}",
        }
        for key, lines in lines_of.items()
        if lines
    ]
    return {
        "name": described(any_direction(main)),
        "direction": described(Key(direction=main.direction)),
        "large": [figure for figure in figures if figure["size"] == "large"],
        "small": [figure for figure in figures if figure["size"] == "small"],
    }


def _rank(key: Key) -> tuple[int, str]:
    return direction_rank(key.direction)


def _argument(symbol: str) -> str:
    # S₂(r) is a function of r.
    match = re.search(r"\(([^()]*)\)$", symbol)
    return match[1] if match else ""


def _with_unit(name: str, unit: str) -> str:
    if not unit:
        return name
    return f"{name} ({pretty_unit(unit)})" if name else pretty_unit(unit)
