"""What the README and the quickstart say is so."""

from __future__ import annotations

import re

import numpy as np
import pytest

import microchar as mc
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
QUICKSTART = (ROOT / "docs" / "quickstart.rst").read_text(encoding="utf-8")


def test_the_readme_lists_every_metric_with_its_own_summary():
    listed = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", README, re.MULTILINE))
    assert listed == {name: mc.metrics.find_metric(name).summary for name in mc.metrics.metric_names()}


def _blocks(text: str) -> list[str]:
    return [re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in text]


EXAMPLES = [
    *re.findall(r"```python\n(.*?)```", README, re.DOTALL),
    "\n".join(_blocks(re.findall(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", QUICKSTART)[:2])),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=["readme", "quickstart"])
def test_the_examples_run(example, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    real, fake, other = np.where(rng.random((3, 16, 16, 16)) < 0.4, 0, 255).astype(np.uint8)
    mc.write_volume(real, "real.tif")
    exec(example, {"fake": fake, "fake_array": fake, "other_array": other})
    assert "um" in capsys.readouterr().out
    assert (tmp_path / "out" / "report.html").is_file()
