"""Names from files are shown, not obeyed: by terminals, pages and spreadsheets."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from microchar.measurement.record import PhaseRecord
from microchar.report.writing import write_report
from oracles.results import made_up

pytestmark = pytest.mark.property


def write(folder, names, phases=("pore", "solid")):
    return write_report(made_up(names=names, phases=phases), folder, formats=["html", "csv"])


def test_control_characters_in_names_are_escaped_on_the_page_and_in_tables(tmp_path):
    files = write(tmp_path, ["re\x1b[31mal", "fa\nke \u202eevil"], ("po\x1bre", "solid"))
    for path in files.values():
        text = path.read_text(encoding="utf-8")
        assert not {"\x1b", "\u202e"} & set(text), path
        assert r"re\x1b[31mal" in text
        assert r"fa\nke \u202eevil" in text
        assert r"po\x1bre" in text


def test_half_a_character_in_a_record_does_not_stop_the_report(tmp_path):
    record = made_up()
    first = replace(record.volumes[0], path="caf\ud800", phases=(PhaseRecord(name="\ud800", grey_value=0),))
    files = write_report(replace(record, volumes=(first, *record.volumes[1:])), tmp_path)
    assert len(files) == 4
    assert r"caf\ud800" in files["report.html"].read_text(encoding="utf-8")


def test_a_text_that_a_spreadsheet_would_compute_is_quoted(tmp_path):
    files = write(tmp_path, ["=HYPERLINK(A1)", "-2+3"], ("@pore", "+solid"))
    with files["scalars.csv"].open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["volume"] for row in rows} >= {"'=HYPERLINK(A1)", "'-2+3"}
    assert {row["phase"] for row in rows} >= {"'@pore", "'+solid"}
    # Numbers are numbers, negative ones too.
    assert min(float(row["value"]) for row in rows if row["metric"] == "euler_characteristic") == -0.5e-6
