"""Figures: numbers are where they belong, nothing hides the reference, equal specs give equal bytes."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from microchar.report.figures import draw
from microchar.report.figures.axes import Axes, ticks

pytestmark = pytest.mark.analytic


def curves(**changes):
    x = [0.0, 1.0, 2.0, 4.0]
    lines = [
        {"name": "real", "series": 0, "x": x, "y": [1.0, 0.5, 0.25, 0.0], "residual": None},
        {
            "name": "fake & co",
            "series": 1,
            "x": x,
            "y": [1.0, 0.6, 0.3, 0.0],
            "residual": [float("nan"), 2.0, 9.0, 1.0],
        },
    ]
    spec = {
        "type": "curves", "size": "large", "title": "", "lines": lines, "band": None, "x_label": "r (µm)",
        "y_label": "ρ(r)", "x_range": (0.0, 4.0), "y_range": (0.0, 1.0), "alt": "a <curve>",
    }  # fmt: skip
    return spec | changes


def strip(*marks, pieces=()):
    row = {"id": "q-1", "label": "φ", "text": "", "word": "", "pieces": list(pieces), "marks": list(marks)}
    return {"type": "strip", "rows": [row], "x_label": "difference", "alt": "differences"}


def mark(value, series=1, half=1.0):
    return {
        "series": series, "name": f"fake {series}", "value": value, "lower": value - half, "upper": value + half,
        "text": "far",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "number", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-3, 40, 4, [0, 20, 40]),
        (0, 1e-6, 2, [0, 5e-7, 1e-6]),
        (99.2, 100.4, 3, [99.5, 100]),
    ],
)
def test_ticks_are_round_and_within_the_range(low, high, number, expected):
    assert ticks(low, high, number) == pytest.approx(expected, rel=1e-9)


def test_a_number_is_placed_in_proportion():
    axes = Axes(10, 20, 100, 50, (0.0, 4.0), (-1.0, 1.0))
    assert (axes.x(1.0), axes.y(0.5)) == (35.0, 32.5)


def test_curves_are_xml_and_carry_their_numbers():
    drawn = draw(curves(), "f0-")
    assert drawn == draw(curves(), "f0-")
    root = ElementTree.fromstring(drawn)
    assert root.get("aria-label") == "a <curve>"
    plot = json.loads(root.get("data-plot"))
    assert [line["name"] for line in plot["lines"]] == ["real", "fake & co"]
    assert plot["lines"][1]["y"] == [1.0, 0.6, 0.3, 0.0]
    assert plot["lines"][1]["residual"] == [None, 2.0, 9.0, 1.0]
    assert "nan" not in drawn


def test_the_reference_is_drawn_last_and_thinner_than_the_candidates():
    lines = re.findall(r'stroke="var\(--series-(\d)\)" stroke-width="([\d.]+)"', draw(curves(), "f0-"))
    of_curves = lines[:2]
    assert [series for series, _ in of_curves] == ["1", "0"]
    assert float(of_curves[0][1]) > float(of_curves[1][1])


def test_the_residuals_have_axes_of_their_own_only_where_there_are_some():
    without = curves(lines=[line | {"residual": None} for line in curves()["lines"]])
    assert "difference / standard error" in draw(curves(), "f0-")
    assert "difference / standard error" not in draw(without, "f0-")


def test_the_strip_plot_places_units_symmetrically_and_compresses_what_is_far():
    drawn = draw(strip(mark(-3.0), mark(0.0, 2), mark(3.0, 3)), "")
    low, middle, high = (float(x) for x in re.findall(r'circle cx="([\d.]+)%"', drawn))
    assert middle == pytest.approx(50, abs=0.01)
    assert middle - low == pytest.approx(high - middle, abs=0.01)
    drawn = draw(strip(mark(1.0), mark(2.0, 2), mark(100.0, 3), mark(101.0, 4)), "")
    near, next_to, far, beyond = (float(x) for x in re.findall(r'circle cx="([\d.]+)%"', drawn))
    assert next_to - near > 10 * (beyond - far) > 0


def test_every_mark_says_what_it_is_and_pieces_are_no_candidates():
    root = ElementTree.fromstring(draw(strip(mark(1.0), pieces=[0.5, -0.5]), ""))
    assert [title.text for title in root.iter("title")] == ["fake 1: far"]
    assert [c.get("class") for c in root.iter("circle")] == ["piece", "piece", None]


@pytest.mark.parametrize("end", [float("inf"), float("nan")])
def test_intervals_without_an_end_are_drawn_to_the_edge(end):
    open_end = mark(1.0) | {"upper": end}
    drawn = draw(strip(open_end), "")
    assert "97.00%" in drawn
    assert not re.search(r"inf|nan", drawn)


def test_candidates_beyond_the_colours_have_other_markers():
    shapes = draw(strip(*(mark(float(n), n) for n in (1, 7, 13))), "")
    assert shapes.count("<circle") == 1
    assert shapes.count("rotate(45)") == 1
    assert len(set(np.round([float(y) for y in re.findall(r'<svg x="[\d.]+%" y="([\d.]+)"', shapes)], 3))) == 2


def test_a_strip_plot_without_any_mark_is_drawn():
    row = {"id": "a", "label": "volume fraction", "text": "", "word": "", "pieces": [], "marks": []}
    assert "volume fraction" in draw({"type": "strip", "rows": [row], "x_label": "x", "alt": "y"}, "")
