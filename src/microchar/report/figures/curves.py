"""Curves over the band of the reference and, beneath, what separates them from it in standard errors."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from microchar.report.figures.axes import Axes, colour, dashes, line, root, rounded, text

#: Width, height of the axes, and whether the axes have names.
_SIZES = {"large": (460, 215, True), "small": (250, 120, False)}
_RESIDUAL_HEIGHT = 62
#: Residuals within this many standard errors are shaded; the axis reaches at least the second number.
_EXPECTED, _LEAST = 2.0, 4.0


def draw_curves(spec: Mapping[str, Any], prefix: str) -> str:
    """Draw curves.

    Parameters
    ----------
    spec : mapping
        ``size`` ("large" or "small"), ``lines``, ``band`` (x, lower, upper, or None),
        ``title`` (of small figures), ``x_label``, ``y_label``, ``x_range``, ``y_range`` and
        ``alt``. Each line has the ``name`` and ``series`` of its volume, ``x``, ``y`` and
        ``residual``: the differences from the reference in standard errors, or None.
    prefix : str
        Begins every id.
    """
    width, height, named = _SIZES[spec["size"]]
    left, right, top = (58, 14, 24) if named else (44, 8, 22)
    main = Axes(left, top, width - left - right, height, spec["x_range"], spec["y_range"])
    residuals = [each for each in spec["lines"] if named and each["residual"] is not None]
    drawn = [main.clip(f"{prefix}clip"), main.grid(5 if named else 4, 4, x_labels=not residuals)]
    drawn += _curves(main, spec, f"{prefix}clip", 1.0 if named else 0.7)
    if named:
        drawn.append(text(0, 13, spec["y_label"], "label"))
    else:
        drawn.append(text(width / 2, 13, spec["title"], "label", "middle"))
    lowest = main
    if residuals:
        lowest = Axes(left, main.bottom + 26, main.width, _RESIDUAL_HEIGHT, spec["x_range"], _residual_range(residuals))
        drawn.append(text(0, main.bottom + 18, "difference / standard error", "label"))
        drawn += _residuals(lowest, residuals, f"{prefix}below")
    drawn.append(f'<line class="guide" y1="{main.top:g}" y2="{lowest.bottom:g}" x1="0" x2="0" visibility="hidden"/>')
    if named:
        drawn.append(text(lowest.right, lowest.bottom + 33, spec["x_label"], "label", "end"))
    whole = lowest.bottom + (40 if named else 22)
    style = "curves large" if named else "curves"
    return root(width, whole, spec["alt"], style, "\n".join(drawn), _data(spec, main) if named else "")


def _curves(axes: Axes, spec: Mapping[str, Any], clip: str, thickness: float) -> list[str]:
    """Draw the band, the candidates on it, and the reference as a thin line on top: none hides another."""
    drawn = [f'<g clip-path="url(#{clip})">']
    band = spec["band"]
    if band is not None:
        there = axes.points(band["x"], band["upper"])
        back = axes.points(band["x"][::-1], band["lower"][::-1])
        drawn.append(f'<polygon class="band" points="{there} {back}"/>')
    for each in sorted(spec["lines"], key=lambda each: each["series"] == 0):
        width = thickness * (1.5 if each["series"] == 0 else 2.4)
        drawn.append(
            f'<polyline fill="none" stroke="{colour(each["series"])}" stroke-width="{width:g}"{dashes(each["series"])} '
            f'points="{axes.points(each["x"], each["y"])}"/>'
        )
    return [*drawn, "</g>"]


def _residual_range(lines: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    found = [r for each in lines for r in each["residual"] if math.isfinite(r)]
    largest = max([_LEAST, *(1.08 * abs(r) for r in found)])
    # Only the side on which something lies is shown in full.
    return max(min([-_LEAST, *(1.08 * r for r in found)]), -largest), max([_LEAST, *(1.08 * r for r in found)])


def _residuals(axes: Axes, lines: Sequence[Mapping[str, Any]], clip: str) -> list[str]:
    expected = axes.y(_EXPECTED), axes.y(-_EXPECTED)
    drawn = [
        axes.clip(clip),
        f'<rect class="band" x="{axes.left:g}" y="{expected[0]:.1f}" width="{axes.width:g}" '
        f'height="{expected[1] - expected[0]:.1f}"/>',
        axes.grid(5, 3),
        line(axes.left, axes.y(0), axes.right, axes.y(0), "zero"),
        f'<g clip-path="url(#{clip})">',
    ]
    for each in lines:
        known = [(x, r) for x, r in zip(each["x"], each["residual"], strict=True) if math.isfinite(r)]
        points = axes.points([x for x, _ in known], [r for _, r in known])
        drawn.append(
            f'<polyline fill="none" stroke="{colour(each["series"])}" stroke-width="1.8"{dashes(each["series"])} '
            f'points="{points}"/>'
        )
    return [*drawn, "</g>"]


def _data(spec: Mapping[str, Any], axes: Axes) -> str:
    """Return what the pointer reads: the place of the axes, and the numbers of each line."""
    lines = [
        {
            "name": each["name"],
            "series": each["series"],
            "x": rounded(each["x"]),
            "y": rounded(each["y"]),
            "residual": None if each["residual"] is None else rounded(each["residual"], 3),
        }
        for each in spec["lines"]
    ]
    plot = {
        "left": axes.left,
        "width": axes.width,
        "range": list(axes.x_range),
        "x": spec["x_label"],
        "y": spec["y_label"],
        "lines": lines,
    }
    return json.dumps(plot, separators=(",", ":"), ensure_ascii=False)
