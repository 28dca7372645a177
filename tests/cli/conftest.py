"""What tests of the command line share: two small volumes in files, and a run without progress."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from microchar.cli.program import main


@pytest.fixture
def pair(tmp_path):
    """Give a folder with real.tif and fake.tif, independent voxels of two phases."""
    rng = np.random.default_rng(0)
    for name, share in (("real", 0.4), ("fake", 0.5)):
        tifffile.imwrite(tmp_path / f"{name}.tif", (rng.random((14, 16, 18)) < share).astype(np.uint8) * 255)
    return tmp_path


@pytest.fixture
def run():
    """Give a function that runs a command quietly and returns its exit code."""
    return lambda *arguments: main([*arguments, "--quiet"])
