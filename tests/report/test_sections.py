"""What the sections of the page say about verdicts that were made up by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microchar.core.result import Profile, Result, Value
from microchar.core.verdict import Verdict, Word
from microchar.measurement.tables import Named
from microchar.report.metric_results import group_by_metric
from microchar.report.sections.apart import differences_apart, values_apart
from microchar.report.sections.candidates import candidate_rows
from microchar.report.sections.conclusion import headline, reasons, summarised
from microchar.report.sections.contenders import Contender, Measure, anchor, contenders_of, series_of
from microchar.report.sections.curves import informing_phases, main_curves
from microchar.report.sections.lamps import lamps_of
from microchar.report.sections.strip import strip_plot
from microchar.report.sections.values import overview, value_rows
from oracles.results import made_up
from oracles.verdicts import entry, like_reality, spread, verdict

pytestmark = pytest.mark.analytic

SCATTER = Measure(by_scatter=True)


def contender(found, series=1, members=()):
    return Contender(found.candidate, series, members or (found.candidate,), found)


# --- contenders ----------------------------------------------------------------


def test_a_group_is_one_contender_with_its_samples():
    names = ["real", "ours: a", "ours: b", "ours", "other 1", "other 2", "otherwise"]
    record = made_up(names=names)
    verdicts = (verdict("ours"), verdict("other"), verdict("otherwise"))
    found = contenders_of(replace(record, verdicts=verdicts))
    # A volume that is called like a verdict is no group.
    assert [(c.name, c.members) for c in found] == [
        ("ours", ("ours",)),
        ("other", ("other 1", "other 2")),
        ("otherwise", ("otherwise",)),
        ("ours: a", ("ours: a",)),
        ("ours: b", ("ours: b",)),
    ]
    series = series_of(record, found)
    assert series["real"] == 0
    assert series["other 1"] == series["other 2"] == 2


def test_without_the_scatter_of_the_real_material_standard_errors_measure():
    old = replace(verdict(), entries=tuple(replace(e, real_scatter=None, real_pieces=()) for e in verdict().entries))
    measure = Measure.of([contender(old)])
    assert not measure.by_scatter
    assert measure.distance(old.entries[0]) == pytest.approx(12 / 1.25)
    assert measure.distance(replace(old.entries[0], standard_error=float("nan"))) == 0
    (row,) = candidate_rows([contender(old)], "real")["rows"]
    assert (row["name"], row["far"]) == ("fake 1", "9.6")
    figure = strip_plot([contender(old)])["figure"]
    assert all(not row["pieces"] for row in figure["rows"])


# --- lamps -----------------------------------------------------------------------


def test_each_lamp_has_the_first_word_of_its_entries_and_the_farthest_of_them():
    found = {lamp["name"]: lamp for lamp in lamps_of(verdict().entries, SCATTER)}
    assert {name: lamp["word"] for name, lamp in found.items()} == {
        "amount": "no difference seen",
        "surface": "consistent",
        "shape": "detectable",
        "connection": "different",
        "transport": "not judged",
    }
    assert {name: lamp["distance"] for name, lamp in found.items()} == pytest.approx(
        {"amount": 1.0, "surface": 0.5, "shape": 4.0, "connection": 12.0, "transport": None}
    )
    assert found["shape"]["rests"].startswith("lineal path L/φ of pore +0.04")
    assert found["shape"]["rests"].endswith("the farthest of 2 quantities")


def test_a_significant_entry_decides_before_one_that_is_farther():
    entries = [
        entry("euler_characteristic", 0.5, 0.1, word=Word.NOT_SEEN),
        entry("largest_cluster_fraction", 0.1, 0.05, word=Word.DIFFERENT),
    ]
    (lamp,) = (lamp for lamp in lamps_of(entries, SCATTER) if lamp["name"] == "connection")
    assert (lamp["word"], lamp["rests"].split(" of ")[0]) == ("different", "largest cluster")
    assert lamp["distance"] == pytest.approx(5.0)


# --- the table of candidates -------------------------------------------------------


def test_candidates_are_sorted_by_distance_with_a_real_piece_among_them():
    found = [contender(verdict("far", far=20)), contender(like_reality("near"), 2), contender(verdict("mid"), 3)]
    table = candidate_rows(found, "real")
    assert [(row["name"], row["far"]) for row in table["rows"]] == [
        ("near", "0.5"),
        # The sizes of the deviations of the pieces are 0.25, 0.5, …, 2 for every quantity.
        ("another piece of real", "1.1"),
        ("mid", "12"),
        ("far", "20"),
    ]
    assert table["rows"][2]["farthest"] == "percolating fraction of pore"
    assert [lamp["distance"] for lamp in table["rows"][2]["lamps"]] == ["1.0", "0.5", "4.0", "12", ""]
    assert not table["spread"]


def test_a_group_has_its_scatter_ratio():
    found = [contender(verdict("ours", spread=spread()), members=("ours: a", "ours: b"))]
    table = candidate_rows(found, "real")
    row = table["rows"][-1]
    assert table["spread"]
    assert (row["spread"], row["spread_ratio"]) == ("0.50 (0.30 to 0.80)", 0.5)
    assert row["members"] == ["ours: a", "ours: b"]
    (row,) = (
        row for row in candidate_rows([contender(verdict(spread=spread(1e-22)))], "real")["rows"] if row["spread"]
    )
    assert row["spread"] == "< 0.01"


def test_a_verdict_without_entries_has_a_row():
    nothing = Verdict(reference="real", candidate="fake", word=Word.NOT_COMPARED, sentence="fake was not compared.")
    (row,) = candidate_rows([contender(nothing)], "real")["rows"]
    assert (row["word"], row["far"]) == ("not compared", "–")
    assert strip_plot([contender(nothing)]) is None


# --- the strip plot ------------------------------------------------------------------


def test_the_strip_plot_is_in_units_of_the_real_scatter():
    figure = strip_plot([contender(verdict())])["figure"]
    # Sorted by significance.
    assert [row["id"] for row in figure["rows"]] == [
        anchor(metric, "pore")
        for metric in (
            "percolating_fraction",
            "lineal_path",
            "two_point_correlation",
            "volume_fraction",
            "specific_surface_area",
        )
    ]
    first = figure["rows"][0]
    (mark,) = first["marks"]
    assert [mark[key] for key in ("value", "lower", "upper")] == pytest.approx([-12, -14, -10])
    assert first["pieces"] == pytest.approx([-0.25, 0.5, -0.75, 1.0, -1.25, 1.5, -1.75, 2.0])
    assert (first["text"], first["word"]) == ("−0.24 ± 0.025", "different")


def test_candidates_compared_in_the_mean_and_along_axes_share_a_row():
    mean, apart = verdict("a"), verdict("b")
    apart = replace(apart, entries=tuple(replace(e, direction="all") for e in apart.entries))
    mean = replace(mean, entries=tuple(replace(e, direction="mean") for e in mean.entries))
    figure = strip_plot([contender(mean), contender(apart, 2)])["figure"]
    assert len(figure["rows"]) == 5
    assert all([mark["series"] for mark in row["marks"]] == [1, 2] for row in figure["rows"])


# --- sentence and reasons --------------------------------------------------------------


def test_one_verdict_has_its_own_sentence_and_several_a_summary():
    record = replace(made_up(), verdicts=(verdict(),))
    assert headline(record)["sentence"].replace("\u00a0", " ") == verdict().sentence
    many = [verdict("a"), verdict("b"), *(like_reality(f"c{n}") for n in range(5))]
    assert summarised(many) == (
        "7 candidates: 2 (a, b) are not the same material as real; no difference was seen for 5."
    )
    assert summarised([verdict("{}"), like_reality("b")]).startswith("2 candidates: 1 ({}) is not the same material")


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (made_up(0), "real: measured, not compared."),
        (made_up(1), "No verdict on fake 1: no standard errors."),
        (made_up(2), "No verdict on 2 candidates: no standard errors."),
        (
            replace(made_up(1), provenance={"measured_apart": ["a", "b"]}),
            "No verdict: the volumes were measured apart; run microchar report on the volumes.",
        ),
    ],
)
def test_a_page_without_verdict_says_why(record, sentence):
    assert headline(record)["sentence"] == sentence


def test_reasons_link_to_the_figure_of_the_quantity_that_they_name():
    (found,) = reasons([contender(verdict())], {("lineal_path", "pore"): "curve-L"})
    assert [fact["link"] for fact in found["facts"]] == ["q-percolating_fraction-pore", "curve-L"]
    assert found["notes"] == ["transport is not compared"]
    general = replace(verdict(), why=("The 8 samples scatter half as much as real pieces.",))
    (found,) = reasons([contender(general)], {})
    assert found["facts"][0]["link"] == "candidates"


# --- curves ------------------------------------------------------------------------------


def curve_figures(verdicts, record=None, phases=("pore",)):
    record = replace(record or made_up(len(verdicts)), verdicts=tuple(verdicts))
    single = group_by_metric(named for named in record.results if not named.reference)
    return main_curves(record, contenders_of(record), single, phases)


def test_compared_curves_have_a_band_and_residuals_in_standard_errors():
    figures = curve_figures([verdict(), verdict("fake 2")])
    assert [figure["id"] for figure in figures][:2] == [
        "curve-lineal_path-pore-mean",
        "curve-two_point_correlation-pore-mean",
    ]
    path = figures[0]["figure"]
    reference, first, second = path["lines"]
    assert [line["series"] for line in path["lines"]] == [0, 1, 2]
    assert reference["residual"] is None
    x = np.arange(1.0, 21.0)
    assert first["residual"] == second["residual"] == pytest.approx((0.002 * x / 0.01).tolist())
    assert path["band"]["upper"] == pytest.approx((np.exp(-x / 10) + 0.02).tolist())


def test_without_curves_in_the_verdict_the_normalised_curves_are_shown_without_errors():
    old = replace(verdict(), entries=tuple(replace(e, curve=None) for e in verdict().entries))
    figures = {figure["metric"]: figure["figure"] for figure in curve_figures([old])}
    rho = figures["two_point_correlation"]
    # S2 is φ² + φ (1 - φ) exp(-r / 12 µm) in the mean over directions.
    for line in rho["lines"]:
        assert line["y"] == pytest.approx(np.exp(-3.0 * np.arange(21) / 12).tolist())
    assert rho["band"] is None
    assert {line["residual"] for line in rho["lines"]} == {None}


def test_of_two_phases_the_one_that_the_judge_uses_informs():
    record = made_up()
    assert informing_phases(record, []) == ["pore"]  # the rarer one
    of_solid = replace(verdict(), entries=(entry("lineal_path", 0.1, 0.1, phase="solid"),))
    assert informing_phases(record, [contender(of_solid)]) == ["solid"]
    assert informing_phases(made_up(phases=("a", "b", "c")), []) == ["a", "b", "c"]


def test_measured_curves_have_residuals_where_both_have_standard_errors():
    x = np.arange(5.0)

    def result(shift, error):
        cdf = Profile(phase="pore", feature="cdf", direction="mean", x=x, y=x / 4 + shift, standard_error=error)
        convention = {"boundary": "non-periodic"}
        return Result(
            metric="chord_length_distribution",
            title="Chords",
            symbol="",
            kind="distribution",
            convention=convention,
            profiles=(cdf,),
        )

    record = made_up()
    error = np.array([np.nan, 0.03, 0.03, 0.03, 0.0])
    results = (Named("real", "", result(0.0, error)), Named("fake 1", "", result(0.1, np.full(5, 0.04))))
    (figure,) = curve_figures([], replace(record, results=results))
    _, line = figure["figure"]["lines"]
    assert line["residual"] == pytest.approx([np.nan, 2.0, 2.0, 2.0, 2.5], nan_ok=True)
    results = (Named("real", "", result(0.0, None)), results[1])
    (figure,) = curve_figures([], replace(record, results=results))
    assert figure["figure"]["lines"][1]["residual"] is None


# --- values ---------------------------------------------------------------------------------


def metrics(**errors):
    def result(value, error):
        values = (Value(phase="pore", value=value, standard_error=error),)
        return Result(
            metric="volume_fraction",
            title="Volume fraction",
            symbol=r"\phi",
            kind="scalar",
            convention={},
            values=values,
        )

    return group_by_metric(
        [Named("real", "", result(0.20, errors.get("real"))), Named("fake", "", result(0.23, errors.get("fake")))]
    )


def test_values_have_differences_with_standard_errors():
    real, fake = value_rows(metrics(real=0.003, fake=0.004), "real")
    assert (real["difference"], real["relative"]) == ("", "")
    assert (fake["difference"], fake["relative"]) == ("+0.0300 ± 0.0050", "+15 %")
    _, fake = value_rows(metrics(), "real")
    assert fake["difference"] == "+0.0300"


def test_volumes_without_a_verdict_are_shown_in_standard_errors_and_without_words():
    series = {"real": 0, "fake": 1}
    found = differences_apart(metrics(real=0.003, fake=0.004), series, ["pore"])
    ((mark,),) = (row["marks"] for row in found["figure"]["rows"])
    assert mark["value"] == pytest.approx(6.0)
    assert (mark["lower"], mark["upper"]) == pytest.approx((6 - 1.645, 6 + 1.645))
    assert differences_apart(metrics(), series, ["pore"]) is None
    table = values_apart(metrics(real=0.003, fake=0.004), ["real", "fake"], ["pore"])
    assert [[cell["relative"] for cell in row["cells"]] for row in table["rows"]] == [[""], ["+15 %"]]


def test_the_overview_has_a_column_for_each_phase():
    single = group_by_metric(named for named in made_up(0).results)
    table = overview(single, ["pore", "solid"], "real")
    first = table["rows"][0]
    assert (first["title"], first["cells"]["pore"]["text"], first["cells"]["solid"]["text"]) == (
        "Volume fraction",
        "0.3333",
        "0.6667",
    )
