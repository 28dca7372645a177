"""The installed metrics by id: the modules of `microchar.metrics` and the plugins of other distributions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from microchar.core.errors import InputError
from microchar.core.registry import Registry
from microchar.core.text import did_you_mean
from microchar.measurement.metric import Metric

METRICS: Registry[type[Metric]] = Registry(
    "metric", "microchar.metrics", Metric, listing="`microchar metrics`", package="microchar.metrics"
)


def metric_names() -> tuple[str, ...]:
    """Return the ids of all metrics: built-in metrics in the order of the report, then plugins by name.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from microchar.metrics import metric_names
    >>> metric_names()[:2]
    ('volume_fraction', 'specific_surface_area')
    """
    return METRICS.names()


def find_metric(name: str) -> type[Metric]:
    """Return the metric class with an id.

    Parameters
    ----------
    name : str
        Id of the metric.

    Returns
    -------
    type
        A subclass of `microchar.measurement.metric.Metric`.

    Raises
    ------
    InputError
        If there is no such metric; the message suggests the most similar id.

    Examples
    --------
    >>> from microchar.metrics import find_metric
    >>> find_metric("lineal_path").__name__
    'LinealPath'
    """
    return METRICS.find(name)


def create_metric(name: str, **parameters: Any) -> Metric:
    """Make a metric from its id and its parameters.

    Parameters
    ----------
    name : str
        Id of the metric.
    **parameters
        Fields of its class; ``microchar metrics NAME`` lists them.

    Returns
    -------
    Metric

    Raises
    ------
    InputError
        If there is no such metric, or the metric has no such parameter.

    Examples
    --------
    >>> from microchar.metrics import create_metric
    >>> create_metric("lineal_path", r_max=50).id
    'lineal_path'
    """
    check_parameters(name, parameters)
    return find_metric(name)(**parameters)


def check_parameters(name: str, parameters: Iterable[str]) -> None:
    """Raise InputError if a metric does not have one of the named parameters."""
    known = [f.name for f in fields(find_metric(name))]
    for key in sorted(set(parameters) - set(known)):
        hint = did_you_mean(key, known)
        raise InputError(f"metric {name!r} has no parameter {key!r}; {hint}it has {', '.join(known)}")
