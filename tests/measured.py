"""Measurements that the public functions do not offer by themselves."""

from __future__ import annotations

from microchar.measurement.tasks import Task, run_tasks


def measure_pair(metrics, volume, other):
    """Measure pair metrics on two volumes of equal shape, without the baselines of `compare`."""
    (results,) = run_tasks([Task(metrics, volume, other)])
    return results
