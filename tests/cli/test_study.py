"""Study files: a report can be repeated from the file beside it; the command line goes before the file."""

from __future__ import annotations

import json
import shlex
import shutil

import pytest

import microchar as mc
from microchar.cli._study import fill, study_arguments, study_text
from microchar.cli.program import _parser, main
from microchar.measurement.record import Record

FAST = ["--metrics", "volume_fraction,lineal_path", "--r-max", "4"]

pytestmark = pytest.mark.property


@pytest.fixture
def home(pair, monkeypatch):
    """Work in a folder with real.tif, fake.tif and two samples in fakes/."""
    monkeypatch.chdir(pair)
    (pair / "fakes").mkdir()
    for name in ("a", "b"):
        shutil.copy("fake.tif", f"fakes/{name}.tif")
    return pair


def _results(folder):
    plain = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert plain.pop("provenance")["command"]
    return plain


def test_a_report_is_repeated_from_the_file_beside_it(home, run, monkeypatch):
    options = ["--group", "ours=fakes/*.tif", "--set", "lineal_path.r_max=3", "--margin", "volume_fraction=5%"]
    assert run("report", "real.tif", "fake.tif", "-o", "out", *FAST, *options, "--phases", "pore=0,solid=255") == 0
    first = _results(home / "out")
    (home / "elsewhere").mkdir()
    monkeypatch.chdir(home / "elsewhere")
    assert run("report", "--config", "../out/study.toml", "-o", "again") == 0
    again = _results(home / "elsewhere" / "again")
    for volume in (*first["volumes"], *again["volumes"]):
        volume["path"] = volume["path"].rpartition("/")[2]
    assert again == first
    assert run("measure", "--config", str(home / "out" / "study.toml"), "--format", "csv") == 2  # a key of report only


def test_without_an_output_the_report_is_written_beside_its_file(home, run):
    assert run("measure", "real.tif", "-o", "out", *FAST) == 0
    before = (home / "out" / "study.toml").read_bytes()
    (home / "out" / "scalars.csv").unlink()
    assert run("measure", "--config", "out/study.toml") == 0
    assert (home / "out" / "scalars.csv").is_file()
    assert (home / "out" / "study.toml").read_bytes() == before
    assert not (home / "microchar-out").exists()


def test_the_command_line_goes_before_the_file(home, run):
    (home / "study.toml").write_text(
        'volumes = ["real.tif", "missing.tif"]\nlabel = ["one", "two"]\nmetrics = ["glcm"]\nr-max = 5\noutput = "out"\n'
    )
    assert run("report", "--config", "study.toml", "real.tif", "fake.tif", "--label", "R", *FAST) == 0
    record = Record.read(home / "out" / "results.json")
    assert [volume.name for volume in record.volumes] == ["R", "fake"]
    assert record.settings == {"metrics": ["volume_fraction", "lineal_path"], "r_max": 4}


def test_a_file_may_be_written_as_toml_is(home, run):
    (home / "study.toml").write_text(
        """
        volumes = ["real.tif", "fake.tif"]
        voxel-size = "2um"
        metrics = ["volume_fraction", "effective_diffusivity"]
        deff-axes = [0]
        no-errors = true
        quiet = false
        threads = 2
        output = "out"
        phases = {pore = 0, solid = 255}
        set.effective_diffusivity = {tolerance = 0.1, conducting = ["solid"]}
        """
    )
    assert run("report", "--config", "study.toml") == 0
    record = Record.read(home / "out" / "results.json")
    assert [phase.name for phase in record.volumes[0].phases] == ["pore", "solid"]
    expected = {"axes": [0], "tolerance": 0.1, "conducting": ["solid"]}
    assert record.settings["parameters"]["effective_diffusivity"] == expected
    assert record.verdicts == ()


