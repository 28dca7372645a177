"""The report's files against what went in: nothing lost, nothing fetched, nothing left behind."""

from __future__ import annotations

import copy
import csv
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest

import microchar as mc
import microchar.report
from microchar.core.errors import InputError
from microchar.measurement import metric
from microchar.measurement.tables import PROFILE_COLUMNS, SCALAR_COLUMNS
from microchar.report import check_writable, notation, read_results, write_report
from microchar.report.summary import summarize
from oracles.results import made_up

FILES = ["profiles.csv", "report.html", "results.json", "scalars.csv"]
#: Elements that HTML closes by itself.
VOID = {"meta", "br", "img", "link", "hr"}


@pytest.fixture(scope="module")
def results():
    return made_up(n_candidates=2)


@pytest.fixture(scope="module")
def written(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "out"
    write_report(results, folder)
    return folder


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


def rendered(results, tmp_path):
    paths = write_report(results, tmp_path / "page", formats=["html"])
    return paths["report.html"].read_text(encoding="utf-8")


# --- what is in the files ----------------------------------------------------


def test_all_files_are_written_and_named(results, tmp_path):
    paths = write_report(results, tmp_path / "new" / "out")
    assert sorted(paths) == FILES
    assert sorted(p.name for p in (tmp_path / "new" / "out").iterdir()) == FILES


@pytest.mark.parametrize(("formats", "names"), [(["html"], FILES[1:2]), (["json"], FILES[2:3]), (["csv"], FILES[::3])])
def test_only_the_formats_asked_for(results, tmp_path, formats, names):
    write_report(results, tmp_path / "out", formats=formats)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == names


@pytest.mark.parametrize("formats", [[], ["pdf"], ["html", "xml"]])
def test_unknown_formats_are_refused(results, tmp_path, formats):
    with pytest.raises(InputError, match="expected some of html, json, csv"):
        write_report(results, tmp_path / "out", formats=formats)


def test_json_round_trip_gives_the_same_files(results, written, tmp_path):
    again = read_results(written / "results.json")
    assert again == results
    write_report(again, tmp_path / "out")
    for name in FILES:
        assert (tmp_path / "out" / name).read_bytes() == (written / name).read_bytes(), name


def test_json_is_strict_and_keeps_each_list_of_numbers_on_a_line(results, written, tmp_path):
    text = (written / "results.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == results
    assert max(line.count(",") for line in text.splitlines()) >= 20
    broken = copy.deepcopy(results)
    broken["results"][0]["values"][0]["value"] = float("nan")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_report(broken, tmp_path / "out", formats=["json"])


def test_lists_inside_texts_are_left_alone(results, tmp_path):
    odd = results | {"notes": ["[\n1,\n 2]", '"[ 1 ]"', "\\"]}
    write_report(odd, tmp_path / "out", formats=["json"])
    assert read_results(tmp_path / "out" / "results.json")["notes"] == odd["notes"]


def test_scalars_have_a_row_for_each_value(results, written):
    rows = _rows(written / "scalars.csv")
    assert tuple(rows[0]) == SCALAR_COLUMNS
    expected = [
        (r["volume"], r["reference"], r["metric"], v["phase"], v["direction"], v["estimator"], v["value"], v["status"])
        for r in results["results"]
        for v in r["values"]
    ]
    found = [
        (r["volume"], r["reference"], r["metric"], r["phase"], r["direction"], r["estimator"], _number(r["value"]),
         r["status"])
        for r in rows
        if r["metric"] != "triple_phase_boundary"
    ]  # fmt: skip
    assert found == expected
    (nothing, *_) = [row for row in rows if row["metric"] == "triple_phase_boundary"]
    assert (nothing["value"], nothing["status"]) == ("", "not_applicable")


def test_profiles_have_a_row_for_each_sample(results, written):
    rows = _rows(written / "profiles.csv")
    assert tuple(rows[0]) == PROFILE_COLUMNS
    expected = [
        (r["volume"], r["metric"], p["phase"], p["direction"], p["feature"], x, y)
        for r in results["results"]
        for p in r["profiles"]
        for x, y in zip(p["x"], p["y"], strict=True)
    ]
    found = [
        (r["volume"], r["metric"], r["phase"], r["direction"], r["feature"], float(r["x"]), _number(r["value"]))
        for r in rows
    ]
    assert found == expected


def _rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _number(text):
    return float(text) if text else None


# --- the page ----------------------------------------------------------------


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


def test_every_metric_volume_phase_and_status_is_shown(results, page):
    text = "".join(Page(page).text)
    for result in results["results"]:
        assert result["title"] in text
        assert result["volume"] in text
        for value in result["values"]:
            assert value["phase"] in text
            assert value["message"] in text
    for volume in results["volumes"]:
        assert volume["sha256"] in text
    assert "not percolating" in text
    assert "registered pairs only" in text
    assert "not a statistical test" in text


def test_the_glance_table_holds_values_and_differences(results):
    groups = summarize(results)["glance"]["groups"]
    pore = next(group for group in groups if group["phase"] == "pore")["rows"]
    first = pore[0]
    assert first["id"] == "volume_fraction"
    assert first["reference"]["text"] == "0.3333"
    assert [(c["value"]["text"], c["difference"], c["relative"]) for c in first["candidates"]] == [
        ("0.3667", "+0.0333", "+10 %"),
        ("0.4000", "+0.0667", "+20 %"),
    ]
    s2 = next(row for row in pore if row["id"] == "two_point_correlation")
    real, fake = (
        next(p["y"] for p in r["profiles"] if (p["phase"], p["direction"]) == ("pore", "mean"))
        for r in results["results"]
        if r["metric"] == "two_point_correlation" and r["volume"] in ("real", "fake 1")
    )
    gap = max(abs(a - b) for a, b in zip(real, fake, strict=True))
    assert s2["candidates"][0]["share"] == pytest.approx(gap / (max(real) - min(real)), rel=1e-12)


def test_estimators_beyond_the_first_and_moments_beyond_the_first_stay_out_of_the_glance(results):
    groups = summarize(results)["glance"]["groups"]
    keys = [(row["id"], row["phase"], row["detail"], row["distance"]) for group in groups for row in group["rows"]]
    assert len(keys) == len(set(keys))
    assert {detail for name, _, detail, _ in keys if name == "specific_surface_area"} == {"crofton"}
    assert {detail for name, _, detail, far in keys if name == "chord_length_distribution" and far} == {"cdf"}


def test_what_differs_most_is_named_first(results):
    first, second = summarize(results)["glance"]["largest"]
    assert (first["name"], second["name"]) == ("fake 1", "fake 2")
    # χ goes from -0.5 to 0.5 and 1.5.
    assert (first["rows"][0]["id"], first["rows"][0]["relative"]) == ("euler_characteristic", "+200 %")
    assert (second["rows"][0]["id"], second["rows"][0]["relative"]) == ("euler_characteristic", "+400 %")


def test_names_are_escaped(tmp_path):
    nasty = "<script>alert(1)</script>"
    results = made_up(names=[nasty, "a & b \"c\" 'd' $x_1$"], phases=("<b>pore</b>", "$\\frac$"))
    results["provenance"]["command"] = nasty
    for result in results["results"]:
        result["title"] = f"{nasty} {result['title']}"
        result["symbol"] = "<img src=x>"
    page = rendered(results, tmp_path)
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
    results = made_up(n_candidates, phases)
    parsed = Page(rendered(results, tmp_path))
    assert len(parsed.ids) == len(set(parsed.ids))
    styles = {(v["series"], v["dash"]) for v in summarize(results)["volumes"]}
    assert len(styles) == n_candidates + 1


def test_a_metric_without_any_result_and_a_flat_or_empty_profile_are_drawn(tmp_path):
    results = made_up()
    for result in results["results"]:
        for profile in result["profiles"]:
            if profile["direction"] == "0":
                profile["y"] = [0.25] * len(profile["y"])
            if profile["direction"] == "1":
                profile.update(x=[], y=[], status="undefined", message="the mask leaves nothing")
    text = "".join(Page(rendered(results, tmp_path)).text)
    assert "the mask leaves nothing" in text


@pytest.mark.parametrize("shape", [(9, 10, 11), (1, 24, 20)])
def test_everything_that_is_measured_is_shown(shape, tmp_path):
    rng = np.random.default_rng(5)
    real, fake = (rng.choice([0, 1, 2], shape, p=[0.5, 0.3, 0.2]) for _ in range(2))
    found = mc.compare(real, fake, voxel_size=["1um", "2um", "3um"], phases=["pore", "active", "binder"])
    paths = write_report(found, tmp_path / "out")
    text = "".join(Page(paths["report.html"].read_text(encoding="utf-8")).text)
    assert all(metric.find(name).title in text for name in metric.names())
    one = write_report(found.reference, tmp_path / "one", formats=["json"])
    assert [volume["role"] for volume in read_results(one["results.json"])["volumes"]] == ["measured"]


def test_slices_are_on_one_scale():
    results = made_up(shape=(10, 20, 40))
    results["volumes"][1]["shape"] = [10, 10, 20]
    slices = summarize(results)["slices"]
    widths = {row["axis"]: [float(image["width"]) for image in row["images"]] for row in slices["rows"]}
    assert widths == {"0": [100, 50], "1": [100, 50], "2": [50, 25]}
    # A quarter of 40 voxels of 3 µm is 30: the next round length below is 20.
    assert (float(slices["bar"]), slices["bar_length"]) == (pytest.approx(100 * 20 / 120, abs=0.01), "20 µm")


# --- how numbers and symbols are written --------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.19645303125, "0.1965"),
        (-123.456, "−123.5"),
        (99999.6, "100000"),
        (0.00099996, "0.001000"),
        (-1.2345e-5, "−1.234×10⁻⁵"),
        (6.02e23, "6.020×10²³"),
    ],
)
def test_numbers(value, text):
    assert notation.number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, ""), (0.0, "0 %"), (0.00012, "+0.01 %"), (-0.0123, "−1.2 %"), (0.0996, "+10 %"), (-4.153, "−415 %")],
)
def test_percentages(share, text):
    assert notation.percent(share) == text


