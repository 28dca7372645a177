"""Select the metrics of a measurement and set their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from microchar.core.errors import InputError
from microchar.measurement.catalogue import check_parameters, create_metric, find_metric, metric_names
from microchar.measurement.metric import Metric

#: Parameters by metric id, then by the name of the parameter.
Parameters = Mapping[str, Mapping[str, Any]]


def choose(
    metrics: str | Metric | Sequence[str | Metric] | None,
    skip: str | Sequence[str] = (),
    common: Mapping[str, Any] | None = None,
    parameters: Parameters | None = None,
) -> list[Metric]:
    """Make the requested metrics, in the order of the report.

    Parameters
    ----------
    metrics : str, Metric, sequence of them, or None
        Ids or configured metrics; None for all, but those that are measured only on
        request and have no `parameters`.
    skip : str or sequence of str
        Ids to leave out; see `left_out`.
    common : mapping, optional
        ``r_max``, ``window``, ``periodic``: used for each metric that is given by its id and has the parameter.
        A metric that does not support periodic axes is refused if it is named, and measured without them if it
        is among all metrics; see `without_periodic_axes`.
    parameters : mapping of str to mapping, optional
        Parameters of individual metrics, by metric id.

    Raises
    ------
    InputError
        If a metric or a parameter does not exist, or no metric is left.
    """
    parameters = parameters or {}
    for name, of_metric in parameters.items():
        check_parameters(name, of_metric)
    for name in _several(skip):
        find_metric(name)
    all_of_them = [name for name in metric_names() if name in parameters or not find_metric(name).on_request]
    wanted = all_of_them if metrics is None else _several(metrics)
    made = [_made(metric, common or {}, parameters, named=metrics is not None) for metric in wanted]
    order = {name: position for position, name in enumerate(metric_names())}
    without = left_out(_several(skip), metrics)
    unique = {metric.id: metric for metric in made if metric.id not in without}
    if not unique:
        raise InputError("metrics: found none, or all of them skipped; `microchar metrics` lists what can be measured")
    return sorted(unique.values(), key=lambda metric: order.get(metric.id, len(order)))


def left_out(skip: Sequence[str], metrics: Any) -> set[str]:
    """Return the ids of metrics to leave out: `skip` and, among all metrics, those that are derived from one of them.

    Who skips a metric means its cost. Metrics that are named are left out only by their own id.
    """
    derived = metric_names() if metrics is None else ()
    return {*skip, *(name for name in derived if find_metric(name).derived_from in skip)}


def without_periodic_axes(chosen: Sequence[Metric], periodic: Sequence[int]) -> tuple[str, ...]:
    """Return a note on the metrics that are measured without the periodic axes that were asked for."""
    without = [metric.id for metric in chosen if not metric.periodic_supported]
    if not periodic or not without:
        return ()
    axes = ", ".join(str(axis) for axis in sorted(periodic))
    return (f"{', '.join(without)} cannot take axes {axes} as periodic, and were measured as if nothing repeated",)


def settings(
    metrics: Sequence[str | Metric] | str | Metric | None,
    skip: Sequence[str],
    common: Mapping[str, Any],
    parameters: Parameters | None,
) -> dict[str, Any]:
    """Return the arguments that the caller gave, for the record; arguments left at their default are omitted."""
    chosen = None if metrics is None else _several(metrics)
    named = None if chosen is None else [metric if isinstance(metric, str) else repr(metric) for metric in chosen]
    arguments = {"metrics": named, "skip": list(_several(skip)) or None, **common, "parameters": parameters or None}
    return {key: value for key, value in arguments.items() if value is not None}


def _several(argument: Any) -> Sequence[Any]:
    return argument if isinstance(argument, Sequence) and not isinstance(argument, str) else [argument]


def _made(metric: str | Metric, common: Mapping[str, Any], parameters: Parameters, *, named: bool) -> Metric:
    if isinstance(metric, str):
        cls = find_metric(metric)
        known = {f.name for f in fields(cls)} - (set() if named or cls.periodic_supported else {"periodic"})
        shared = {key: value for key, value in common.items() if key in known and value is not None}
        return create_metric(metric, **shared | dict(parameters.get(metric, {})))
    if not isinstance(metric, Metric):
        raise InputError(f"metrics: found {metric!r}, expected ids or configured metrics, such as LinealPath(r_max=50)")
    if metric.id in parameters:
        raise InputError(
            f"parameters: {metric.id!r} is among the metrics as {metric!r}, which holds its parameters already; "
            "give them in one place"
        )
    return metric
