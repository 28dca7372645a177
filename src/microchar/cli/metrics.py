"""``microchar metrics``: list what can be measured."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the command to the parser of ``microchar``."""
    commands.add_parser("metrics", help="list what can be measured").set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the id, unit and summary of each metric."""
    del options
    from microchar.core.units import power_unit
    from microchar.measurement.catalogue import find_metric, metric_names

    width = max(len(name) for name in metric_names())
    print(f"{'id':{width}}  {'unit':9}  what it is")
    for name in metric_names():
        cls = find_metric(name)
        print(f"{name:{width}}  {power_unit('length', cls.length_power) or '-':9}  {cls.summary}")
