"""The pages of the gallery: all are whole and use what everybody has; the quick ones run. The docs run all of them."""

from __future__ import annotations

import ast
import re
import runpy
import sys

import matplotlib as mpl
import pytest

from conftest import ROOT

PAGES = sorted((ROOT / "examples" / "gallery").glob("*.py"))
QUICK = ("plot_write_a_metric", "plot_write_a_generator", "plot_anisotropic_separator")
#: What the docs or a generator's extra install beside the standard library.
KNOWN = {"matplotlib", "microchar", "mpl_toolkits", "numpy", "scipy", "torch"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_asks_draws_and_concludes(page):
    text = page.read_text(encoding="utf-8")
    tree = ast.parse(text)
    title, rule, empty, *question = ast.get_docstring(tree).splitlines()
    assert (set(rule), len(rule), empty) == ({"="}, len(title), "")
    assert any(question)
    assert "plt.subplots(" in text
    assert len(re.findall(r"^# \*\*What we conclude\.\*\* \w", text, re.MULTILINE)) == 1
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert {module.split(".")[0] for module in modules} <= KNOWN | set(sys.stdlib_module_names)


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem in QUICK], ids=lambda page: page.stem)
def test_a_quick_page_runs(page, capsys):
    from matplotlib import pyplot as plt

    mpl.use("Agg")
    runpy.run_path(str(page), run_name="__main__")
    assert plt.get_fignums()
    plt.close("all")
    assert capsys.readouterr().out
