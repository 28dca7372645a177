"""Figures of the report: SVG strings drawn from plain dicts.

Colours are CSS variables, so that one figure serves the light and the dark page.
Text stays text, in the font of the page. What the pointer reads and what is
saved as a table travels with each figure, as JSON. Equal dicts give equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from microchar.report.figures.curves import draw_curves
from microchar.report.figures.dots import draw_dots
from microchar.report.figures.strip import draw_strip

_DRAWERS = {"curves": draw_curves, "dots": draw_dots, "strip": draw_strip}


def draw(spec: Mapping[str, Any], prefix: str) -> str:
    """Return a figure as SVG to be inserted into HTML.

    Parameters
    ----------
    spec : mapping
        ``type`` is "curves", "dots" or "strip"; the modules of these names say what else it holds.
    prefix : str
        Begins every id in the figure, so that ids are unique on the page.
    """
    return _DRAWERS[spec["type"]](spec, prefix)
