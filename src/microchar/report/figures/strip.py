"""The strip plot: for each quantity the pieces of the real material as grey dots, and the candidates over them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

from microchar.report.figures.axes import colour, marker
from microchar.report.figures.dots import interval
from microchar.report.notation import tick

#: Numbers at the axis. It is linear around zero and logarithmic far from it, as the inverse hyperbolic sine is.
_TICKS = (0, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000, 1_000_000)
#: Within this distance 95 % of other pieces of the real material lie. The axis reaches a little further.
_EXPECTED, _LEAST = 2.0, 3.2
_LABEL, _GAP, _AXIS = 18, 6, 40
#: Height for all candidates of a row, and the largest and the smallest for one of them, in pixels.
_ALL, _LARGEST, _SMALLEST = 36.0, 13.0, 1.5
#: Of candidates closer than this, markers are small and intervals faint.
_CROWDED = 8.0
#: So many characters of a label and of its numbers fit beside each other on a phone.
_NARROW = 50
#: Nothing is drawn beyond these shares of the width.
_MARGIN = 3.0


def draw_strip(spec: Mapping[str, Any], prefix: str) -> str:
    """Draw the strip plot. It is as wide as its place; its texts keep their size.

    Parameters
    ----------
    spec : mapping
        ``rows`` (id, label, text, word, pieces, marks: series, name, value, lower, upper, text),
        ``x_label`` and ``alt``.
    prefix : str
        Not used: the ids of rows are those of the spec.
    """
    del prefix
    rows = spec["rows"]
    most = max(1, *(len(row["marks"]) for row in rows))  # without any scatter there is no mark
    lane = min(_LARGEST, max(_SMALLEST, _ALL / most))
    axis = _Axis(rows)
    drawn, y = [], 4.0
    for row in rows:
        height = _LABEL + lane * len(row["marks"])
        drawn += [f'<g id="{escape(row["id"])}" class="row">', *_row(axis, row, y, lane), "</g>"]
        y += height + _GAP
    behind = _behind(axis, y)
    names = f'<text class="label" x="50%" y="{y + 34:g}" text-anchor="middle">{escape(spec["x_label"])}</text>'
    content = "\n".join([*behind, *drawn, names])
    label = escape(spec["alt"])
    return f'<svg class="strip" style="height: {y + _AXIS:g}px" role="img" aria-label="{label}">\n{content}\n</svg>'


class _Axis:
    """Places numbers along the width, in percent."""

    def __init__(self, rows: list[Mapping[str, Any]]):
        ends = [end for row in rows for mark in row["marks"] for end in (mark["lower"], mark["upper"], mark["value"])]
        ends += [piece for row in rows for piece in row["pieces"]]
        finite = [end for end in ends if math.isfinite(end)]
        self.low, self.high = min([-_LEAST, *finite]), max([_LEAST, *finite])

    def place(self, value: float) -> str:
        """Return the place of a number."""
        low, high = math.asinh(self.low), math.asinh(self.high)
        at = math.asinh(min(max(value, self.low), self.high))
        return f"{_MARGIN + (100 - 2 * _MARGIN) * (at - low) / (high - low):.2f}%"

    def ticks(self) -> list[float]:
        """Return the numbers that are written."""
        return [n for n in sorted({sign * n for n in _TICKS for sign in (-1, 1)}) if self.low <= n <= self.high]


def _behind(axis: _Axis, bottom: float) -> list[str]:
    start, end = float(axis.place(-_EXPECTED)[:-1]), float(axis.place(_EXPECTED)[:-1])
    drawn = [f'<rect class="band" x="{start:.2f}%" y="0" width="{end - start:.2f}%" height="{bottom:g}"/>']
    for value in axis.ticks():
        x = axis.place(value)
        drawn.append(f'<line class="{"grid" if value else "zero"}" x1="{x}" x2="{x}" y1="0" y2="{bottom:g}"/>')
        drawn.append(f'<text class="tick" x="{x}" y="{bottom + 15:g}" text-anchor="middle">{tick(value)}</text>')
    return drawn


def _row(axis: _Axis, row: Mapping[str, Any], y: float, lane: float) -> list[str]:
    # On a phone the style leaves out the word, and makes a long label smaller.
    long = " long" if len(row["label"]) + len(row["text"]) > _NARROW else ""
    word = f'<tspan class="judged">, {escape(row["word"])}</tspan>' if row["word"] else ""
    drawn = [
        f'<text class="name{long}" x="0" y="{y + 13:g}">{escape(row["label"])}</text>',
        f'<text class="tick" x="100%" y="{y + 13:g}" text-anchor="end">{escape(row["text"])}{word}</text>',
    ]
    y += _LABEL
    middle = y + lane * len(row["marks"]) / 2
    drawn += [f'<circle class="piece" cx="{axis.place(p)}" cy="{middle:g}" r="4"/>' for p in row["pieces"]]
    crowded = lane < _CROWDED
    for mark in row["marks"]:
        shade, at = colour(mark["series"]), y + lane / 2
        drawn.append(f'<g class="mark"><title>{escape(mark["name"])}: {escape(mark["text"])}</title>')
        # An interval without an end goes to the edge; in a file such an end is no number.
        ends = (mark["lower"], axis.low), (mark["upper"], axis.high)
        lower, upper = (axis.place(edge if math.isnan(end) else end) for end, edge in ends)
        drawn.append(interval(lower, upper, at, shade, faint=crowded))
        drawn.append(marker(axis.place(mark["value"]), at, mark["series"], size=3.0 if crowded else 4.5))
        drawn.append("</g>")
        y += lane
    return drawn
