"""``microchar metrics``: list what can be measured, or describe one metric."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from microchar.measurement.describing import MetricDescription

#: Markup of reStructuredText around a formula, code, a name or emphasis. Formulas stay LaTeX.
_MARKUP = re.compile(r":math:`([^`]*)`|``([^`]*)``|`([^`]*)`|(?<![\w*])\*{1,2}([^\s*][^*]*)\*{1,2}")
_SOURCES = {
    "cells": "from the counts of cells of the volume",
    "subvolumes": "from the values of disjoint sub-volumes",
    "none": "none",
}


def add(commands: Any) -> None:
    """Add the command to the parser of ``microchar``."""
    command = commands.add_parser("metrics", help="list what can be measured, or describe one metric")
    command.add_argument("name", nargs="?", metavar="NAME", help="print definition and parameters of this metric")
    command.add_argument("--json", action="store_true", help="print everything on this or all metrics as JSON")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the table of metrics, or the description of one of them, or JSON."""
    from microchar.measurement.catalogue import metric_names
    from microchar.measurement.describing import describe_metric

    if options.json:
        import json
        from dataclasses import asdict

        names = [options.name] if options.name is not None else metric_names()
        print(json.dumps([asdict(describe_metric(name)) for name in names], indent=1, ensure_ascii=False))
    elif options.name is not None:
        print("\n".join(_lines(describe_metric(options.name))))
    else:
        print("\n".join(_table()))


def _table() -> list[str]:
    """Return a line for each metric: id, unit and summary."""
    from microchar.core.units import power_unit
    from microchar.measurement.catalogue import find_metric, metric_names

    width = max(len(name) for name in metric_names())
    lines = [f"{'id':{width}}  {'unit':9}  what it is"]
    for name in metric_names():
        cls = find_metric(name)
        lines.append(f"{name:{width}}  {power_unit('length', cls.length_power) or '-':9}  {cls.summary}")
    return lines


def _lines(metric: MetricDescription) -> list[str]:
    facts = {
        "symbol": metric.symbol,
        "unit": metric.unit or "none",
        "needs": f"{metric.min_ndim}D or more" + (f", {metric.min_phases} phases" if metric.min_phases > 1 else ""),
        "periodic axes": "yes" if metric.periodic_supported else "no",
        "mask": "yes" if metric.mask_supported else "no",
        "compared": "at equal shapes only" if metric.size_dependent else "at any shape",
        "errors": _SOURCES[metric.error_source],
    }
    lines = [f"{metric.id}: {metric.summary}", *(f"  {key + ':':14} {fact}" for key, fact in facts.items())]
    lines += ["", *_plain(metric.definition), "", f"parameters (--set {metric.id}.KEY=VALUE):"]
    for parameter in metric.parameters:
        lines += [f"    {parameter.name} = {parameter.default or '…'}  ({parameter.type})"]
        lines += [f"        {line}".rstrip() for line in _plain(parameter.meaning)]
    lines += [] if metric.parameters else ["    none"]
    for heading, text in (("convention", metric.convention), ("references", metric.references)):
        lines += ["", f"{heading}:", *(f"    {line}".rstrip() for line in _plain(text))] if text else []
    return lines


def _plain(text: str) -> list[str]:
    """Return the lines of reStructuredText without its markup."""
    plain = _MARKUP.sub(lambda found: next(filter(None, found.groups()), ""), text)
    plain = re.sub(r"^\.\. (?:math::)?", "   ", plain, flags=re.MULTILINE).replace("]_", "]")
    return [line.rstrip() for line in plain.splitlines()]
