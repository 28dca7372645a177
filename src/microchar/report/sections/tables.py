"""Tables of values, and the cells of tables."""

from __future__ import annotations

from typing import Any

from microchar.core.numbers import with_error
from microchar.core.result import Key, Status, Value
from microchar.report.metric_results import MetricResults
from microchar.report.notation import described


def value_table(metric: MetricResults, column: str) -> dict[str, Any]:
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


def cell(value: Value | None) -> dict[str, str]:
    """Return the texts of a table cell: the number, and the status and its reason where it is not "ok"."""
    if value is None:
        return {"text": "–", "status": "", "why": ""}
    status = shown_status(value)
    return {
        "text": with_error(value.value, value.standard_error),
        "status": status,
        "why": value.message if status else "",
    }


def shown_status(value: Value) -> str:
    """Return the status of a value in words; "" if all is well."""
    return "" if value.status == Status.OK else value.status.replace("_", " ")
