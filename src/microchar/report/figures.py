"""Figures of the report: SVG strings drawn from plain dicts.

All figures have one style. Colours are written as CSS variables, so that one
figure serves the light and the dark page. Text stays text, in the font of the
page. Equal dicts give equal bytes.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from microchar.report.notation import tick

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The CSS variable that replaces each drawn colour. The drawn colours only have to differ from each other.
_VARIABLES = {"#010101": "--text", "#020202": "--muted", "#030303": "--grid"}
_TEXT, _MUTED, _GRID = _VARIABLES
#: Number of colours of candidates, set in style.css. Further candidates repeat them with other dashes and markers.
N_COLOURS = 6
_VARIABLES |= {f"#0405{n:02x}": f"--series-{n}" for n in range(1, N_COLOURS + 1)}
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.6)), (0, (1.2, 1.4)))
_MARKERS = ("o", "s", "^")

#: Colours of the grey levels of a `Picture`: grey for level 0 (no data), then dark violet, orange, near white.
_STOPS = {1: (24, 12, 52), 96: (138, 34, 106), 176: (238, 108, 36), 255: (254, 252, 200)}
GLOW = np.array(
    [
        (72, 78, 86),
        *zip(*(np.interp(range(1, 256), list(_STOPS), c) for c in zip(*_STOPS.values(), strict=True)), strict=True),
    ],
    np.uint8,
)

#: Sizes in CSS pixels, 96 to the inch.
_SIZES = {"large": (430, 290), "medium": (350, 250), "small": (250, 168)}
_DOTS_WIDTH, _LABEL, _LANE, _GAP, _AXIS = 350, 18, 16, 7, 40


@contextmanager
def style() -> Iterator[None]:
    """Use the style of the report in a ``with`` block: matplotlib's defaults, not the user's, and reproducible SVG."""
    from matplotlib.style import context

    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": "microchar",
        "path.simplify": True,
        "font.sans-serif": ["DejaVu Sans"],
    }
    with context(["default", settings]), warnings.catch_warnings():
        # The browser draws the text, with fonts that have these glyphs.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from (current )?font")
        yield


def draw(spec: Mapping[str, Any], prefix: str) -> str:
    """Return a figure as SVG to be inserted into HTML.

    Parameters
    ----------
    spec : mapping
        ``type`` is "curves" or "dots"; the other keys are those of
        `microchar.report.panels.curves` and `microchar.report.panels.dots`.
    prefix : str
        Begins every id in the figure, so that ids are unique on the page.
    """
    figure = {"curves": _curves, "dots": _dots}[spec["type"]](spec)
    return _svg(figure, prefix, spec["alt"])


def _curves(spec: Mapping[str, Any]) -> Figure:
    """Draw lines; keys are `size`, `lines` (series, x, y), `title`, `x_label`, `y_label`, `x_range`, `y_range`."""
    large = spec["size"] != "small"
    width, height = _SIZES[spec["size"]]
    left, right, bottom, top = (62, 14, 48, 26) if large else (44, 8, 26, 22)
    figure, axes = _figure(width, height, left, right, bottom, top, 9 if large else 8.5)
    for line in spec["lines"]:
        if line["band"] is not None:
            band = line["band"]
            axes.fill_between(band["x"], band["lower"], band["upper"], color=_GRID, linewidth=0)
        axes.plot(line["x"], line["y"], **_line(line["series"], large), solid_capstyle="round")
    axes.set_xlim(*spec["x_range"])
    axes.set_ylim(*spec["y_range"])
    axes.grid(True, color=_GRID, linewidth=0.6)
    size = 9.5 if large else 8.5
    if large:
        axes.set_xlabel(spec["x_label"], fontsize=size, color=_TEXT, parse_math=False)
    label = spec["y_label"] if large else spec["title"]
    # A label above the axes is horizontal, and may be long.
    x, side = (0.0, "left") if large else (0.5, "center")
    _text(axes, label, x, 1.03, ha=side, va="bottom", transform=axes.transAxes, fontsize=size, color=_TEXT)
    _locate(axes, 5 if large else 4, 5 if large else 4)
    return figure


def _dots(spec: Mapping[str, Any]) -> Figure:
    """Draw rows with a lane for each volume.

    Keys are `rows` (label, lanes: series, value, lower, upper, text, status), `x_label` and `x_range`.
    """
    rows = spec["rows"]
    height = sum(_LABEL + _LANE * len(row["lanes"]) + _GAP for row in rows) + _AXIS
    text = 9
    figure, axes = _figure(_DOTS_WIDTH, height, 12, 92, _AXIS, 2, text)
    axes.set_xlim(*spec["x_range"])
    axes.set_ylim(height - _AXIS, 0)
    axes.spines["left"].set_visible(False)
    axes.grid(True, axis="x", color=_GRID, linewidth=0.6)
    axes.axvline(0, color=_MUTED, linewidth=0.8)
    beside: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "fontsize": text}
    y = 0.0
    for row in rows:
        _text(axes, row["label"], 0.02, y + _LABEL / 2, weight="bold", color=_TEXT, **beside)
        y += _LABEL
        for lane in row["lanes"]:
            _lane(axes, lane, y + _LANE / 2)
            _text(axes, lane["text"], 1.03, y + _LANE / 2, color=_colour(lane["series"]), **beside)
            y += _LANE
        y += _GAP
    axes.set_xlabel(spec["x_label"], fontsize=text, color=_TEXT, parse_math=False)
    _locate(axes, 4, None)
    axes.set_yticks([])
    return figure


def _lane(axes: Axes, lane: Mapping[str, Any], y: float) -> None:
    colour = _colour(lane["series"])
    value, lower, upper = lane["value"], lane["lower"], lane["upper"]
    if lane["status"] and not value:
        _text(axes, lane["status"], 0.04 * axes.get_xlim()[1], y, color=_MUTED, fontsize=8)
    if value is None:
        return
    axes.plot([0, value], [y, y], color=colour, linewidth=0.8, alpha=0.55)
    if lower is not None and upper is not None:
        axes.plot([lower, upper], [y, y], color=colour, linewidth=1.4, marker="|", markersize=7)
    marker = "D" if lane["series"] == 0 else _MARKERS[(lane["series"] - 1) // N_COLOURS % len(_MARKERS)]
    axes.plot([value], [y], color=colour, marker=marker, markersize=5 if marker == "D" else 6, clip_on=False)


def _text(axes: Axes, text: str, x: float, y: float, *, va: str = "center", **style: Any) -> None:
    # A dollar sign in a name does not begin a formula.
    axes.text(x, y, text, va=va, parse_math=False, **style)


# --- the style ---------------------------------------------------------------


def _figure(
    width: float, height: float, left: float, right: float, bottom: float, top: float, text: float
) -> tuple[Figure, Axes]:
    """Return a figure with one axes; sizes and margins are in CSS pixels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 96, height / 96), facecolor="none")
    axes = figure.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height),
        facecolor="none",
    )
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_MUTED)
        spine.set_linewidth(0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=3, width=0.8, color=_MUTED, labelcolor=_MUTED, labelsize=text)
    return figure, axes


