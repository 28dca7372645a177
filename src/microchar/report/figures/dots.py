"""Rows of values, with a lane for each volume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from microchar.report.figures.axes import Axes, colour, line, marker, root, text, ticks
from microchar.report.notation import tick

_WIDTH, _LEFT, _RIGHT = 350, 12, 92
_LABEL, _LANE, _GAP, _AXIS = 18, 16, 7, 40


def draw_dots(spec: Mapping[str, Any], prefix: str) -> str:
    """Draw values as dots, with their bounds.

    Parameters
    ----------
    spec : mapping
        ``rows`` (label, lanes: series, value, lower, upper, text, status), ``x_label``,
        ``x_range`` and ``alt``.
    prefix : str
        Not used: the figure has no ids.
    """
    del prefix
    rows = spec["rows"]
    height = sum(_LABEL + _LANE * len(row["lanes"]) + _GAP for row in rows)
    axes = Axes(_LEFT, 2, _WIDTH - _LEFT - _RIGHT, height, spec["x_range"], (0, 1))
    drawn = []
    for value in ticks(*axes.x_range, 4):
        x = axes.x(value)
        drawn += [line(x, axes.top, x, axes.bottom, "grid"), text(x, axes.bottom + 15, tick(value), "tick", "middle")]
    drawn.append(line(axes.left, axes.bottom, axes.right, axes.bottom, "axis"))
    y = axes.top
    for row in rows:
        drawn.append(text(axes.left + 4, y + 13, row["label"], "name"))
        y += _LABEL
        for lane in row["lanes"]:
            drawn += _lane(axes, lane, y + _LANE / 2)
            y += _LANE
        y += _GAP
    drawn.append(text(axes.right, axes.bottom + 33, spec["x_label"], "label", "end"))
    return root(_WIDTH, height + _AXIS, spec["alt"], "dots", "\n".join(drawn))


def _lane(axes: Axes, lane: Mapping[str, Any], y: float) -> list[str]:
    shade = colour(lane["series"])
    value, lower, upper = lane["value"], lane["lower"], lane["upper"]
    drawn = [
        f'<text class="tick" x="{axes.right + 8:g}" y="{y + 4:g}" style="fill: {shade}">{lane["text"]}</text>',
    ]
    if lane["status"] and not value:
        drawn.append(text(axes.x(0) + 8, y + 4, lane["status"], "tick"))
    if value is None:
        return drawn
    start, end = axes.x(0), axes.x(value)
    drawn.append(f'<line x1="{start:.1f}" y1="{y:g}" x2="{end:.1f}" y2="{y:g}" stroke="{shade}" stroke-opacity="0.5"/>')
    if lower is not None and upper is not None:
        drawn.append(interval(f"{axes.x(lower):.1f}", f"{axes.x(upper):.1f}", y, shade))
    return [*drawn, marker(f"{end:.1f}", y, lane["series"])]


def interval(lower: str, upper: str, y: float, shade: str, *, faint: bool = False) -> str:
    """Return a line with ends, or a faint one without; the positions along it may be in percent."""
    if faint:
        return f'<line x1="{lower}" x2="{upper}" y1="{y:g}" y2="{y:g}" stroke="{shade}" stroke-opacity="0.35"/>'
    ends = "".join(
        f'<line x1="{x}" x2="{x}" y1="{y - 3.5:g}" y2="{y + 3.5:g}" stroke="{shade}" stroke-width="1.5"/>'
        for x in (lower, upper)
    )
    return f'<line x1="{lower}" x2="{upper}" y1="{y:g}" y2="{y:g}" stroke="{shade}" stroke-width="1.8"/>{ends}'
