"""The metric that CONTRIBUTING.md shows is a metric."""

from __future__ import annotations

import doctest
import importlib.util
import re
import sys

import pytest

from conftest import ROOT
from microchar.testing import check_metric
from microchar.testing.volumes import slabs


@pytest.fixture
def module(tmp_path, monkeypatch):
    (source,) = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "mean_intercept.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("mean_intercept", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "mean_intercept", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("periodic", [(), (0, 1, 2)])
def test_it_fulfils_the_contract(module, periodic):
    check_metric(module.MeanIntercept(periodic=periodic))


def test_its_example_runs(module):
    assert doctest.testmod(module).failed == 0


def test_it_measures_layers(module):
    layers = slabs((12, 3, 3), thicknesses=(3, 1), axis=0)
    result = module.MeanIntercept(periodic=(0, 1, 2))(layers)
    assert result.value(phase="0", direction="0").value == 3
    assert result.value(phase="1", direction="0").value == 1
    assert result.value(phase="1", direction="1").status == "undefined"
