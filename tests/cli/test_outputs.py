"""What commands may replace: nothing but files that microchar wrote, or that the user names, and never an input."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from microchar.cli.program import main
from microchar.io import read_volume
from microchar.testing.volumes import overlapping_spheres

pytestmark = pytest.mark.property

MEASURE = ["--metrics", "volume_fraction", "--quiet"]
RANK = ["--shape", "8,8,8", "--metrics", "volume_fraction", "-n", "1", "--quiet"]
GENERATE = ["--shape", "8,8,8", "--quiet"]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Give a folder with two volumes, a mask, slices, a model and a report."""
    folder = tmp_path_factory.mktemp("template")
    with contextlib.chdir(folder):
        for seed, name in enumerate(("real", "fake")):
            volume = overlapping_spheres((24, 24, 24), radius=2.5, void_fraction=0.6, seed=seed)
            tifffile.imwrite(f"{name}.tif", volume.values * 255)
        np.save("mask.npy", np.ones((24, 24, 24), np.uint8))
        Path("scan").mkdir()
        for plane in range(12):
            tifffile.imwrite(f"scan/{plane}.tif", tifffile.imread("real.tif")[plane])
        assert main(["fit", "shuffle", "real.tif", "-o", "model.safetensors", "--quiet"]) == 0
        assert main(["measure", "real.tif", "-o", "out", *MEASURE]) == 0
    return folder


