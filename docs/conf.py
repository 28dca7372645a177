"""Sphinx configuration, and what is made by code: a page for each metric, and the table of the accuracy page."""

import sys
from importlib.util import find_spec
from pathlib import Path

import microchar
from microchar import metrics
from microchar.core.units import power_unit
from microchar.measurement.equivalents import EQUIVALENTS
from microchar.testing import check_truths

HERE = Path(__file__).parent
sys.path.append(str(HERE / "_ext"))

project = "microchar"
author = "The microchar developers"
project_copyright = author
release = version = microchar.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "sphinx_gallery.gen_gallery", "native_math"]
html_math_renderer = "mathml"
templates_path = ["_templates"]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_title = "microchar"
html_static_path = ["_static"]
html_css_files = ["microchar.css"]
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
html_sidebars = {page: [] for page in ("install", "quickstart", "conventions")}
html_show_sourcelink = False
default_role = "py:obj"
autodoc_typehints = "none"
autosummary_generate = True
# Hundreds of megabytes that the docstrings of the networks do without.
autodoc_mock_imports = ["torch"]
numpydoc_show_class_members = False
sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    # What needs a package that the docs do without is shown, but not run.
    "filename_pattern": "plot_" if find_spec("torch") else "plot_(?!training)",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "capture_repr": ("_repr_html_",),
    "write_computation_times": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1_000_000,
}
numpydoc_class_members_toctree = False

ADDITIVE = {
    "exact": "yes: integer counts, equal for any blocks",
    "float": "yes: sums in a fixed order",
    "whole": "no: needs the whole volume",
}


def metric_page(name: str) -> str:
    """Return the page of one metric."""
    cls = metrics.find_metric(name)
    facts = {
        "id": f"``{name}``",
        "symbol": f":math:`{cls.symbol}`",
        "unit": power_unit("length", cls.length_power) or "none",
        "additive": ADDITIVE[cls.additive],
        "size-dependent": "yes: compared at equal shapes only" if cls.size_dependent else "no",
        "periodic": "yes" if cls.periodic_supported else "no",
        "mask": "yes" if cls.mask_supported else "no",
        "needs": f"{cls.min_ndim}D or more" + (f", {cls.min_phases} phases or more" if cls.min_phases > 1 else ""),
    }
    lines = [cls.title, "=" * len(cls.title), "", f"{cls.summary[0].upper()}{cls.summary[1:]}.", ""]
    lines += [f":{key}: {fact}" for key, fact in facts.items()]
    lines += ["", ".. currentmodule:: microchar.metrics", "", f".. autoclass:: {cls.__name__}", ""]
    return "\n".join([*lines, *elsewhere(name)])


def elsewhere(name: str) -> list[str]:
    """Return the section on what other packages call the values of a metric; nothing if none has them."""
    known = [equivalent for equivalent in EQUIVALENTS if equivalent.metric == name]
    if not known:
        return []
    title = "What others call it, and how to convert"
    lines = [title, "-" * len(title), ""]
    lines += [
        "``microchar convert results.json --to PACKAGE`` prints these values. In the expressions, ``im`` is the phase"
    ]
    lines += [
        "as a boolean image, ``labels`` are the phases as numbers, ``levels`` the grey levels as bytes, ``spacing``"
    ]
    lines += ["is the voxel size, and ``axis`` the direction.", ""]
    lines += [
        ".. list-table::",
        "   :header-rows: 1",
        "   :widths: 12 20 44 24",
        "",
        "   * - package",
        "     - our value",
    ]
    lines += ["     - its expression", "     - its value"]
    for equivalent in known:
        key = ", ".join(f"``{part}``" for part in equivalent.key.values() if part) or "the value"
        lines += [f"   * - {equivalent.package}", f"     - {key}", f"     - ``{equivalent.call}``"]
        lines += [f"     - {equivalent.how}"]
    return [*lines, ""]


def metric_list() -> str:
    """Return the table of all metrics, and their table of contents."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 30 10 60", "", "   * - id", "     - unit"]
    lines += ["     - what it is"]
    for name in metrics.metric_names():
        cls = metrics.find_metric(name)
        unit = power_unit("length", cls.length_power) or "–"
        lines += [f"   * - :doc:`{name} <generated/{name}>`", f"     - {unit}", f"     - {cls.summary}"]
    lines += ["", ".. toctree::", "   :hidden:", ""]
    return "\n".join([*lines, *(f"   generated/{name}" for name in metrics.metric_names()), ""])


def accuracy_table() -> str:
    """Return the table of ``microchar selftest``, measured now."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 22 30 12 12 10 14", ""]
    rows = [("metric", "of", "true", "measured", "error", "true because of")]
    for outcome in check_truths():
        truth = outcome.truth
        assert outcome.within, f"{truth.metric} of {truth.title} is {outcome.measured}, not {truth.exact}"
        numbers = (f"{truth.exact:.6g}", f"{outcome.measured:.6g}", f"{outcome.error:+.1e}")
        rows.append((f":doc:`{truth.metric} <metrics/generated/{truth.metric}>`", truth.title, *numbers, truth.source))
    for first, *others in rows:
        lines += [f"   * - {first}", *(f"     - {cell}" for cell in others)]
    return "\n".join([*lines, ""])


def write_metric_pages(app) -> None:
    """Write the pages; only those that changed, so that rebuilding is quick."""
    folder = HERE / "metrics" / "generated"
    folder.mkdir(exist_ok=True)
    pages = {f"{name}.rst": metric_page(name) for name in metrics.metric_names()}
    pages |= {"list.txt": metric_list(), "accuracy.txt": accuracy_table()}
    for old in set(folder.iterdir()) - {folder / name for name in pages}:
        old.unlink()
    for name, text in pages.items():
        page = folder / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def setup(app) -> None:
    """Hook the metric pages in before Sphinx looks for sources."""
    app.connect("builder-inited", write_metric_pages, priority=1)
