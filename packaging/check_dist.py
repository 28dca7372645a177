"""Check what ``make dist`` built: the sizes, and that the wheel works where there is no checkout.

    python packaging/check_dist.py dist

The wheel is installed with its dependencies into a new environment. There, ``import microchar`` and
``microchar selftest`` run in an empty folder.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

#: Largest sizes in MB. The volumes that ship are allowed 3 MB, the bundled model 14 MB.
LARGEST = {".whl": 20, ".gz": 25}


def main() -> None:
    """Check the two files in the folder."""
    folder = Path(sys.argv[1])
    found = {file.suffix: file for file in folder.iterdir()}
    if set(found) != set(LARGEST):
        raise SystemExit(f"{folder}: found {sorted(found)}; expected one wheel and one sdist, see make dist")
    for suffix, largest in LARGEST.items():
        size = found[suffix].stat().st_size / 1e6
        print(f"{found[suffix].name}: {size:.1f} MB, at most {largest} MB", flush=True)
        if size > largest:
            raise SystemExit(f"{found[suffix]}: too large; see what was added to it")
    with tempfile.TemporaryDirectory() as empty:
        try_wheel(found[".whl"].resolve(), Path(empty))


def try_wheel(wheel: Path, folder: Path) -> None:
    """Install the wheel in an environment in the folder, and run it there."""
    venv.create(folder / "env", with_pip=True)
    programs = folder / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    python = str(programs / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)], check=True)
    subprocess.run([python, "-c", "import microchar; print(microchar.__file__)"], cwd=folder, check=True)
    subprocess.run([str(programs / "microchar"), "selftest"], cwd=folder, check=True)


if __name__ == "__main__":
    main()
