"""The README lists the metrics that there are; `tests/docs` runs its code."""

from __future__ import annotations

import re

import microchar as mc
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_lists_every_metric_with_its_own_summary():
    listed = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", README, re.MULTILINE))
    assert listed == {name: mc.metrics.find_metric(name).summary for name in mc.metrics.metric_names()}