def _locate(axes: Axes, n_x: int, n_y: int | None) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for axis, n in ((axes.xaxis, n_x), (axes.yaxis, n_y)):
        if n is not None:
            axis.set_major_locator(MaxNLocator(n, steps=[1, 2, 2.5, 5, 10]))
            axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def _colour(series: int) -> str:
    return _TEXT if series == 0 else f"#0405{(series - 1) % N_COLOURS + 1:02x}"


def _line(series: int, large: bool) -> dict[str, Any]:
    dash = "-" if series == 0 else DASHES[(series - 1) // N_COLOURS % len(DASHES)]
    width = 2.8 if series == 0 else 1.6  # the reference stays visible below the candidates
    return {"color": _colour(series), "linestyle": dash, "linewidth": width if large else 0.75 * width}


# --- from matplotlib to the page ---------------------------------------------

_NOISE = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", re.DOTALL)
_ROOT = re.compile(r"<svg .*?>", re.DOTALL)
_FONT = re.compile(r"font(?:-family)?: [^;\"]*'[^;\"]*;?")
_ID = re.compile(r' id="([^"]*)"')


def _svg(figure: Figure, prefix: str, alt: str) -> str:
    from xml.sax.saxutils import quoteattr

    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    drawn = _NOISE.sub("", buffer.getvalue()).replace("xlink:href", "href")
    for colour, variable in _VARIABLES.items():
        drawn = drawn.replace(colour, f"var({variable})")
    used = set(re.findall(r"#([\w-]+)", drawn))
    drawn = _ID.sub(lambda match: f' id="{prefix}{match[1]}"' if match[1] in used else "", drawn)
    drawn = re.sub(r'(url\(|href=")#', rf"\1#{prefix}", drawn)
    width, height = figure.get_size_inches() * 72
    root = f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label={quoteattr(alt)}>'
    return re.sub(r"\n\s*", "\n", _ROOT.sub(lambda _: root, drawn, count=1)).strip()