@pytest.mark.parametrize(
    "words",
    [
        "measure a.tif --voxel-size 1,1,2um --crop 0:4,:,2: --periodic z,x --rve 5%",
        "measure a.tif /b.tif --r-max 3,4,5um --window=-2um --outside=-1 --fail-fast",
        "measure a.tif --mask=- --mask m.tif --shape 4,4,4 --dtype '>u2' --offset 8 --phases pore:0",
        r"""measure 'quo"te\.tif' --label 'φ [1]' --threshold otsu --format json --skip glcm,ssim --set glcm.x=-1""",
        "report r.tif f.tif --group 'a b=x/*.tif' --group c=berea --real 's/*.tif' --transport --samples 3",
        "report r.tif f.tif --margin glcm=0.01 --fail-on too-small --deff-tolerance 1e-5 --deff-phases a,b",
    ],
)
def test_what_is_written_is_read_as_the_same(tmp_path, monkeypatch, words):
    def parsed(*arguments):
        parser, commands, _ = _parser()
        command = commands[arguments[0]]
        study = study_arguments(command, arguments)
        options = parser.parse_args(arguments)
        fill(options, study)
        return command, options

    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    command, options = parsed(*shlex.split(words), "-o", "out")
    (tmp_path / "out" / "study.toml").write_bytes(study_text(command, options))
    _, again = parsed(words.split()[0], "--config", "out/study.toml")
    assert vars(again) | {"config": None, "run": options.run} == vars(options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("voxelsize = '2um'", "study.toml: unknown key 'voxelsize'; did you mean 'voxel-size'?"),
        ("config = 'other.toml'", "study.toml: unknown key 'config'"),
        ("voxel-size = 2", "study.toml: voxel-size: found '2', expected a length with a unit"),
        ("threads = 1.5", "study.toml: threads: found '1.5', expected a whole number"),
        ("no-errors = 1", "study.toml: no-errors = 1: expected true or false"),
        ("fail-on = 'bad'", "study.toml: fail-on: found 'bad', expected one of different, detectable, too-small"),
        ("metrics = [2024-01-01]", "study.toml: metrics: found 2024-01-01, expected text or numbers"),
        ("metrics = [", "--config study.toml: not a TOML file"),
        ("metrics = ['lineal_pth']", "did you mean 'lineal_path'"),
        ("volumes = []", "study.toml: volumes: found an empty list, expected one or more"),
        ("volumes = ['real.tif']", "found one volume (real.tif), expected a real and at least one fake"),
    ],
)
def test_what_is_refused(home, capsys, text, message):
    volumes = "" if text.startswith("volumes") else "volumes = ['real.tif', 'fake.tif']\n"
    (home / "study.toml").write_text(volumes + text)
    assert main(["report", "--config", "study.toml", "-o", "out"]) == 2
    assert message in capsys.readouterr().err
    assert not (home / "out").exists()


def test_a_missing_file_and_missing_volumes_are_refused(home, capsys):
    assert main(["report", "--config", "none.toml"]) == 2
    assert "--config none.toml: cannot be read" in capsys.readouterr().err
    (home / "study.toml").write_text("r-max = 4\n")
    with pytest.raises(SystemExit) as stopped:
        main(["report", "--config", "study.toml"])
    assert stopped.value.code == 2
    assert "required: VOLUME" in capsys.readouterr().err


def test_a_ranking_takes_a_file(home, run):
    (home / "study.toml").write_text(
        """
        real = "real.tif"
        candidates = ["fakes/", "overlapping-spheres"]
        shape = [7, 8, 9]
        n = 2
        metrics = ["volume_fraction"]
        json = "found.json"
        """
    )
    assert run("rank", "--config", "study.toml", "-n", "1") == 0
    found = json.loads((home / "found.json").read_text())
    assert {one["name"]: one["samples"] for one in found["candidates"]}["overlapping-spheres"] == 1
    assert {one["name"] for one in found["candidates"]} == {"fakes", "overlapping-spheres"}
    assert found["held_out"]["shape"] == [7, 8, 9]


def test_a_file_of_the_user_is_never_replaced(home, run, capsys):
    (home / "out").mkdir()
    mine = b'# mine\nvolumes = ["../real.tif"]\noutput = "."\n'
    (home / "out" / "study.toml").write_bytes(mine)
    assert run("measure", "--config", "out/study.toml", *FAST) == 0
    assert run("measure", "fake.tif", "-o", "out", *FAST) == 2
    assert "study.toml: exists, and microchar did not write it" in capsys.readouterr().err
    assert (home / "out" / "study.toml").read_bytes() == mine


def test_an_edited_file_belongs_to_the_user(home, run, capsys):
    assert run("measure", "real.tif", "-o", "out", *FAST) == 0
    study = home / "out" / "study.toml"
    study.write_bytes(study.read_bytes() + b"# mine\n")
    assert run("measure", "fake.tif", "-o", "out", *FAST) == 2
    assert "study.toml: exists, and microchar did not write it" in capsys.readouterr().err
    assert study.read_bytes().endswith(b"# mine\n")


def test_a_file_that_was_not_edited_follows_the_command_line(home, run):
    assert run("measure", "real.tif", "-o", "out", *FAST) == 0
    assert run("measure", "--config", "out/study.toml", "--r-max", "3") == 0
    assert "r-max = 3" in (home / "out" / "study.toml").read_text()


def test_the_file_goes_with_its_results(home, run):
    assert run("measure", "real.tif", "-o", "out", *FAST) == 0
    before = (home / "out" / "study.toml").read_bytes()
    assert run("report", "out/results.json", "-o", "out") == 0  # the same results
    assert (home / "out" / "study.toml").read_bytes() == before
    mc.write_report(mc.measure([[0, 1], [1, 1]], ["volume_fraction"]), "out")  # others, from the library
    assert not (home / "out" / "study.toml").exists()
