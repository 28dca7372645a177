"""`microchar rank` from end to end."""

from __future__ import annotations

import json

import numpy as np
import pytest

from microchar.cli.program import main
from microchar.io import write_volume
from microchar.testing.volumes import overlapping_spheres

FAST = ["--metrics", "volume_fraction,two_point_correlation,euler_characteristic"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Give a folder with a real volume, a mask of its second half, two fakes, and a model of its first half."""
    monkeypatch.chdir(tmp_path)
    shape = (48, 24, 24)
    for seed, name in enumerate(("real", "good")):
        write_volume(overlapping_spheres(shape, radius=2.5, void_fraction=0.6, seed=seed).values * 255, f"{name}.tif")
    write_volume(np.random.default_rng(0).integers(0, 2, shape, np.uint8), "bad.tif")
    write_volume((np.indices(shape)[0] >= 24).astype(np.uint8), "test.tif")
    assert main(["fit", "shuffle", "real.tif", "--crop", "0:24,:,:", "--quiet"]) == 0
    return tmp_path


def test_the_table_is_sorted_and_says_what_it_means(home, capsys):
    arguments = ["bad.tif", "model.safetensors", "good.tif", "--crop", "24:48,:,:", "--shape", "12,12,12"]
    assert main(["rank", "real.tif", *arguments, "-n", "3", *FAST, "--json", "out/found.json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        "held out: 8 blocks of 12 × 12 × 12 voxels of real, within the crop: 0:12,0:12,0:12 … 12:24,12"
    )
    assert lines[2].split() == ["candidate", "rank", "total", "interval", "spread", "φ", "S2", "Euler", "verdict"]
    real = next(line for line in lines if line.startswith("(another real piece)"))
    assert real.split()[3] == "1.00"
    table = [line.split() for line in lines[2:7] if line != real]
    assert table[1][:2] == ["good", "1"]
    totals = [float(row[2]) for row in table[1:]]
    assert totals == sorted(totals)
    notes = [line for line in lines if line.startswith("note")]
    assert notes == ["note: bad: grey values 0, 1 of bad were matched to 0, 255 of real, in ascending order"]
    found = json.loads((home / "out" / "found.json").read_text())
    assert [one["name"] for one in found["candidates"]] == [row[0] for row in table[1:]]
    assert found["candidates"][0]["total"] == pytest.approx(totals[0], abs=0.006)
    assert found["command"].startswith("microchar rank real.tif bad.tif")


def test_a_model_that_saw_the_held_out_voxels_is_pointed_at(home, capsys):
    ask = ["rank", "real.tif", "model.safetensors", "--shape", "12,12,12", *FAST]
    assert main([*ask, "--crop", "0:24,:,:"]) == 0
    assert "note: model: was trained on the voxels that it is judged by" in capsys.readouterr().out
    assert main(ask) == 0
    assert "note: model: was trained on real.tif or a part of it; give --mask or --crop" in capsys.readouterr().out
    assert main([*ask, "--mask", "test.tif"]) == 0
    printed = capsys.readouterr().out
    assert "note" not in printed
    assert "voxels of real: 24:36,0:12,0:12 … 36:48,12:24,12:24" in printed


def test_generators_that_need_no_fit_may_stand_beside(home, capsys):
    assert main(["rank", "real.tif", "overlapping-spheres", "good.tif", "-n", "1", "--shape", "12,12,12", *FAST]) == 0
    assert "overlapping-spheres" in capsys.readouterr().out


def test_raw_files_are_read_with_their_own_option(home, capsys):
    overlapping_spheres((24, 24, 24), radius=2.5, void_fraction=0.6, seed=0).values.tofile("real.raw")
    raw = ["real.raw", "--raw-shape", "24,24,24", "--dtype", "uint8"]
    assert main(["rank", *raw, "good.tif", "--shape", "12,12,12", *FAST]) == 0
    assert "8 blocks of 12 × 12 × 12" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["good.tif", "good.tif"], "a candidate is listed twice; list each once"),
        (["shuffle"], "generator 'shuffle' must be fitted first"),
        (["nothing.safetensors"], "nothing.safetensors: no such file"),
        (["good.tif", "--metrics", "ssim"], "ssim: cannot be part of a score"),
        (["good.tif", "--shape", "24"], "expected two or three lengths"),
    ],
)
def test_what_is_refused(home, arguments, message, capsys):
    assert main(["rank", "real.tif", *arguments]) == 2
    assert message in capsys.readouterr().err
