"""What every test may use: the real volumes, and what is left out where torch or the peers are not installed."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Workers of pytest-xdist inherit this. Otherwise OpenBLAS starts a thread per core in each worker, and the threads of
# all workers wait for each other in busy loops: dense solutions of small problems then take five times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

#: Packages that have no build for every Python.
MISSING = [name for name in ("torch", "gstools", "porespy", "taufactor") if find_spec(name) is None]


class _WithoutTorch:
    """Leaves out what imports torch, in src too."""

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        return collection_path in (ROOT / "tests" / "gan", ROOT / "src" / "microchar_gan") or None


def pytest_configure(config):
    """Leave out the networks where there is no torch."""
    if "torch" in MISSING:
        config.pluginmanager.register(_WithoutTorch())


def pytest_report_header():
    """Say what is left out."""
    return f"left out are tests that need packages not installed here: {', '.join(MISSING)}" if MISSING else []


def data_folder() -> Path:
    """Return the folder of the real volumes; skip where there is none, fail in CI."""
    folder = Path(os.environ.get("MICROCHAR_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        reason = f"no real volumes: neither MICROCHAR_DATA nor {folder} is a folder"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def real():
    """Give a function from a name such as "berea" to the file of that real volume."""

    def path(name: str) -> Path:
        return data_folder() / f"{name}.tif"

    return path


@pytest.fixture(scope="session")
def real_array(real):
    """Give a function from a name such as "berea" to the grey values of that real volume (read once)."""
    import tifffile

    loaded = {}

    def array(name: str):
        if name not in loaded:
            loaded[name] = tifffile.imread(real(name))
            loaded[name].setflags(write=False)
        return loaded[name]

    return array
