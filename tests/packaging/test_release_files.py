"""Files that repeat what pyproject.toml says repeat it correctly."""

from __future__ import annotations

import re
import tomllib

import pytest

import microchar
from conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
RECIPE = (ROOT / "packaging" / "conda" / "meta.yaml").read_text(encoding="utf-8")
#: Packages that have another name on conda-forge.
ON_CONDA = {"matplotlib": "matplotlib-base"}


def _cited(key: str) -> str:
    return re.search(rf"^{key}: (.*)$", CITATION, re.MULTILINE)[1]


def test_the_citation_is_of_this_project():
    assert _cited("title") == PROJECT["name"]
    assert _cited("abstract") == PROJECT["description"]
    assert _cited("license") == PROJECT["license"]
    assert re.findall(r"^  - name: (.*)$", CITATION, re.MULTILINE) == [a["name"] for a in PROJECT["authors"]]
    assert re.findall(r"^  - (?!name)(.*)$", CITATION, re.MULTILINE) == PROJECT["keywords"]


@pytest.mark.parametrize("version", [_cited("version"), re.search(r'version = "(.*)"', RECIPE)[1]])
def test_the_version_is_that_of_the_package(version):
    assert version == microchar.__version__


def test_the_conda_recipe_requires_what_the_package_requires():
    run = RECIPE.partition("  run:\n")[2].partition("\n\n")[0]
    recipe = [line.removeprefix("    - ").split(" ", 1) for line in run.splitlines()]
    expected = [re.fullmatch(r"([\w-]+)(>=.*)", each).groups() for each in PROJECT["dependencies"]]
    python = ["python", ">={{ python_min }}"]
    assert recipe == [python, *([ON_CONDA.get(name, name), version] for name, version in expected)]
    assert re.search(r'python_min = "(.*)"', RECIPE)[1] == PROJECT["requires-python"].removeprefix(">=")