@pytest.fixture
def home(template, tmp_path, monkeypatch):
    """Give a copy of the template, made the current folder."""
    shutil.copytree(template, tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


def everything(folder):
    """Return what is in a folder: the content of each file, None for folders."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        ("results", ["rank", "real.tif", "fake.tif", "--json", "results", *RANK]),
        ("new/report.html", ["measure", "real.tif", "-o", "new", *MEASURE]),
        ("new/scalars.csv", ["report", "real.tif", "fake.tif", "-o", "new", *MEASURE]),
        ("fakes/shuffle-0.tif", ["generate", "model.safetensors", *GENERATE]),
        ("other", ["fit", "shuffle", "real.tif", "-o", "other", "--quiet"]),
    ],
)
def test_a_folder_with_the_name_of_an_output_stays(home, capsys, folder, command):
    Path(folder).mkdir(parents=True)
    Path(folder, "mine.txt").write_text("mine")
    before = everything(home)
    for arguments in (command, [*command, "--overwrite", folder]):
        assert main(arguments) == 2
        assert f"{folder}: is a folder, expected the name of a file" in capsys.readouterr().err
        assert everything(home) == before


@pytest.mark.parametrize(
    "command",
    [
        ["rank", "real.tif", "fake.tif", "--json", "nodir/", *RANK],
        ["fit", "shuffle", "real.tif", "-o", "nodir/", "--quiet"],
    ],
)
def test_a_file_cannot_be_called_like_a_folder(home, capsys, command):
    before = everything(home)
    assert main(command) == 2
    assert "nodir/: ends like the name of a folder" in capsys.readouterr().err
    assert everything(home) == before


@pytest.mark.parametrize(
    "command",
    [
        ["fit", "shuffle", "real.tif", "-o", "real.tif"],
        ["fit", "shuffle", "real.tif", "-o", "scan/../real.tif"],
        ["fit", "shuffle", "real.tif", "-o", "hard.tif"],
        ["fit", "shuffle", "real.tif", "--mask", "mask.npy", "-o", "mask.npy"],
        ["fit", "shuffle", "scan", "-o", "scan/3.tif"],
        ["fit", "shuffle", "scan/*.tif", "-o", "scan/3.tif"],
        ["fit", "shuffle", "--slices", "scan/3.tif", "-o", "scan/3.tif"],
        ["fit", "shuffle", "out/results.json", "-o", "out/results.json"],
        ["rank", "real.tif", "fake.tif", "--json", "real.tif", *RANK],
        ["rank", "real.tif", "fake.tif", "--json", "fake.tif", *RANK],
        ["rank", "real.tif", "model.safetensors", "--json", "model.safetensors", *RANK],
        ["rank", "real.tif", "fake.tif", "--mask", "mask.npy", "--json", "mask.npy", *RANK],
        ["generate", "fakes/shuffle-0.tif", *GENERATE],
        ["measure", "real.tif", "--mask", "out/results.json", "-o", "out", *MEASURE],
        ["measure", "real.tif", "--grey", "out/results.json", "-o", "out", *MEASURE],
    ],
)
def test_an_input_is_never_replaced_even_if_it_is_named(home, capsys, command):
    os.link("real.tif", "hard.tif")
    Path("fakes").mkdir()
    os.link("model.safetensors", "fakes/shuffle-0.tif")
    before = everything(home)
    for arguments in (command, [*command, "--overwrite", "."]):
        assert main([*arguments, "--quiet"]) == 2
        assert "is an input and would be replaced; choose another name" in capsys.readouterr().err
        assert everything(home) == before


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("fakes/shuffle-0.tif", ["generate", "model.safetensors", *GENERATE]),
        ("new/report.html", ["measure", "real.tif", "-o", "new", *MEASURE]),
        ("new/results.json", ["measure", "real.tif", "-o", "new", *MEASURE]),
        ("new/profiles.csv", ["report", "real.tif", "fake.tif", "-o", "new", *MEASURE]),
        ("new/scalars.csv", ["report", "out/results.json", "-o", "new", "--quiet"]),
        ("other.json", ["rank", "real.tif", "fake.tif", "--json", "other.json", *RANK]),
        ("other.safetensors", ["fit", "shuffle", "real.tif", "-o", "other.safetensors", "--quiet"]),
    ],
)
def test_files_of_others_are_replaced_only_if_they_are_named(home, capsys, target, command):
    Path(target).parent.mkdir(exist_ok=True)
    if target.endswith(".tif"):
        tifffile.imwrite(target, np.zeros((3, 3, 3), np.uint8))
    else:
        Path(target).write_text("microchar did not write this")
    before = everything(home)
    assert main(command) == 2
    assert f"{target}: exists, and microchar did not write it" in capsys.readouterr().err
    assert everything(home) == before
    assert main([*command, "--overwrite", target]) == 0
    replaced = Path(target).read_bytes()
    assert replaced != before[home / target]
    assert main(command) == 0  # its own file


def test_other_tables_and_pages_are_not_taken_for_those_of_microchar(home):
    """Also if they speak of microchar, or are JSON and CSV files of another kind of microchar's."""
    others = {
        "report.html": "<!DOCTYPE html><html><head><title>Notes on microchar</title></head></html>",
        "results.json": '{\n "schema": "microchar.ranking/2"\n}',
        "scalars.csv": "volume,metric,value\n",
        "profiles.csv": "",
    }
    for name, text in others.items():
        folder = Path(f"of {name}")
        folder.mkdir()
        (folder / name).write_text(text)
        assert main(["measure", "real.tif", "-o", str(folder), *MEASURE]) == 2
        assert everything(folder) == {folder / name: text.encode()}


def test_the_folder_of_a_report_holds_the_files_of_one_run(home):
    Path("out/mine.txt").write_text("mine")
    Path("out/profiles.csv").write_text("my own")  # not as microchar wrote it
    assert main(["measure", "fake.tif", "-o", "out", "--format", "json", *MEASURE]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "mine.txt",
        "profiles.csv",
        "results.json",
        "study.toml",
    ]
    assert json.loads(Path("out/results.json").read_text())["volumes"][0]["name"] == "fake"


def test_rendering_anew_keeps_the_results_and_what_belongs_to_them(home):
    before = everything(home / "out")
    Path("out/report.html").unlink()
    assert main(["report", "out/results.json", "-o", "out", "--format", "html", "--quiet"]) == 0
    assert everything(home / "out") == before
    assert main(["report", "out/results.json", "-o", "out", "--quiet"]) == 0
    assert everything(home / "out") == before


def test_what_is_refused_is_refused_before_anything_is_measured(home, monkeypatch):
    Path("new").mkdir()
    Path("new/results.json").write_text("mine")
    for where in ("microchar.io.read_volume", "microchar.measurement.measuring.measure"):
        monkeypatch.setattr(where, lambda *arguments, **options: pytest.fail("too late"))
    assert main(["measure", "real.tif", "-o", "new", *MEASURE]) == 2
    assert main(["rank", "real.tif", "fake.tif", "--json", "new/results.json", *RANK]) == 2
    assert main(["fit", "shuffle", "real.tif", "-o", "new/results.json", "--quiet"]) == 2


def test_generated_files_of_other_seeds_stay(home):
    for seed in ("0", "3"):
        assert main(["generate", "model.safetensors", "--seed", seed, *GENERATE]) == 0
    assert sorted(os.listdir("fakes")) == ["shuffle-0.tif", "shuffle-3.tif"]
    assert read_volume("fakes/shuffle-0.tif").shape == (8, 8, 8)
