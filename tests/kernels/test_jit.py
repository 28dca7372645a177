"""Kernels run wherever they are installed: without a cache that can be used, and without a compiler."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import subprocess
import sys
import warnings

import numba
import numpy as np
import pandas as pd
import pytest
from numba.core.caching import IndexDataCacheFile

import microchar.diffusion.solver
from conftest import ROOT
from microchar.cli.program import main

SOURCE = """
from microchar.kernels.jit import kernel

@kernel
def double(x):
    return 2 * x

@kernel
def triple(x):
    return 3 * x
"""


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """Give a function that loads two kernels as a new process would, with their cache in tmp_path/cache."""
    (tmp_path / "loops.py").write_text(SOURCE)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))

    def load():
        spec = importlib.util.spec_from_file_location("loops", tmp_path / "loops.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def used(folder, message):
    """Expect a warning that names the folder and the remedy."""
    return pytest.warns(
        UserWarning, match=rf"(?s)^{folder}.*: this folder for compiled kernels {message}.*NUMBA_CACHE_DIR"
    )


def test_kernels_are_taken_from_the_cache(fresh):
    assert fresh().double(21) == 42
    again = fresh().double
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_kernel_follows_the_functions_of_other_files(tmp_path):
    (tmp_path / "parts.py").write_text(
        "from microchar.kernels.jit import inner\n@inner\ndef part(x):\n    return 2 * x\n"
    )
    (tmp_path / "loops.py").write_text(
        "from microchar.kernels.jit import kernel\nfrom parts import part\n@kernel\ndef whole(x):\n    return part(x)\n"
    )
    command = [sys.executable, "-c", "import loops; print(loops.whole(7), sum(loops.whole.stats.cache_hits.values()))"]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run():
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert (run(), run()) == (["14", "0"], ["14", "1"])
    parts = tmp_path / "parts.py"
    parts.write_text(parts.read_text().replace("2 * x", "30 * x"))
    assert run() == ["210", "0"]


def test_without_a_folder_that_can_be_written_to_kernels_are_compiled_every_time(fresh, tmp_path, monkeypatch):
    # Files where the folders would be: nobody can write there, not even root.
    (tmp_path / "file").touch()
    (tmp_path / "__pycache__").touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "home"))
    with used(tmp_path, "cannot be written to") as said:
        loops = fresh()
    assert (loops.double(21), loops.triple(2), len(said)) == (42, 6, 1)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_on_a_full_disk_kernels_are_compiled_every_time(fresh, tmp_path, monkeypatch, number):
    def full(self, path):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", full)
    loops = fresh()
    with used(tmp_path / "cache", "cannot be used") as said:
        assert (loops.double(21), loops.triple(2)) == (42, 6)
    assert len(said) == 1
    assert os.strerror(number) in str(said[0].message)


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"garbage", None], ids=["empty", "garbage", "truncated"])
def test_a_damaged_cache_is_written_again(fresh, tmp_path, kind, content):
    loops = fresh()
    assert (loops.double(21), loops.triple(2)) == (42, 6)
    files = list((tmp_path / "cache").rglob(f"*.{kind}"))
    assert len(files) == 2
    for file in files:
        file.write_bytes(file.read_bytes()[:-9] if content is None else content)
    loops = fresh()
    with used(tmp_path / "cache", "is damaged") as said:
        assert (loops.double(21), loops.triple(2)) == (42, 6)
    assert len(said) == 1
    loops = fresh()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (loops.double(21), loops.triple(2)) == (42, 6)
    assert sum(loops.double.stats.cache_hits.values()) == 1


def test_a_cache_that_cannot_be_read_is_not_used(fresh, tmp_path):
    fresh().double(21)
    (index,) = (tmp_path / "cache").rglob("*.nbi")
    index.unlink()
    index.mkdir()  # not even root reads a folder as a file
    double = fresh().double
    with used(tmp_path / "cache", "cannot be used"):
        assert double(21) == 42


def test_only_one_module_compiles():
    folder = ROOT / "src"
    named = {path.name for path in folder.rglob("*.py") if "njit" in path.read_text(encoding="utf-8")}
    assert named == {"jit.py"}


#: Runs commands, each of a list of arguments, with the solver for large volumes also on small ones.
COMMANDS = """
import json, sys
import microchar.diffusion.solver
from microchar.cli.program import main
microchar.diffusion.solver._SMALL = 0
sys.exit(max(main(command) for command in json.loads(sys.argv[1])))
"""


def commands(folder):
    """Return commands that run nearly every kernel."""
    return [
        ["report", "real.npy", "fake.npy", "--format", "csv", "-o", folder, "--quiet"],
        ["generate", "overlapping-spheres", "--shape", "9,8,7", "--radius", "2", "-o", folder, "--quiet"],
        ["fit", "annealing", "real.npy", "-o", f"{folder}/annealing.safetensors", "--quiet"],
        ["generate", f"{folder}/annealing.safetensors", "--shape", "6,7,8", "-o", folder, "--quiet"],
    ]


def test_without_the_compiler_all_numbers_are_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("real", "fake"):
        np.save(f"{name}.npy", rng.choice(3, (9, 8, 7), p=[0.5, 0.3, 0.2]).astype(np.uint8))
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", COMMANDS, json.dumps(commands("python"))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    monkeypatch.setattr(microchar.diffusion.solver, "_SMALL", 0)
    assert [main(command) for command in commands("compiled")] == [0, 0, 0, 0]
    for table in ("scalars.csv", "profiles.csv"):
        found, expected = (pd.read_csv(f"{folder}/{table}") for folder in ("python", "compiled"))
        # Iterations of the multigrid solver in single precision end a little apart.
        pd.testing.assert_frame_equal(found, expected, rtol=1e-6)
    for name in ("overlapping-spheres-0.tif", "annealing-0.tif"):
        assert (tmp_path / "python" / name).read_bytes() == (tmp_path / "compiled" / name).read_bytes()
