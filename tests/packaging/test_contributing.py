"""What CONTRIBUTING.md shows works: a metric, a format, a generator and a command, one file each."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import re
import sys

import numpy as np
import pytest

import microchar as mc
import microchar.cli
import microchar.io.formats
from conftest import ROOT
from microchar.cli.program import main
from microchar.core.errors import InputError
from microchar.io.dispatch import readers
from microchar.testing import generator_checks, metric_checks
from microchar.testing.volumes import slabs

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def shown(path: str) -> str:
    """Return the code that the page shows for a file."""
    return re.search(rf"`{re.escape(path)}`:\n\n```python\n(.*?)```", TEXT, re.DOTALL)[1]


def load(path: str, folder, monkeypatch):
    """Write the code into a folder and import it from there."""
    name = path.rpartition("/")[2].removesuffix(".py")
    (folder / f"{name}.py").write_text(shown(path), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def metric(tmp_path, monkeypatch):
    return load("metrics/mean_intercept.py", tmp_path, monkeypatch).MeanIntercept


@pytest.mark.parametrize("periodic", [(), (0, 1, 2)])
def test_the_metric_fulfils_the_contract(metric, periodic):
    for check in metric_checks(metric(periodic=periodic)):
        check()


def test_the_example_of_the_metric_runs(metric):
    assert doctest.testmod(sys.modules["mean_intercept"]).failed == 0


def test_the_metric_measures_layers(metric):
    layers = slabs((12, 3, 3), thicknesses=(3, 1), axis=0)
    result = metric(periodic=(0, 1, 2))(layers)
    assert result.value(phase="0", direction="0").value == 3
    assert result.value(phase="1", direction="0").value == 1
    assert result.value(phase="1", direction="1").status == "undefined"


@pytest.fixture
def text_format(tmp_path, monkeypatch):
    (tmp_path / "text.py").write_text(shown("io/formats/text.py"), encoding="utf-8")
    monkeypatch.setattr(microchar.io.formats, "__path__", [*microchar.io.formats.__path__, str(tmp_path)])
    readers.cache_clear()
    yield
    readers.cache_clear()
    sys.modules.pop("microchar.io.formats.text", None)


def test_the_format_is_read(text_format, tmp_path):
    (tmp_path / "a.txt").write_text("0 1 1\n2 0 0\n\n1 1 1\n0 0 2\n")
    volume = mc.read_volume(tmp_path / "a.txt")
    assert volume.values.tolist() == [[[0, 1, 1], [2, 0, 0]], [[1, 1, 1], [0, 0, 2]]]
    assert volume.source["format"] == "text"
    (tmp_path / "b.txt").write_text("0 1 1\n2 0\n")
    with pytest.raises(InputError, match=r"b\.txt: not a volume as text"):
        mc.read_volume(tmp_path / "b.txt")


def test_the_generator_fulfils_the_contract(tmp_path, monkeypatch):
    from microchar.generation.catalogue import GENERATORS

    module = load("generators/layers.py", tmp_path, monkeypatch)
    monkeypatch.setitem(sys.modules, "microchar.generators.layers", module)
    monkeypatch.setitem(GENERATORS.plugins, "layers", module.SPEC)
    assert type(mc.create_generator("layers")) is module.Layers
    real = np.random.default_rng(0).random((12, 12, 12)) < 0.3
    for check in generator_checks(module.Layers(), real):
        check()


def test_the_command_prints(tmp_path, monkeypatch, capsys):
    (tmp_path / "phases.py").write_text(shown("cli/phases.py"), encoding="utf-8")
    monkeypatch.setattr(microchar.cli, "__path__", [*microchar.cli.__path__, str(tmp_path)])
    np.save(tmp_path / "a.npy", np.array([[[0, 0, 0, 1]]], np.uint8))
    try:
        assert main(["phases", str(tmp_path / "a.npy"), "--phases", "pore=0,solid=1"]) == 0
    finally:
        sys.modules.pop("microchar.cli.phases", None)
    assert capsys.readouterr().out.split() == ["pore", "0", "0.7500", "solid", "1", "0.2500"]


def test_every_file_that_the_page_names_is_there():
    named = set(re.findall(r"`((?:cli|io|comparison|measurement|report|metrics)/[\w/]*\.py)`", TEXT))
    taught = {"metrics/mean_intercept.py", "io/formats/text.py", "cli/phases.py"}
    assert len(named) > 10
    missing = [name for name in named - taught if not (ROOT / "src" / "microchar" / name).exists()]
    assert not missing
