"""The truths: every metric has one, all hold, and one that does not is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

import microchar as mc
from microchar.cli.program import main
from microchar.testing import check_truths
from microchar.testing.truths import TRUTHS

pytestmark = pytest.mark.analytic


def test_every_metric_has_a_truth():
    assert [name for name in mc.metrics.ORDER if name not in {truth.metric for truth in TRUTHS}] == []


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: f"{truth.metric}: {truth.title}")
def test_it_holds(truth):
    (outcome,) = check_truths([truth])
    assert outcome.within, f"{outcome.measured}, expected {truth.exact} within {truth.tolerance}"


def test_a_wrong_value_is_told(capsys, monkeypatch):
    wrong = [replace(truth, exact=truth.exact * 1.001) for truth in TRUTHS if truth.metric == "lineal_path"][:1]
    monkeypatch.setattr("microchar.testing.truths.TRUTHS", (*wrong, TRUTHS[0]))
    assert main(["selftest"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["lineal_path", "volume_fraction"]
    assert "TOO FAR" in lines[1]
    assert lines[-1].startswith("1 of 2 values")


def test_chosen_metrics_only(capsys):
    assert main(["selftest", "--metrics", "interfacial_area,percolating_fraction"]) == 0
    rows = capsys.readouterr().out.splitlines()[1:-1]
    assert [row.split()[0] for row in rows] == ["interfacial_area", "percolating_fraction"]
    assert main(["selftest", "--metrics", "nothing"]) == 2


def test_a_value_that_is_missing_is_not_near():
    absent = replace(TRUTHS[0], metric="percolating_fraction", key={"phase": "1", "direction": "0"})
    closed = replace(
        absent,
        volume=lambda: mc.as_volume([[0, 0], [0, 0]], phases={"0": 0, "1": 1}),
        key={"phase": "1", "direction": "1"},
    )
    (outcome,) = check_truths([closed])
    assert not outcome.within
