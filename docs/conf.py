"""Sphinx configuration; `_ext/metric_pages.py` makes the pages of the metrics."""

import sys
from importlib.util import find_spec
from pathlib import Path

import microchar

HERE = Path(__file__).parent
sys.path += [str(HERE / "_ext"), str(HERE / "pictures")]

project = "microchar"
author = "The microchar developers"
project_copyright = author
release = version = microchar.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "myst_parser",
    "native_math",
    "metric_pages",
]
html_math_renderer = "mathml"
templates_path = ["_templates"]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_title = "microchar"
html_static_path = ["_static"]
html_css_files = ["microchar.css"]
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False, "header_links_before_dropdown": 7}
html_show_sourcelink = False
default_role = "py:obj"
# CONTRIBUTING.md is included in parts, which begin below its title.
suppress_warnings = ["myst.header"]
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
