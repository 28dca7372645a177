"""`microchar metrics` lists what can be measured."""

from __future__ import annotations

from microchar.cli.program import main
from microchar.metrics import metric_names


def test_metrics_lists_every_id(capsys):
    assert main(["metrics"]) == 0
    printed = capsys.readouterr().out
    for name in metric_names():
        assert name in printed
