"""The page: everything measured is on it, nothing is fetched, and it is well-formed."""

from __future__ import annotations

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
        if self.open[-1:] != ["style"]:
            self.text.append(data)


def rendered(record, tmp_path):
    paths = write_report(record, tmp_path / "page", formats=["html"])
    return paths["report.html"].read_text(encoding="utf-8")


def with_results(record, change):
    """Return the record with a change made to each result."""
    return replace(record, results=tuple(replace(named, result=change(named.result)) for named in record.results))


def test_the_page_fetches_nothing(page):
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\((?!#)", page)
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in Page(page).links)


def test_the_page_is_well_formed_and_its_ids_are_unique(page):
    parsed = Page(page)
    assert len(parsed.ids) == len(set(parsed.ids))
    targets = {link[1:] for link in parsed.links if link.startswith("#")}
    assert targets <= set(parsed.ids)
    assert set(re.findall(r"url\(#([^)]*)\)", page)) <= set(parsed.ids)


def test_figures_are_xml_in_the_colours_of_the_page(page):
    figures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(figures) > 30
    for figure in figures:
        root = ElementTree.fromstring(figure)
        assert root.get("aria-label")
        assert not re.search(r"(?:stroke|fill): #", figure)


def test_sections_come_in_order(page):
    sections = ["compared", "glance", "slices", "curves", "scalars", "axes", "texture", "pairs", "conventions"]
    places = [Page(page).ids.index(section) for section in [*sections, "statuses"]]
    assert places == sorted(places)


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
    assert "not a statistical test" in text


def test_a_status_without_a_message_is_shown_with_its_meaning(record, tmp_path):
    def silent(result):
        return replace(result, message="", values=tuple(replace(value, message="") for value in result.values))

    text = "".join(Page(rendered(with_results(record, silent), tmp_path)).text)
    for status in (Status.NOT_PERCOLATING, Status.NOT_APPLICABLE, Status.IDENTICAL):
        assert status.meaning in text


def test_the_glance_table_holds_values_and_differences(record):
    groups = summarize(record)["glance"]["groups"]
    pore = next(group for group in groups if group["phase"] == "pore")["rows"]
    first = pore[0]
    assert first["id"] == "volume_fraction"
    assert first["reference"]["text"] == "0.3333"
    assert [(c["value"]["text"], c["difference"], c["relative"]) for c in first["candidates"]] == [
        ("0.3667", "+0.0333", "+10 %"),
        ("0.4000", "+0.0667", "+20 %"),
    ]
    s2 = next(row for row in pore if row["id"] == "two_point_correlation")
    # All directions differ most at lag 0, by 1/30: the mean stands for them. Its decay length is 9 + 3.
    curve = 1 / 9 + 2 / 9 * np.exp(-3.0 * np.arange(21) / 12)
    assert s2["candidates"][0]["share"] == pytest.approx(1 / 30 / (curve[0] - curve[-1]), rel=1e-9)
    assert s2["candidates"][0]["relative"] == "15 % of range, mean of directions"


def test_a_difference_along_one_axis_is_not_hidden_by_the_mean(record):
    def bent(result):
        if result.metric != "two_point_correlation":
            return result
        return replace(result, profiles=tuple(_bump(p) if p.direction == "2" else p for p in result.profiles))

    real, fake, *_ = record.volumes
    same = [replace(named, volume=fake.name) for named in record.results if named.volume == real.name]
    results = [named for named in record.results if named.volume == real.name]
    results += [replace(named, result=bent(named.result)) for named in same]
    glance = summarize(replace(record, volumes=(real, fake), results=tuple(results)))["glance"]
    (row,) = (row for row in glance["groups"][0]["rows"] if row["id"] == "two_point_correlation")
    (cell,) = row["candidates"]
    assert (cell["difference"], cell["relative"].split(", ")[1]) == ("0.250", "axis 2")


def _bump(profile):
    y = profile.y.copy()
    y[5] += 0.25
    return replace(profile, y=y)


def test_estimators_beyond_the_first_and_moments_beyond_the_first_stay_out_of_the_glance(record):
    groups = summarize(record)["glance"]["groups"]
    keys = [(row["id"], row["phase"], row["detail"], row["distance"]) for group in groups for row in group["rows"]]
    assert len(keys) == len(set(keys))
    assert {detail for name, _, detail, _ in keys if name == "specific_surface_area"} == {"crofton"}
    assert {detail for name, _, detail, far in keys if name == "chord_length_distribution" and far} == {"cdf"}


def test_names_are_escaped(tmp_path):
    nasty = "<script>alert(1)</script>"
    record = made_up(names=[nasty, "a & b \"c\" 'd' $x_1$"], phases=("<b>pore</b>", "$\\frac$"))
    record = replace(record, provenance={**record.provenance, "command": nasty})
    record = with_results(record, lambda r: replace(r, title=f"{nasty} {r.title}", symbol="<img src=x>"))
    page = rendered(record, tmp_path)
    parsed = Page(page)
    assert "<script" not in page
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
    assert "What was measured" in text


@pytest.mark.parametrize(("n_candidates", "phases"), [(1, ("pore",)), (8, ("a", "b", "c", "d"))])
def test_few_and_many(n_candidates, phases, tmp_path):
    record = made_up(n_candidates, phases)
    parsed = Page(rendered(record, tmp_path))
    assert len(parsed.ids) == len(set(parsed.ids))
    styles = {(v["series"], v["dash"]) for v in summarize(record)["volumes"]}
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
    comparison = mc.compare(real, fake, voxel_size=["1um", "2um", "3um"], phases=["pore", "active", "binder"])
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