@pytest.mark.parametrize(
    ("latex", "html", "plain"),
    [
        (r"\phi", "φ", "φ"),
        ("S_2(r)", "<i>S</i><sub>2</sub>(<i>r</i>)", "S₂(r)"),
        (r"D_\mathrm{eff} / D_0", "<i>D</i><sub>eff</sub>/<i>D</i><sub>0</sub>", "D_eff/D₀"),
        (r"S_V^{ij}", "<i>S</i><sub><i>V</i></sub><sup><i>ij</i></sup>", "S_V^ij"),
        (r"$\frac{a}{\bar{b}}$", "<i>a</i>/<i>b</i>̄", "a/b̄"),
        (r"\sqrt{\tau} \unknown x", "√τunknown<i>x</i>", "√τunknownx"),
        ("<b> & {", "&lt;<i>b</i>&gt;&amp;", "<b>&"),
        ("_", "<sub></sub>", ""),
    ],
)
def test_symbols(latex, html, plain):
    assert notation.html_symbol(latex).replace("</i><i>", "") == html
    assert notation.plain_symbol(latex) == plain


# --- written all or not at all -----------------------------------------------


def _fail(error):
    def write(results, path):
        path.write_text("half", encoding="utf-8")
        raise error

    return write


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("no"), OSError(28, "No space left on device")])
def test_a_failure_leaves_nothing(results, tmp_path, monkeypatch, error):
    monkeypatch.setattr(microchar.report, "_write_page", _fail(error))
    with pytest.raises(type(error)):
        write_report(results, tmp_path / "a" / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_earlier_report(results, tmp_path, monkeypatch):
    out = tmp_path / "out"
    write_report(made_up(n_candidates=0), out)
    (out / "mine.txt").write_text("not microchar's", encoding="utf-8")
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(microchar.report, "_write_page", _fail(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            write_report(results, out)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    write_report(results, out)
    assert sorted(p.name for p in out.iterdir()) == sorted([*FILES, "mine.txt"])
    assert (out / "mine.txt").read_bytes() == before["mine.txt"]
    assert (out / "results.json").read_bytes() != before["results.json"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), PermissionError(13, "in use by another program")])
def test_an_exchange_that_stops_half_way_is_taken_back(results, tmp_path, monkeypatch, error):
    out = tmp_path / "out"
    write_report(made_up(n_candidates=0), out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    replace, calls = microchar.report.files.os.replace, []

    def stop_at_the_fourth(source, target):
        calls.append(target)
        if len(calls) == 4:
            raise error
        replace(source, target)

    monkeypatch.setattr(microchar.report.files.os, "replace", stop_at_the_fourth)
    with pytest.raises((KeyboardInterrupt, InputError)):
        write_report(results, out)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


@pytest.mark.parametrize("inside", ["", "out"])
def test_a_file_in_the_way_is_refused(results, tmp_path, inside):
    file = tmp_path / "file"
    file.write_text("precious", encoding="utf-8")
    for refuse in (check_writable, lambda folder: write_report(results, folder)):
        with pytest.raises(InputError, match=r"cannot write there .*file is a file"):
            refuse(file / inside)
    assert file.read_text(encoding="utf-8") == "precious"


def test_a_folder_that_is_not_writable_is_refused(results, tmp_path, monkeypatch):
    monkeypatch.setattr(microchar.report.files.os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="is not writable"):
        check_writable(tmp_path / "out")


def test_a_relative_folder(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_report(results, "a/b", formats=["json"])
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["results.json"]


# --- reading back ------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends early"),
        (b"II*\x00\xff\xfe", "no text file"),
        (b"volume,metric\n", "no JSON from line 1"),
        (b"[1, 2]", "no schema"),
        (b'{"volumes": []}', "no schema"),
        (b'{"schema": "microchar.results/99"}', "microchar.results/99"),
        (b'{"schema": "microchar.results/1", "volumes": []}', "notes, provenance, results, settings missing"),
    ],
)
def test_what_is_no_results_file_is_refused(tmp_path, content, message):
    path = tmp_path / "results.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as refused:
        read_results(path)
    assert str(path) in str(refused.value)


def test_a_missing_results_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_results(tmp_path / "results.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_results(tmp_path)


def test_a_truncated_results_file_is_refused_wherever_it_ends(written, tmp_path):
    whole = (written / "results.json").read_bytes()
    for length in range(0, len(whole) - 2, len(whole) // 40):
        path = tmp_path / "results.json"
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"ends early|no JSON|no text"):
            read_results(path)


@pytest.mark.parametrize("key", ["metric", "values", "volume"])
def test_an_edited_results_file_is_refused(results, tmp_path, key):
    edited = copy.deepcopy(results)
    del edited["results"][0][key]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(edited), encoding="utf-8")
    with pytest.raises(InputError, match="not complete"):
        read_results(path)
