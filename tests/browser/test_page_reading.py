"""The page in a browser: tables sort and filter, curves are read, figures are saved, links lead where they say."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from microchar.report.writing import write_report
from oracles.results import made_up
from oracles.verdicts import like_reality, spread, verdict

pytestmark = pytest.mark.property


@pytest.fixture(scope="session")
def record():
    """Give a record of nine candidates; the distance of number n is 30 - n scatters, but for number 5."""
    verdicts = [verdict(f"fake {n}", far=30 - n, spread=spread() if n == 3 else None) for n in range(1, 10)]
    verdicts[4] = like_reality("fake 5")
    return replace(made_up(9), verdicts=tuple(verdicts))


@pytest.fixture(scope="session")
def many(record, tmp_path_factory):
    """Give the address of the page of nine candidates."""
    return write_report(record, tmp_path_factory.mktemp("many"), formats=["html"])["report.html"].as_uri()


@pytest.fixture(scope="session")
def one(tmp_path_factory):
    """Give the address of the page of one candidate."""
    record = replace(made_up(1), verdicts=(verdict(),))
    return write_report(record, tmp_path_factory.mktemp("one"), formats=["html"])["report.html"].as_uri()


def names(page):
    return page.locator("table.candidates tbody tr:not([hidden]) th").evaluate_all(
        "cells => cells.map((cell) => cell.dataset.value)"
    )


def test_candidates_are_sorted_by_distance_and_sort_anew(page, many):
    page.goto(many)
    in_order = ["fake 5", "another piece of real", *(f"fake {n}" for n in (9, 8, 7, 6, 4, 3, 2, 1))]
    assert names(page) == in_order
    distance = page.locator("table.candidates th", has_text="distance")
    distance.get_by_role("button").click()
    assert distance.get_attribute("aria-sort") == "ascending"
    assert names(page) == in_order
    distance.get_by_role("button").click()
    assert distance.get_attribute("aria-sort") == "descending"
    assert names(page) == in_order[::-1]
    page.locator("table.candidates th", has_text="candidate").get_by_role("button").click()
    assert names(page) == ["another piece of real", *(f"fake {n}" for n in range(1, 10))]
    page.locator("table.candidates th", has_text="scatter ratio").get_by_role("button").click()
    assert names(page)[-1] == "fake 3"


def test_the_filter_keeps_the_rows_that_hold_its_text(page, many):
    page.goto(many)
    page.get_by_label("Filter").first.fill("expected scatter")
    assert names(page) == ["another piece of real"]
    page.get_by_label("Filter").first.fill("FAKE 5")
    assert names(page) == ["fake 5"]
    page.get_by_label("Filter").first.fill("fake nothing")
    assert names(page) == []
    page.get_by_label("Filter").first.fill("")
    assert len(names(page)) == 10


def test_values_sort_as_numbers_and_missing_ones_stay_last(page, one):
    page.goto(one)
    page.get_by_text("All values with their standard errors").click()
    table = page.locator("table.values")
    for _ in range(2):
        table.locator("th", has_text="difference").get_by_role("button").click()
        cells = table.locator("tbody tr").evaluate_all("rows => rows.map((row) => row.cells[5].dataset.value)")
        numbers = [float(cell) for cell in cells if cell]
        assert all(cell == "" for cell in cells[len(numbers) :])
        assert numbers == sorted(numbers) or numbers == sorted(numbers, reverse=True)
        assert len(numbers) > 5


def drawing_of(page, name):
    return page.locator(".drawing", has=page.locator(f'svg[aria-label="{name}"]')).first


def test_the_pointer_reads_the_curves(page, one):
    page.goto(one)
    drawing = drawing_of(page, "Lineal path, normalised")
    drawing.scroll_into_view_if_needed()
    plot = json.loads(drawing.locator("svg").get_attribute("data-plot"))
    box = drawing.locator("svg").bounding_box()
    scale = box["width"] / 460
    low, high = plot["range"]
    for lag in (1, 8, 20):
        at = plot["left"] + plot["width"] * (lag - low) / (high - low)
        page.mouse.move(box["x"] + scale * at, box["y"] + 100)
        lines = drawing.locator(".readout").inner_text().splitlines()
        # The candidate lies 0.002 r above exp(-r / 10 µm), with a standard error of 0.01.
        assert lines[0] == f"r = {lag}"
        assert float(lines[1].removeprefix("real: ")) == pytest.approx(np.exp(-lag / 10), rel=1e-3)
        value, residual = lines[2].removeprefix("fake 1: ").removesuffix(" s.e.)").split(" (")
        assert float(value) == pytest.approx(np.exp(-lag / 10) + 0.002 * lag, rel=1e-3)
        assert float(residual) == pytest.approx(0.2 * lag, abs=0.051)
    page.mouse.move(5, 5)
    assert drawing.locator(".readout").count() == 0


def test_the_keyboard_reads_the_curves(page, one):
    page.goto(one)
    drawing = drawing_of(page, "Lineal path, normalised")
    drawing.focus()
    for key, lag in (("Home", 1), ("ArrowRight", 2), ("End", 20), ("ArrowLeft", 19)):
        page.keyboard.press(key)
        assert drawing.locator(".readout").inner_text().splitlines()[0] == f"r = {lag}"
    page.keyboard.press("Escape")
    assert drawing.locator(".readout").count() == 0


def saved(page, button):
    with page.expect_download() as waiting:
        button.click()
    path = waiting.value.path()
    return waiting.value.suggested_filename, path


def test_figures_curves_and_tables_are_saved(page, one):
    page.goto(one)
    figure = page.locator("figure", has=page.locator('svg[aria-label="Lineal path, normalised"]')).first
    name, path = saved(page, figure.get_by_role("button", name="as CSV"))
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
    assert name.endswith(".csv")
    assert [row["volume"] for row in rows] == ["real"] * 20 + ["fake 1"] * 20
    assert float(rows[24]["L(r) / φ"]) == pytest.approx(np.exp(-0.5) + 0.01, rel=1e-4)
    _, path = saved(page, figure.get_by_role("button", name="as SVG"))
    svg = path.read_text("utf-8")
    assert "var(--" not in svg.replace('="var(--', "")  # every colour is written into a style
    assert 'xmlns="http://www.w3.org/2000/svg"' in svg
    for place in (figure, page.locator("#strip")):
        _, path = saved(page, place.get_by_role("button", name="as PNG"))
        pixels = np.asarray(Image.open(path).convert("RGB"))
        assert pixels.shape[1] > 1000
        assert 0.5 < (pixels == 255).all(axis=-1).mean() < 0.999
    _, path = saved(page, page.locator("#candidates").get_by_role("button", name="as CSV"))
    assert path.read_text("utf-8").splitlines()[0].startswith("candidate,verdict,distance")


def test_the_record_is_saved_as_it_was_written(page, one, tmp_path):
    page.goto(one)
    name, path = saved(page, page.get_by_role("link", name="results.json"))
    expected = replace(made_up(1), verdicts=(verdict(),)).to_dict()
    held = json.loads(path.read_text("utf-8"))
    assert name == "results.json"
    assert held["results"] == json.loads(json.dumps(expected["results"]))
    assert held["verdicts"] == json.loads(json.dumps(expected["verdicts"]))


def test_a_reason_leads_to_its_figure_also_into_what_is_folded(page, many):
    page.goto(many)
    page.locator("table.candidates").get_by_role("link", name="fake 3", exact=True).click()
    reason = page.locator("#why-c3")
    page.wait_for_function("document.querySelector('#why-c3').open")
    reason.get_by_role("link", name="lineal path").click()
    assert page.url.endswith("#curve-lineal_path-pore-mean")
    assert page.locator("#curve-lineal_path-pore-mean").bounding_box()["y"] < 900
