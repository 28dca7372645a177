"""`microchar view` from end to end, and pages that are opened."""

from __future__ import annotations

import numpy as np
import pytest

from microchar.cli.program import main

pytestmark = pytest.mark.property


@pytest.fixture
def shown(monkeypatch):
    """Give the list of the addresses that a browser was asked to show."""
    asked = []
    monkeypatch.setattr("webbrowser.open", lambda address: asked.append(address) or True)
    return asked


def test_view_writes_a_page(pair, shown, capsys):
    target = pair / "look.html"
    words = ["view", str(pair / "real.tif"), str(pair / "fake.tif"), "-o", str(target), "--phases", "pore=0,solid=255"]
    assert main(words) == 0
    assert capsys.readouterr().out == f"{target}\n"
    page = target.read_text(encoding="utf-8")
    assert "<h1>real, fake</h1>" in page
    assert "local fraction of pore" in page or "local fraction of solid" in page
    assert shown == []


def test_view_reads_as_the_options_say(pair, run):
    target = pair / "look.html"
    options = ["--crop", "2:12,:,:", "--voxel-size", "2um"]
    assert run("view", str(pair / "real.tif"), "-o", str(target), *options) == 0
    assert "10 × 16 × 18 voxels, 20 × 32 × 36 µm" in target.read_text(encoding="utf-8")


def test_pages_are_opened(pair, run, shown, monkeypatch):
    monkeypatch.chdir(pair)
    assert run("view", "real.tif", "-o", "look.html", "--open") == 0
    assert run("report", "real.tif", "fake.tif", "-o", "out", "--metrics", "volume_fraction", "--open") == 0
    assert run("report", "out/results.json", "-o", "out", "--format", "csv", "--open") == 0
    assert shown == [(pair / name).as_uri() for name in ("look.html", "out/report.html")]


def test_without_a_browser_the_page_is_there(pair, run, monkeypatch, capsys):
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    assert run("view", str(pair / "real.tif"), "-o", str(pair / "look.html"), "--open") == 0
    assert "no browser was found" in capsys.readouterr().err
    assert (pair / "look.html").exists()


def test_what_is_refused_is_refused_before_anything_is_read(pair, run, capsys, monkeypatch):
    monkeypatch.setattr("microchar.io.read_volume", lambda *arguments, **options: pytest.fail("too late"))
    (pair / "mine.html").write_text("mine")
    for target, named in (("mine.html", "microchar did not write it"), ("a.tif", "with the suffix .html")):
        assert run("view", str(pair / "real.tif"), "-o", str(pair / target)) == 2
        assert named in capsys.readouterr().err
    np.save(pair / "look.html.npy", np.eye(4))
    (pair / "look.html.npy").rename(pair / "look.html")
    assert run("view", str(pair / "look.html"), "-o", str(pair / "look.html"), "--overwrite", str(pair)) == 2
    assert "is an input" in capsys.readouterr().err
