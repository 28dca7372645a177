"""Plots of one metric among several, for measurements and comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from microchar.core.errors import InputError
from microchar.core.plotting import plot_results
from microchar.core.text import did_you_mean
from microchar.measurement.tables import Named

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_metric(results: Sequence[Named], metric: str | None, ax: Axes | None, key: Mapping[str, str]) -> Axes:
    """Draw the results of a metric for all volumes; `metric` may be None if there is only one."""
    known = list(dict.fromkeys(named.result.metric for named in results))
    if metric is None and len(known) == 1:
        (metric,) = known
    if metric not in known:
        hint = did_you_mean(metric or "", known)
        raise InputError(f"plot: found metric={metric!r}, {hint}expected one of {', '.join(known)}")
    return plot_results({n.volume: n.result for n in results if n.result.metric == metric}, ax, key)
