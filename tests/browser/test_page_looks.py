"""The page in every light: no fault of accessibility, nothing wider than a phone, two printed pages, a short start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from microchar.report.writing import write_report
from oracles.results import made_up
from oracles.verdicts import like_reality, verdict

pytestmark = pytest.mark.property

#: Whether the second element has another weight of font than the first.
_HEAVIER = "([first, second]) => getComputedStyle(first).fontWeight !== getComputedStyle(second).fontWeight"
CASES = {
    "one": replace(made_up(1), verdicts=(verdict(),)),
    "three phases": replace(made_up(1, phases=("pore", "binder", "active")), verdicts=(verdict(),)),
    "twenty": replace(
        made_up(20),
        verdicts=tuple((like_reality if n % 3 else verdict)(f"fake {n}") for n in range(1, 21)),
    ),
    "no verdict": made_up(2),
    "measured": made_up(0),
}


@pytest.fixture(scope="session")
def addresses(tmp_path_factory):
    """Give the addresses of the pages by case and by whether they are full."""
    folder = tmp_path_factory.mktemp("pages")
    return {
        (case, full): write_report(record, folder / f"{case} {full}", formats=["html"], full=full)[
            "report.html"
        ].as_uri()
        for case, record in CASES.items()
        for full in (False, True)
    }


@pytest.mark.parametrize(
    ("case", "scheme"),
    [("one", "light"), ("one", "dark"), ("twenty", "dark"), ("no verdict", "light"), ("measured", "light")],
)
def test_axe_finds_no_serious_fault(page, addresses, case, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.emulate_media(color_scheme=scheme)
    page.goto(addresses[case, False])
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    found = axe.run(page).response["violations"]
    serious = {
        fault["id"]: [node["html"][:200] for node in fault["nodes"]][:3]
        for fault in found
        if fault["impact"] in ("serious", "critical")
    }
    assert not serious


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_page_is_not_wider_than_the_window(page, addresses, case, full):
    page.goto(addresses[case, full])
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    for width in (1400, 1024, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [360, 400, 761, 1400])
def test_the_numbers_of_the_strip_plot_stand_beside_their_labels_on_every_screen(page, addresses, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(addresses["one", False])
    rows = page.locator("svg.strip .row").all()
    assert rows
    for row in rows:
        label, number = (row.locator(f"text.{name}") for name in ("name", "tick"))
        left, right = label.bounding_box(), number.bounding_box()
        assert "±" in number.text_content()
        assert left["x"] >= 0
        assert right["width"] > 30
        assert left["x"] + left["width"] < right["x"], label.text_content()
        assert right["x"] + right["width"] <= width
        assert number.locator(".judged").is_visible() == (width > 760)
        assert not page.evaluate(_HEAVIER, [number.element_handle(), number.locator(".judged").element_handle()])


def test_the_first_screen_holds_the_answer(page, addresses):
    page.goto(addresses["one", False])
    for what in ("h1", ".lamps", "svg.strip"):
        box = page.locator(what).bounding_box()
        assert box["y"] + box["height"] <= 900, what
    page.goto(addresses["twenty", False])
    assert page.locator("table.candidates tbody tr").nth(15).bounding_box()["y"] < 900


def printed(page, address, tmp_path):
    pypdf = pytest.importorskip("pypdf")
    page.goto(address)
    page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    sheets = pypdf.PdfReader(tmp_path / "page.pdf").pages
    width, height = (float(n) for n in sheets[0].mediabox[2:])
    assert (width, height) == pytest.approx((595, 842), abs=1)  # A4
    return [" ".join(sheet.extract_text().split()) for sheet in sheets]


@pytest.mark.parametrize("case", ["one", "three phases", "twenty"])
def test_two_printed_pages_hold_what_decides(page, addresses, case, tmp_path):
    first_two = " ".join(printed(page, addresses[case, False], tmp_path)[:2])
    for heading in ("How far from the real material", "Curves", "Normalised covariance", "Lineal path, normalised"):
        assert heading in first_two, heading
    for lamp in ("amount", "surface", "shape", "connection", "transport"):
        assert lamp in first_two
    for row in ("another piece of real", *(found.candidate for found in CASES[case].verdicts)):
        assert row in first_two
    assert "not the same material as real" in first_two


def test_every_candidate_is_printed(page, addresses, tmp_path):
    text = " ".join(printed(page, addresses["twenty", True], tmp_path))
    assert all(f"fake {n} " in text for n in range(1, 21))
