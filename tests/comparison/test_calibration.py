"""The smoke test of the verdict's rates: few pairs of one process and of two."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest


@pytest.mark.analytic
def test_a_few_pairs():
    path = Path(__file__).parents[2] / "benchmarks" / "calibration.py"
    spec = spec_from_file_location("calibration", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.smoke() == 0
