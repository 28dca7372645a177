"""Names that are no UTF-8, or that the console cannot print, are shown escaped, and nothing fails because of them."""

from __future__ import annotations

import io
import json
import os
import sys

import numpy as np
import pandas as pd
import pytest
import tifffile

from microchar.cli.program import main
from microchar.core.text import printable

pytestmark = pytest.mark.property

ODD = os.fsdecode(b"caf\xe9\x1b[31m.tif")
SHOWN = r"caf\xe9\x1b[31m"
LETTERS = "été-φ.tif"


@pytest.fixture
def console(tmp_path, monkeypatch):
    """Give a function that runs a command on a console that knows ASCII only and returns what it printed.

    The current folder holds two volumes.
    """
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    try:
        for name in (ODD, LETTERS):
            tifffile.imwrite(name, (rng.random((16, 16, 16)) < 0.4).astype(np.uint8))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")

    def run(*arguments, code=0):
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            patch.setattr(sys, "stderr", stream)
            assert main(arguments) == code
        stream.flush()
        return stream.buffer.getvalue().decode("ascii")

    return run


def test_a_report_of_odd_names(console, tmp_path):
    out = os.fsdecode(b"out\xe9")
    shown = console("report", ODD, LETTERS, "--metrics", "volume_fraction,ssim", "-o", out)
    assert os.path.join(r"out\xe9", "report.html") in shown
    page, results, table = (tmp_path / out / name for name in ("report.html", "results.json", "scalars.csv"))
    assert SHOWN in page.read_text(encoding="utf-8")
    record = json.loads(results.read_text(encoding="utf-8"))
    assert [volume["name"] for volume in record["volumes"]] == [SHOWN, "été-φ"]
    assert record["volumes"][0]["path"] == f"{SHOWN}.tif"
    assert rf"{SHOWN}.tif" in record["provenance"]["command"]
    assert set(pd.read_csv(table, encoding="utf-8").volume) >= {SHOWN, "été-φ"}
    console("report", os.path.join(out, "results.json"), "-o", "again")
    # The first file is not found again under its escaped name: the page has the recorded slices.
    assert SHOWN in (tmp_path / "again" / "report.html").read_text(encoding="utf-8")


def test_models_and_a_ranking_of_odd_names(console, tmp_path):
    model = os.fsdecode(b"\xe9.safetensors")
    assert console("fit", "shuffle", ODD, "-o", model) == r"\xe9.safetensors" + "\n"
    written = console("generate", model, "--shape", "8,8,8", "-o", os.fsdecode(b"\xe9"))
    assert written == os.path.join(r"\xe9", "shuffle-0.tif") + "\n"
    metrics = ["--shape", "8,8,8", "--metrics", "volume_fraction"]
    shown = console("rank", LETTERS, ODD, model, *metrics, "--json", "r.json")
    assert any(line.startswith(SHOWN) for line in shown.splitlines())
    assert "\x1b" not in shown
    ranked = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert {one["name"] for one in ranked["candidates"]} == {SHOWN, r"\xe9"}


def test_errors_and_help(console):
    missing = os.fsdecode(b"no\xe9\n.tif")
    assert console("measure", missing, code=2).startswith(r"microchar: no\xe9\n.tif: no such file")
    with pytest.raises(SystemExit) as stopped:
        console("generate", "--help")
    assert stopped.value.code == 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é φ ß 測 \u00a0", "plain é φ ß 測 \u00a0"),
        (r"C:\data", r"C:\data"),
        (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
        ("\udcc3\udca9t\udcc3\udca9", "été"),  # as the C locale has it
        ("a\nb\tc\r\0", r"a\nb\tc\r\x00"),
        ("\x1b[31mred\x9b", r"\x1b[31mred\x9b"),
        ("\u202etxt.exe\u2028", r"\u202etxt.exe\u2028"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_is_escaped(text, shown):
    assert printable(text) == shown
