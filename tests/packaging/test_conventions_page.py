"""The page of conventions in the documentation lists what the code can say."""

import re
from pathlib import Path

from microchar.core.result import Status

PAGE = Path(__file__).parents[2] / "docs" / "metrics" / "conventions.rst"


def test_every_status_is_explained():
    table = PAGE.read_text(encoding="utf-8").split("* - status\n")[1]
    listed = dict(re.findall(r"\* - ``(\w+)``\n +- (.+)\n", table))
    assert listed == {status.value: status.meaning for status in Status}
