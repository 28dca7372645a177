"""The fuzzer finds nothing in its first cases, which are the same in every run."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from conftest import ROOT

CASES = 500

pytestmark = [pytest.mark.property, pytest.mark.fuzz]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory as Linux does")
def test_damaged_inputs_are_refused_or_read_right():
    pytest.importorskip("SimpleITK", reason="needs the extra formats")
    pytest.importorskip("pyvista", reason="needs the extra formats")
    command = [sys.executable, ROOT / "benchmarks" / "fuzz.py", "--cases", str(CASES)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    total = re.search(r"^total.*$", run.stdout, re.MULTILINE)[0]
    counts = [int(number) for number in re.findall(r"\d+", total)]
    assert sum(counts) == CASES
    # Some of the files are still valid: what is refused always would find nothing.
    assert counts[0] > CASES / 20
