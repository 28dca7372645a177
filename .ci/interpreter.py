"""Print an interpreter of this machine: the newest released Python, or that of a version.

    python .ci/interpreter.py          # of all python3.N on PATH and under pyenv, the newest
    python .ci/interpreter.py 3.11     # the newest of this version

Where there is none, it prints the interpreter that runs it, for the newest, and fails for a version.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

#: Run by a candidate: its version and path, if it is a release with which environments can be made.
_ABOUT = """
import ensurepip, sys, venv
if sys.version_info.releaselevel == "final":
    print(*sys.version_info[:3], sys.executable)
"""

Found = tuple[tuple[int, ...], str]


def interpreters() -> Iterator[Found]:
    """Yield version and path of every interpreter that runs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    for folder in [*folders, *pyenv.glob("versions/*/bin")]:
        for path in folder.glob("python3.*"):
            if re.fullmatch(r"python3\.\d+(\.exe)?", path.name):
                yield from _asked(path)


def _asked(path: Path) -> Iterator[Found]:
    # A file of that name may be a stand-in for a version that is not installed.
    try:
        done = subprocess.run([path, "-c", _ABOUT], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return
    if done.stdout:
        *version, executable = done.stdout.strip().split(" ", 3)
        yield tuple(map(int, version)), executable


def main() -> None:
    """Print the path."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    found = [(version, path) for version, path in interpreters() if wanted in ("", f"{version[0]}.{version[1]}")]
    if not found and wanted:
        sys.exit(f"there is no Python {wanted} on PATH or under pyenv's versions")
    print(max(found)[1] if found else sys.executable)


if __name__ == "__main__":
    main()
