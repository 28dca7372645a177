"""Ranks of MPI give the digits of threads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import sys
import microchar as mc
from mpi4py.futures import MPIPoolExecutor

if __name__ == "__main__":
    volume = mc.read_volume(sys.argv[1], on_disk=True)
    metrics = ["volume_fraction", "lineal_path"]
    with MPIPoolExecutor() as executor:
        found = mc.measure(volume, metrics, executor=executor, r_max=4)
    expected = mc.measure(volume, metrics, r_max=4)
    assert [r.to_dict() for r in found.values()] == [r.to_dict() for r in expected.values()]
    print("equal")
"""


@pytest.mark.property
def test_two_ranks_count_the_same(tmp_path):
    pytest.importorskip("mpi4py")
    beside = os.path.dirname(sys.executable)
    mpiexec = shutil.which("mpiexec", path=os.pathsep.join([beside, os.environ["PATH"]]))
    if mpiexec is None:
        pytest.skip("mpiexec is not installed")
    np.save(tmp_path / "volume.npy", np.random.default_rng(0).integers(0, 2, (20, 18, 16), np.uint8))
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [mpiexec, "-n", "2", sys.executable, "-m", "mpi4py.futures", "script.py", "volume.npy"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "equal"), done.stderr
