"""The shell completes commands, options and their words."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("microchar m", ["measure", "metrics"]),
        ("microchar report real.tif --voxel", ["--voxel-size"]),
        ("microchar report real.tif --fail-on d", ["different", "detectable"]),
        ("microchar rank --w", ["--watch"]),
    ],
)
def test_the_shell_is_told_what_may_come_next(line, expected, tmp_path):
    answer = tmp_path / "answer"
    asked = {
        "_ARGCOMPLETE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
    }
    subprocess.run([sys.executable, "-m", "microchar"], env=os.environ | asked, timeout=60, check=True)
    assert [word.strip() for word in answer.read_text().splitlines()] == expected
