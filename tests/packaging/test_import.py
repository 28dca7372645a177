"""Importing microchar, and asking for help, is quick: no heavy package is loaded. Counted, not timed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "cc3d", "dask", "edt", "imagecodecs", "jinja2", "matplotlib", "numba", "pandas", "PIL", "porespy",
    "scipy", "skimage", "taufactor", "tifffile", "torch",
}  # fmt: skip

HELP = """
import contextlib, io
from microchar.cli.program import main
with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
    main({arguments!r})
assert "usage: microchar" in shown.getvalue()
"""


def modules(code: str) -> set[str]:
    """Names of the modules that a fresh interpreter has loaded after running some code."""
    listing = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "code",
    ["import microchar", HELP.format(arguments=["--help"]), HELP.format(arguments=["report", "--help"])],
    ids=["import", "help", "report help"],
)
def test_nothing_heavy_is_loaded(code):
    loaded = modules(code)
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
    # argparse and what it needs come to about 50 beyond a bare interpreter's; a package slipping in brings hundreds.
    assert len(loaded) < 220


def test_listing_the_metrics_loads_none_of_their_helpers():
    loaded = modules("import microchar\nmicrochar.metrics.metric_names()")
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
    assert not [name for name in loaded if name.startswith("microchar.kernels")]


def test_the_public_names_are_all_there():
    # dir() is the table of contents; every entry must lead somewhere.
    code = "import microchar as mc\nassert all(getattr(mc, name) is not None for name in dir(mc))"
    assert "microchar.core.volume" in modules(code)
