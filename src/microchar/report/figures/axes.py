"""Axes of a figure: from numbers to pixels, ticks, and the elements of SVG that figures are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from microchar.report.notation import tick
from microchar.report.palette import DASHES, N_COLOURS


@dataclass(frozen=True)
class Axes:
    """A rectangle of a figure, in CSS pixels, with the ranges of numbers along its edges.

    Parameters
    ----------
    left, top, width, height : float
    x_range, y_range : tuple of float
        Numbers at the left and the right edge, and at the bottom and the top.
    """

    left: float
    top: float
    width: float
    height: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    @property
    def bottom(self) -> float:
        """Position of the lower edge."""
        return self.top + self.height

    @property
    def right(self) -> float:
        """Position of the right edge."""
        return self.left + self.width

    def x(self, value: float) -> float:
        """Return the position of a number along the lower edge."""
        low, high = self.x_range
        return self.left + self.width * (value - low) / (high - low)

    def y(self, value: float) -> float:
        """Return the position of a number along the left edge."""
        low, high = self.y_range
        return self.bottom - self.height * (value - low) / (high - low)

    def points(self, x: Sequence[float], y: Sequence[float]) -> str:
        """Return the points of a line, for ``<polyline points="…">``; of those beyond each edge only the nearest."""
        low, high = self.x_range
        inside = [low <= value <= high for value in x]
        # A line goes on to the edge: the neighbour of a point inside is drawn too.
        drawn = [any(inside[max(i - 1, 0) : i + 2]) for i in range(len(inside))]
        places = zip(x, y, drawn, strict=True)
        return " ".join(f"{self.x(a):.1f},{self.y(b):.1f}" for a, b, shown in places if shown)

    def grid(self, n_x: int, n_y: int, *, x_labels: bool = True) -> str:
        """Return the lines of the grid with numbers at the left and, if wanted, below."""
        drawn = []
        for value in ticks(*self.x_range, n_x):
            x = self.x(value)
            drawn.append(line(x, self.top, x, self.bottom, "grid"))
            if x_labels:
                drawn.append(text(x, self.bottom + 15, tick(value), "tick", "middle"))
        for value in ticks(*self.y_range, n_y):
            y = self.y(value)
            drawn.append(line(self.left, y, self.right, y, "grid"))
            drawn.append(text(self.left - 6, y + 4, tick(value), "tick", "end"))
        drawn.append(line(self.left, self.bottom, self.right, self.bottom, "axis"))
        drawn.append(line(self.left, self.top, self.left, self.bottom, "axis"))
        return "\n".join(drawn)

    def clip(self, name: str) -> str:
        """Return a clipping path that is the rectangle."""
        return (
            f'<clipPath id="{name}"><rect x="{self.left:g}" y="{self.top:g}" width="{self.width:g}" '
            f'height="{self.height:g}"/></clipPath>'
        )


def ticks(low: float, high: float, number: int) -> list[float]:
    """Return round numbers within a range, about as many as wanted.

    Examples
    --------
    >>> ticks(0, 1, 5)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    step = (high - low) / max(number, 1)
    power = 10.0 ** math.floor(math.log10(step))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= step * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """Return a straight line of a class of the style sheet."""
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def text(x: float, y: float, content: str, style: str, anchor: str = "start") -> str:
    """Return a text of a class of the style sheet."""
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'


def colour(series: int) -> str:
    """Return the colour of a volume."""
    return f"var(--series-{(series - 1) % N_COLOURS + 1 if series else 0})"


def dashes(series: int) -> str:
    """Return the dashes of the line of a volume as an attribute; "" for a line without gaps."""
    pattern = DASHES[(series - 1) // N_COLOURS % len(DASHES)] if series else ""
    return f' stroke-dasharray="{pattern}"' if pattern else ""


def marker(x: str, y: float, series: int, *, size: float = 4.5) -> str:
    """Return the marker of a volume at a position; `x` may be in percent of the width of the figure."""
    fill = colour(series)
    shape = (series - 1) // N_COLOURS % len(DASHES) if series else 0
    if shape == 0:
        return f'<circle cx="{x}" cy="{y:g}" r="{size:g}" fill="{fill}"/>'
    square = f'<rect x="{-size:g}" y="{-size:g}" width="{2 * size:g}" height="{2 * size:g}" fill="{fill}"'
    turn = ' transform="rotate(45)"' if shape == 2 else ""
    # A nested drawing is placed in percent, and its square around its origin.
    return f'<svg x="{x}" y="{y:g}" overflow="visible">{square}{turn}/></svg>'


def root(width: float, height: float, label: str, style: str, content: str, data: str = "") -> str:
    """Return a figure of a fixed shape that fills the width of its place."""
    attribute = f' data-plot="{escape(data)}"' if data else ""
    return (
        f'<svg class="{style}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}"{attribute}>\n'
        f"{content}\n</svg>"
    )


def rounded(numbers: Sequence[float], digits: int = 5) -> list[float | None]:
    """Return numbers with few digits, to be written as JSON; None where there is no number."""
    return [float(f"{number:.{digits}g}") if np.isfinite(number) else None for number in numbers]
