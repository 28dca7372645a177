"""Ranges of axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: The feature of a distribution that is cumulative.
CDF = "cdf"
#: Ends of curves that vary by less than this share of their range are not shown.
_FLAT = 0.005


def y_range(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of an axis for curves, which need not include zero."""
    # The axis of curves far from zero need not include it.
    if not values or min(values) < 0.4 * max(values):
        return padded(values)
    room = 0.06 * (max(values) - min(values)) or 0.05
    return min(values) - room, max(values) + room


def padded(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of the values and zero, with some room at the ends that are not zero."""
    low, high = min([0.0, *values]), max([0.0, *values])
    room = 0.05 * (high - low) or 0.05
    return (low - room if low < 0 else 0.0, high + room if high > 0 else 0.0 if low < 0 else room)


def x_range(lines: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return the range of lags at which lines (mappings with ``x`` and ``y``) vary."""
    # Long flat ends (the tail of a chord-length distribution, the 0 and 1 of a CDF) would squeeze the rest.
    starts, stops = [], []
    for line in lines:
        tolerance = _FLAT * (max(line["y"]) - min(line["y"]))
        first, last = line["y"][0], line["y"][-1]
        varied = [i for i, y in enumerate(line["y"]) if abs(y - first) > tolerance]
        starts.append(line["x"][max(0, varied[0] - 1)] if varied else line["x"][0])
        varied = [i for i, y in enumerate(line["y"]) if abs(y - last) > tolerance]
        stops.append(line["x"][min(len(line["x"]) - 1, varied[-1] + 1)] if varied else line["x"][-1])
    start, stop = min(starts, default=0.0), max(stops, default=1.0)
    start = 0.0 if 0 <= start < 0.3 * stop else start
    return (start, stop if stop > start else start + 1.0)
