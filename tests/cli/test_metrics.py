"""`microchar metrics` lists what can be measured, and describes each metric in full."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from microchar.cli.program import main
from microchar.metrics import create_metric, find_metric, metric_names


def test_metrics_lists_every_id(capsys):
    assert main(["metrics"]) == 0
    printed = capsys.readouterr().out
    for name in metric_names():
        assert name in printed


def test_json_describes_every_metric_and_every_parameter_that_can_be_set(capsys):
    assert main(["metrics", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in described] == list(metric_names())
    for one in described:
        metric = create_metric(one["id"])
        settable = [f.name for f in fields(metric) if f.name != "periodic" or metric.periodic_supported]
        assert [parameter["name"] for parameter in one["parameters"]] == settable
        assert all(parameter["type"] and parameter["meaning"] for parameter in one["parameters"])
        for parameter in one["parameters"]:
            assert parameter["default"] == repr(getattr(metric, parameter["name"]))
        assert one["definition"]
        assert one["convention"]


@pytest.mark.parametrize("name", metric_names())
def test_a_description_is_complete_and_without_markup(name, capsys):
    assert main(["metrics", name]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{name}: {find_metric(name).summary}\n")
    assert "\nconvention:\n" in printed
    assert not [mark for mark in ("`", ":math:", ".. ", "]_", "**") if mark in printed]


def test_formulas_parameters_and_references_are_printed(capsys):
    main(["metrics", "two_point_correlation"])
    printed = capsys.readouterr().out
    assert r"    S_2(\mathbf r) = \langle I(\mathbf x)\, I(\mathbf x + \mathbf r) \rangle," in printed
    assert "parameters (--set two_point_correlation.KEY=VALUE):" in printed
    assert "    radial = True  (bool)\n        Whether to add the average over all directions" in printed
    assert "references:\n    Torquato, S. (2002)" in printed


def test_one_metric_as_json(capsys):
    assert main(["metrics", "lineal_path", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["id"], one["unit"]) == ("lineal_path", "")


def test_a_misspelt_name_is_refused(capsys):
    assert main(["metrics", "lineal_pth"]) == 2
    assert "did you mean 'lineal_path'" in capsys.readouterr().err
