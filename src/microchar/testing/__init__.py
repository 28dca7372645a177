"""Tools for authors of plugins: the contracts as named checks, and truths that metrics are measured against."""

from __future__ import annotations

from microchar.testing.checks import Check
from microchar.testing.generators import check_generator, generator_checks
from microchar.testing.metrics import check_metric, configurations, metric_checks
from microchar.testing.truths import Outcome, Truth, check_truths

__all__ = [
    "Check",
    "Outcome",
    "Truth",
    "check_generator",
    "check_metric",
    "check_truths",
    "configurations",
    "generator_checks",
    "metric_checks",
]
