"""The page: everything measured is on it, nothing is fetched, and it is well-formed."""

from __future__ import annotations

import base64
import gzip
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import microchar as mc
from microchar.core.result import Status
from microchar.measurement.catalogue import find_metric, metric_names
from microchar.measurement.record import Record
from microchar.report.summary import summarize
from microchar.report.writing import write_report
from oracles.results import made_up
from oracles.verdicts import verdict

pytestmark = pytest.mark.oracle

#: Elements without an end tag.
VOID = {"meta", "br", "img", "link", "hr", "input"}


@pytest.fixture(scope="module")
def page(written):
    return (written / "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """Collects text, attributes and ids; fails where elements are not nested."""

    def __init__(self, page):
        super().__init__()
        self.open, self.ids, self.links, self.attributes, self.text = [], [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.attributes += attributes
        self.ids += [value for key, value in attributes if key == "id"]
        self.links += [value for key, value in attributes if key in ("href", "src", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["style"], ["script"]):
            self.text.append(data)


def rendered(record, tmp_path):
    paths = write_report(record, tmp_path / "page", formats=["html"])
    return paths["report.html"].read_text(encoding="utf-8")


def with_results(record, change):
    """Return the record with a change made to each result."""
    return replace(record, results=tuple(replace(named, result=change(named.result)) for named in record.results))


def test_the_page_fetches_nothing(page):
    text = page.replace("http://www.w3.org/2000/svg", "")  # the name of a namespace
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\((?!#)|fetch\(|XMLHttp", text)
    inside = ("#", "data:image/png;base64,", "data:application/gzip;base64,")
    assert all(link.startswith(inside) for link in Page(page).links)


def test_the_page_holds_its_record(record, page):
    (packed,) = re.findall(r'data:application/gzip;base64,([^"]*)"', page)
    held = json.loads(gzip.decompress(base64.b64decode(packed)))
    assert json.dumps(Record.from_dict(held, "page").to_dict()) == json.dumps(record.to_dict())


def test_the_page_is_well_formed_and_its_ids_are_unique(page):
    parsed = Page(page)
    assert len(parsed.ids) == len(set(parsed.ids))
    targets = {link[1:] for link in parsed.links if link.startswith("#")}
    assert targets <= set(parsed.ids)
    assert set(re.findall(r"url\(#([^)]*)\)", page)) <= set(parsed.ids)


def test_figures_are_xml_in_the_colours_of_the_page(page):
    figures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(figures) > 20
    for figure in figures:
        root = ElementTree.fromstring(figure)
        assert root.get("aria-label")
        assert not re.search(r"(?:stroke|fill): #", figure)


def test_what_decides_comes_first(tmp_path):
    record = replace(made_up(), verdicts=(verdict(),))
    parsed = Page(rendered(record, tmp_path))
    sections = ["strip", "why", "candidates", "curves", "slices", "values", "provenance"]
    places = [parsed.ids.index(section) for section in sections]
    assert places == sorted(places)
    text = [part.strip().replace("\u00a0", " ") for part in parsed.text if part.strip()]
    assert text.index(verdict().sentence) < text.index("connection") < text.index("How far from the real material")
    assert "connection" in text
    assert text.index("≠") < 30


def test_several_candidates_are_rows_before_everything_else(tmp_path):
    record = replace(made_up(9), verdicts=tuple(verdict(f"fake {n}") for n in range(1, 10)))
    parsed = Page(rendered(record, tmp_path))
    places = [parsed.ids.index(section) for section in ("candidates", "strip", "curves", "why", "slices")]
    assert places == sorted(places)
    text = "".join(parsed.text)
    assert all(text.count(f"fake {n}") > 3 for n in range(1, 10))
    assert "not the same material as real" in text


def test_every_metric_volume_phase_and_status_is_shown(record, page):
    text = "".join(Page(page).text)
    for named in record.results:
        assert named.result.title in text
        assert named.volume in text
        for value in named.result.values:
            assert value.phase in text
            assert value.message in text
    for volume in record.volumes:
        assert volume.sha256 in text
    assert "not percolating" in text
    assert "registered pairs only" in text


def test_a_status_without_a_message_is_shown_with_its_meaning(record, tmp_path):
    def silent(result):
        return replace(result, message="", values=tuple(replace(value, message="") for value in result.values))

    text = "".join(Page(rendered(with_results(record, silent), tmp_path)).text)
    for status in (Status.NOT_PERCOLATING, Status.NOT_APPLICABLE, Status.IDENTICAL):
        assert status.meaning in text


def test_the_full_page_shows_both_phases_all_directions_and_figures_of_values(record, tmp_path):
    default = rendered(record, tmp_path)
    full = write_report(record, tmp_path / "full", formats=["html"], full=True)["report.html"].read_text("utf-8")
    assert len(re.findall(r"<svg class=.dots", default)) == 0
    assert len(re.findall(r"<svg class=.dots", full)) > 4
    assert "<details>" not in full.replace('<details class="members">', "")
    assert "Co-occurrence" in full


def test_the_light_page_is_small(record, tmp_path):
    default = rendered(record, tmp_path)
    light = write_report(record, tmp_path / "light", formats=["html"], light=True)["report.html"].read_text("utf-8")
    assert "gzip" not in light.partition("<script>")[0]
    assert len(light) < 0.7 * len(default)
    assert "0.3333" in light


def test_names_are_escaped(tmp_path):
    nasty = "<script>alert(1)</script>"
    record = made_up(names=[nasty, "a & b \"c\" 'd' $x_1$"], phases=("<b>pore</b>", "$\\frac$"))
    record = replace(record, provenance={**record.provenance, "command": nasty})
    record = with_results(record, lambda r: replace(r, title=f"{nasty} {r.title}", symbol="<img src=x>"))
    page = rendered(record, tmp_path)
    parsed = Page(page)
    assert page.count("<script") == 1
    assert "alert(1)</script>" not in page
    assert "<b>" not in page
    assert "<img src=x" not in page
    assert nasty in "".join(parsed.text)
    assert "$\\frac$" in "".join(parsed.text)


def test_characters_that_the_drawing_font_lacks_do_no_harm(tmp_path):
    page = rendered(made_up(phases=("孔隙", "固体")), tmp_path)
    assert any("孔隙" in figure for figure in re.findall(r"<svg.*?</svg>", page, re.DOTALL))


def test_one_volume_has_no_columns_of_comparison(tmp_path):
    page = rendered(made_up(n_candidates=0), tmp_path)
    text = "".join(Page(page).text)
    assert "difference" not in text
    assert "verdict" not in text
    assert "measured, not compared" in text


@pytest.mark.parametrize(("n_candidates", "phases"), [(1, ("pore",)), (8, ("a", "b", "c", "d"))])
def test_few_and_many(n_candidates, phases, tmp_path):
    record = made_up(n_candidates, phases)
    parsed = Page(rendered(record, tmp_path))
    assert len(parsed.ids) == len(set(parsed.ids))
    styles = {(v["series"], v["dash"]) for v in summarize(record)["legend"]}
    assert len(styles) == n_candidates + 1


def test_a_metric_without_any_result_and_a_flat_or_empty_profile_are_drawn(tmp_path):
    nothing = {"x": np.empty(0), "y": np.empty(0), "status": "undefined", "message": "the mask leaves nothing"}

    def emptied(profile):
        if profile.direction == "0":
            return replace(profile, y=np.full(len(profile.y), 0.25))
        return replace(profile, **nothing) if profile.direction == "1" else profile

    record = with_results(made_up(), lambda r: replace(r, profiles=tuple(emptied(p) for p in r.profiles)))
    assert "the mask leaves nothing" in "".join(Page(rendered(record, tmp_path)).text)


@pytest.mark.parametrize("shape", [(9, 10, 11), (1, 24, 20)])
def test_everything_that_is_measured_is_shown(shape, tmp_path):
    rng = np.random.default_rng(5)
    real, fake = (rng.choice([0, 1, 2], shape, p=[0.5, 0.3, 0.2]) for _ in range(2))
    options = {"voxel_size": ["1um", "2um", "3um"], "phases": ["pore", "active", "binder"]}
    comparison = mc.compare(real, fake, metric_names(), **options)
    text = "".join(Page(rendered(comparison, tmp_path)).text)
    assert all(find_metric(name).title in text for name in metric_names())
    paths = write_report(comparison.reference, tmp_path / "one", formats=["json"])
    assert [volume.role for volume in Record.read(paths["results.json"]).volumes] == ["measured"]


def test_slices_are_on_one_scale():
    record = made_up(shape=(10, 20, 40))
    real, fake = record.volumes
    record = replace(record, volumes=(real, replace(fake, shape=(10, 10, 20))))
    slices = summarize(record)["slices"]
    widths = {row["axis"]: [float(image["width"]) for image in row["images"]] for row in slices["rows"]}
    assert widths == {"0": [100, 50], "1": [100, 50], "2": [50, 25]}
    # A quarter of 40 voxels of 3 µm is 30: the next round length below is 20.
    assert (float(slices["bar"]), slices["bar_length"]) == (pytest.approx(100 * 20 / 120, abs=0.01), "20 µm")
