"""The files of a report: which are written, what the tables hold, and that they are written together or not at all."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import microchar.core.files
import microchar.report.writing
from microchar.core.errors import InputError
from microchar.core.files import check_writable
from microchar.core.result import Key
from microchar.measurement.record import Record
from microchar.measurement.tables import PROFILE_COLUMNS, SCALAR_COLUMNS, profiles, scalars
from microchar.report.writing import write_report
from oracles.results import made_up

pytestmark = pytest.mark.oracle

FILES = ["profiles.csv", "report.html", "results.json", "scalars.csv"]


def test_all_files_are_written_and_named(record, tmp_path):
    paths = write_report(record, tmp_path / "new" / "out")
    assert sorted(paths) == FILES
    assert sorted(p.name for p in (tmp_path / "new" / "out").iterdir()) == FILES


@pytest.mark.parametrize(("formats", "names"), [(["html"], FILES[1:2]), (["json"], FILES[2:3]), (["csv"], FILES[::3])])
def test_only_the_formats_asked_for(record, tmp_path, formats, names):
    write_report(record, tmp_path / "out", formats=formats)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == names


def test_tables_are_those_that_pandas_writes(tmp_path):
    record = made_up(2)
    paths = write_report(record, tmp_path / "out", formats=["csv"])
    for name, table in (("scalars.csv", scalars(record.results)), ("profiles.csv", profiles(record.results))):
        assert paths[name].read_text(encoding="utf-8") == table.to_csv(index=False, lineterminator="\n")


@pytest.mark.parametrize("formats", [[], ["pdf"], ["html", "xml"]])
def test_unknown_formats_are_refused(record, tmp_path, formats):
    with pytest.raises(InputError, match="expected some of html, json, csv"):
        write_report(record, tmp_path / "out", formats=formats)


def test_the_report_of_a_file_that_was_read_is_the_same(record, written, tmp_path):
    write_report(Record.read(written / "results.json"), tmp_path / "out")
    for name in FILES:
        assert (tmp_path / "out" / name).read_bytes() == (written / name).read_bytes(), name


def test_the_columns_of_the_tables_stay():
    labels = ("feature", "phase", "direction", "estimator")
    numbers = ("value", "unit", "lower", "upper", "standard_error", "status")
    assert ("volume", "reference", "metric", *labels, *numbers, "n_eff") == SCALAR_COLUMNS
    assert ("volume", "reference", "metric", *labels, *numbers, "x", "x_unit") == PROFILE_COLUMNS


def test_scalars_have_a_row_for_each_value(record, written):
    rows = _rows(written / "scalars.csv")
    assert tuple(rows[0]) == SCALAR_COLUMNS
    expected = [
        (named.volume, named.reference, named.result.metric, *value.key, value.value, value.status)
        for named in record.results
        for value in named.result.values
    ]
    written_values = [
        (
            r["volume"],
            r["reference"],
            r["metric"],
            *(r[key] for key in Key._fields),
            _number(r["value"]),
            r["status"],
        )
        for r in rows
        if r["metric"] != "triple_phase_boundary"
    ]
    assert written_values == expected
    (nothing, *_) = [row for row in rows if row["metric"] == "triple_phase_boundary"]
    assert (nothing["value"], nothing["direction"], nothing["status"]) == ("", "all", "not_applicable")


def test_profiles_have_a_row_for_each_point(record, written):
    rows = _rows(written / "profiles.csv")
    assert tuple(rows[0]) == PROFILE_COLUMNS
    expected = [
        (named.volume, named.result.metric, *profile.key, x, None if np.isnan(y) else y)
        for named in record.results
        for profile in named.result.profiles
        for x, y in zip(profile.x, profile.y, strict=True)
    ]
    written_points = [
        (r["volume"], r["metric"], *(r[key] for key in Key._fields), float(r["x"]), _number(r["value"])) for r in rows
    ]
    assert written_points == expected


def _rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _number(text):
    return float(text) if text else None


# --- all files or none --------------------------------------------------------


def _fail(error):
    def write(record, viewer, path, **options):
        path.write_text("half", encoding="utf-8")
        raise error

    return write


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("no"), OSError(28, "No space left on device")])
def test_a_failure_leaves_nothing(record, tmp_path, monkeypatch, error):
    monkeypatch.setattr(microchar.report.writing, "_write_page", _fail(error))
    with pytest.raises(type(error)):
        write_report(record, tmp_path / "a" / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_earlier_report(record, tmp_path, monkeypatch):
    out = tmp_path / "out"
    write_report(made_up(n_candidates=0), out)
    (out / "mine.txt").write_text("not microchar's", encoding="utf-8")
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(microchar.report.writing, "_write_page", _fail(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            write_report(record, out)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    write_report(record, out)
    assert sorted(p.name for p in out.iterdir()) == sorted([*FILES, "mine.txt"])
    assert (out / "mine.txt").read_bytes() == before["mine.txt"]
    assert (out / "results.json").read_bytes() != before["results.json"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), PermissionError(13, "in use by another program")])
def test_an_exchange_that_stops_half_way_is_taken_back(record, tmp_path, monkeypatch, error):
    out = tmp_path / "out"
    write_report(made_up(n_candidates=0), out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    replace, calls = microchar.core.files.os.replace, []

    def stop_at_the_fourth(source, target):
        calls.append(target)
        if len(calls) == 4:
            raise error
        replace(source, target)

    monkeypatch.setattr(microchar.core.files.os, "replace", stop_at_the_fourth)
    with pytest.raises((KeyboardInterrupt, InputError)):
        write_report(record, out)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


@pytest.mark.parametrize("inside", ["", "out"])
def test_a_file_in_the_way_is_refused(record, tmp_path, inside):
    file = tmp_path / "file"
    file.write_text("precious", encoding="utf-8")
    for refuse in (check_writable, lambda folder: write_report(record, folder)):
        with pytest.raises(InputError, match=r"cannot write there .*file is a file"):
            refuse(file / inside)
    assert file.read_text(encoding="utf-8") == "precious"


def test_a_folder_that_is_not_writable_is_refused(record, tmp_path, monkeypatch):
    monkeypatch.setattr(microchar.core.files.os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="is not writable"):
        check_writable(tmp_path / "out")


def test_a_relative_folder(record, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_report(record, "a/b", formats=["json"])
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["results.json"]
