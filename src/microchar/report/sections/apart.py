"""Volumes without a verdict: their headline values side by side, and differences in standard errors where known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from microchar.core.numbers import with_error
from microchar.core.result import Key
from microchar.core.units import pretty_unit
from microchar.measurement.directions import headlines
from microchar.report.metric_results import MetricResults
from microchar.report.notation import described, percent, signed
from microchar.report.sections.contenders import anchor
from microchar.report.sections.lamps import LAMPS
from microchar.report.sections.tables import cell

#: Half width of a 90 % interval in standard errors.
_INTERVAL = 1.645


def values_apart(metrics: Sequence[MetricResults], volumes: Sequence[str], phases: Sequence[str]) -> dict[str, Any]:
    """Return a table with a row for each volume, the reference first, and a column for each headline value.

    Parameters
    ----------
    metrics : sequence of MetricResults
    volumes : sequence of str
    phases : sequence of str
        Phases that inform.
    """
    columns = list(_columns(metrics, phases))
    rows = []
    for name in volumes:
        cells = []
        for metric, key in columns:
            value, expected = metric.values[key].get(name), metric.values[key].get(volumes[0])
            share = None
            if name != volumes[0] and value and expected and value.value is not None and expected.value:
                share = value.value / expected.value - 1
            cells.append({**cell(value), "number": value.value if value else None, "relative": percent(share)})
        rows.append({"name": name, "cells": cells})
    return {
        "columns": [
            {"title": metric.first.title, "what": described(key), "unit": pretty_unit(_unit(metric, key))}
            for metric, key in columns
        ],
        "rows": rows,
    }


def differences_apart(
    metrics: Sequence[MetricResults], series: dict[str, int], phases: Sequence[str]
) -> dict[str, Any] | None:
    """Return the strip plot of differences in units of their standard errors; None where there are no errors.

    Parameters
    ----------
    metrics : sequence of MetricResults
    series : dict of str to int
        The number of each volume's colour; that of the reference is 0.
    phases : sequence of str
        Phases that inform.
    """
    rows = [row for metric, key in _columns(metrics, phases) if (row := _row(metric, key, series))["marks"]]
    if not rows:
        return None
    unit = "standard error of the difference"
    alt = "; ".join(f"{row['label']}: {', '.join(mark['text'] for mark in row['marks'])}" for row in rows)
    label = f"difference, in units of the {unit}"
    figure = {"type": "strip", "rows": rows, "x_label": label, "alt": f"Differences: {alt}"}
    return {"figure": figure, "by_scatter": False, "unit": unit}


def _columns(metrics: Sequence[MetricResults], phases: Sequence[str]) -> Iterator[tuple[MetricResults, Key]]:
    """Yield one headline value of each metric that can decide, for each phase that informs."""
    wanted = [name for names in LAMPS.values() for name in names]
    for metric in metrics:
        if metric.first.metric in wanted:
            seen = set()
            for key in headlines(metric.values):
                if (key.phase in phases or "|" in key.phase) and key.phase not in seen:
                    seen.add(key.phase)
                    yield metric, key


def _row(metric: MetricResults, key: Key, series: dict[str, int]) -> dict[str, Any]:
    by_volume = metric.values[key]
    expected = next((value for name, value in by_volume.items() if series[name] == 0), None)
    marks = []
    for name, value in by_volume.items():
        if expected is None or value is expected or value.value is None or expected.value is None:
            continue
        if value.standard_error is None or expected.standard_error is None:
            continue
        error = math.hypot(value.standard_error, expected.standard_error)
        if error > 0:
            at = (value.value - expected.value) / error
            text = f"{signed(value.value - expected.value)} ({with_error(value.value, value.standard_error)})"
            ends = {"lower": at - _INTERVAL, "upper": at + _INTERVAL}
            marks.append({"series": series[name], "name": name, "value": at, "text": text, **ends})
    label = " ".join(filter(None, [metric.first.title, f"({described(key)})"]))
    return {
        "id": anchor(metric.first.metric, key.phase),
        "label": label,
        "text": "",
        "word": "",
        "pieces": [],
        "marks": marks,
    }


def _unit(metric: MetricResults, key: Key) -> str:
    return next(iter(metric.values[key].values())).unit
