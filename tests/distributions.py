"""Distributions with plugins, installed in a folder; each command runs in a fresh interpreter that sees them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent


@dataclass(frozen=True)
class Site:
    """A folder of installed distributions, which is also the current folder of what runs there."""

    folder: Path

    def install(self, name: str, group: str, points: Mapping[str, str], code: str = "", module: str = "") -> None:
        """Install a distribution of one module and its entry points."""
        (self.folder / f"{module or name}.py").write_text(dedent(code), encoding="utf-8")
        info = self.folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"[{group}]", *(f"{key} = {value}" for key, value in points.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")

    def start(self, *arguments: str, **how) -> subprocess.Popen:
        """Start Python with these arguments."""
        path = os.pathsep.join([str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONPATH": path},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **how,
        )

    def microchar(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run a command of microchar."""
        return self._finished(self.start("-m", "microchar", *arguments))

    def run(self, code: str) -> subprocess.CompletedProcess:
        """Run Python code in which warnings are errors."""
        return self._finished(self.start("-W", "error", "-c", dedent(code)))

    @staticmethod
    def _finished(process: subprocess.Popen) -> subprocess.CompletedProcess:
        out, errors = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)
