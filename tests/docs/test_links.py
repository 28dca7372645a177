"""What `make docs` says about links that lead nowhere."""

import subprocess
import sys

import pytest

from conftest import ROOT

SOUND = """<a href="b.html#there">b</a> <img src="c.png"> <a href="#top">up</a>
<a href="https://example.org/none">not followed</a>"""


@pytest.mark.parametrize(
    ("link", "broken"),
    [("b.html", False), ("b.html#there", False), ("b.html#nowhere", True), ("none.html", True), ("#nowhere", True)],
)
def test_links_that_lead_nowhere_are_named(tmp_path, link, broken):
    (tmp_path / "a.html").write_text(f'<p id="top">{SOUND}</p><a href="{link}">link</a>', encoding="utf-8")
    (tmp_path / "b.html").write_text('<p id="there"></p>', encoding="utf-8")
    (tmp_path / "c.png").touch()
    done = subprocess.run([sys.executable, ROOT / ".ci" / "links.py", tmp_path], capture_output=True, text=True)
    assert done.returncode == broken
    assert (f"a.html: {link} leads nowhere" in done.stdout) == broken
