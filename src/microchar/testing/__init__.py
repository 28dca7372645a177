"""Tools for authors of plugins: the contracts as named checks, and volumes with known properties."""

from __future__ import annotations

from microchar.testing.checks import Check
from microchar.testing.generators import check_generator, generator_checks
from microchar.testing.metrics import check_metric, configurations, metric_checks

__all__ = ["Check", "check_generator", "check_metric", "configurations", "generator_checks", "metric_checks"]
