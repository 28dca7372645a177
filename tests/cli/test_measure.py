"""`microchar measure` from end to end: what it writes, what it refuses, its exit codes, its progress."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pandas as pd
import pytest
import tifffile

from microchar.cli.program import main
from microchar.measurement.record import Record

#: Runs the command line in a process that gets a signal in the middle of measuring: at its second metric.
_INTERRUPTED = """
import os, signal, sys
from microchar.cli import program as cli
from microchar.measurement import tasks
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it, as `nohup` does
section = tasks.section
begun = []
def section_until_signalled(*arguments):
    if begun:
        os.kill(os.getpid(), int(sys.argv[1]))
    begun.append(arguments)
    return section(*arguments)
tasks.section = section_until_signalled
sys.exit(cli.main(sys.argv[2:]))
"""


def test_measure_writes_one_volume(pair, run):
    assert (
        run("measure", str(pair / "real.tif"), "-o", str(pair / "out"), "--r-max", "4", "--metrics", "lineal_path") == 0
    )
    assert set(pd.read_csv(pair / "out" / "profiles.csv").volume) == {"real"}


def test_a_limit_of_memory_is_said_on_stderr_and_in_the_record(pair, capsys):
    out = pair / "out"
    given = ("measure", str(pair / "real.tif"), "-o", str(out), "--metrics", "volume_fraction,local_thickness")
    assert main([*given, "--max-memory", "1.5GB"]) == 0
    (said,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("memory limit"))
    assert said.startswith("memory limit 1.5 GB")
    assert "block by block: volume_fraction, local_thickness" in said
    assert said in Record.read(out / "results.json").notes
    assert main([*given, "--max-memory", "100MB"]) == 2
    with pytest.raises(SystemExit, match="2"):
        main([*given, "--max-memory", "2"])


def test_lengths_with_and_without_a_unit_are_rounded_alike(pair, run):
    lags = []
    for r_max in ("2.6", "2.6um"):
        options = ["--voxel-size", "1um", "--r-max", r_max, "--metrics", "lineal_path", "--format", "csv"]
        assert run("measure", str(pair / "real.tif"), "-o", str(pair / "out"), *options) == 0
        lags.append(sorted(set(pd.read_csv(pair / "out" / "profiles.csv").x)))
    assert lags == [[0, 1, 2, 3]] * 2


@pytest.mark.parametrize(("size", "area"), [("2voxel", "voxel^-1"), ("2um", "um^-1")])
def test_a_voxel_size_has_a_unit(pair, run, size, area):
    options = ["--voxel-size", size, "--metrics", "specific_surface_area", "--format", "csv"]
    assert run("measure", str(pair / "real.tif"), "-o", str(pair / "out"), *options) == 0
    assert set(pd.read_csv(pair / "out" / "scalars.csv").unit) == {area}


def test_formats(pair, run):
    arguments = ["measure", str(pair / "real.tif"), "-o", str(pair / "out"), "--metrics", "volume_fraction"]
    assert run(*arguments, "--format", "csv") == 0
    assert sorted(p.name for p in (pair / "out").iterdir()) == ["profiles.csv", "scalars.csv"]


def test_phases_are_named_with_a_colon_and_grey_values_are_no_names(pair, run, capsys):
    arguments = ["measure", str(pair / "real.tif"), "-o", str(pair / "out"), "--metrics", "volume_fraction"]
    assert run(*arguments, "--phases", "solid:255,pore:0") == 0
    table = pd.read_csv(pair / "out" / "scalars.csv")
    share = (tifffile.imread(pair / "real.tif") == 255).mean()
    assert table.set_index("phase").value.to_dict() == pytest.approx({"pore": 1 - share, "solid": share})
    assert run(*arguments, "--phases", "255,0") == 2
    assert "'255' would be the name of the grey value 0" in capsys.readouterr().err


def test_doubts_about_phases_stand_in_the_results(pair, run):
    image = tifffile.imread(pair / "real.tif")
    image[0, 0, :2] = 1, 254
    tifffile.imwrite(pair / "real.tif", image)
    assert run("measure", str(pair / "real.tif"), "-o", str(pair / "out"), "--metrics", "volume_fraction") == 0
    for file in ("results.json", "report.html"):
        assert "use threshold=127" in (pair / "out" / file).read_text(encoding="utf-8")


def test_options_of_effective_diffusivity(pair):
    arguments = ["measure", str(pair / "real.tif"), "-o", str(pair / "out"), "--phases", "pore=0,solid=255", "--quiet"]
    arguments += ["--metrics", "effective_diffusivity,tortuosity_factor"]
    assert main([*arguments, "--deff-axes", "z", "--deff-phases", "solid", "--deff-tolerance", "1e-5"]) == 0
    table = pd.read_csv(pair / "out" / "scalars.csv", keep_default_na=False)
    assert set(table.phase) == {"solid"}
    assert set(table.direction.astype(str)) == {"0"}
    (row,) = table[(table.metric == "effective_diffusivity") & (table.feature == "")].to_dict("records")
    assert 0 < float(row["upper"]) - float(row["lower"]) <= 1e-5 * float(row["value"])


def test_flow_asks_for_the_permeability(pair):
    arguments = ["measure", str(pair / "real.tif"), "-o", str(pair / "out"), "--phases", "pore=0,solid=255", "--quiet"]
    arguments += ["--metrics", "volume_fraction", "--flow", "pore,pore+solid", "--voxel-size", "2um"]
    assert main([*arguments, "--set", "permeability.sides=no-slip"]) == 0
    table = pd.read_csv(pair / "out" / "scalars.csv", keep_default_na=False)
    table = table[(table.metric == "permeability") & (table.estimator == "stokes")]
    assert set(table.phase) == {"pore", "pore+solid"}
    assert set(table.unit) == {"um^2", "m^2", "D", "mD"}
    assert len(table) == 2 * 3 * 4


@pytest.mark.parametrize("option", [["--deff-tolerance", "2"], ["--deff-axes", "3"]])
def test_bad_options_of_effective_diffusivity_exit_2(pair, option, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["measure", str(pair / "real.tif"), *option])
    assert stopped.value.code == 2
    assert "expected" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "{real}"], "expected a real and at least one fake"),
        (["report", "{real}", "{missing}"], "missing.tif"),
        (["measure", "{real}", "--metrics", "lineal_pth"], "did you mean 'lineal_path'"),
        (["measure", "{real}", "--r-max", "0", "--metrics", "lineal_path"], "r_max"),
        (["measure", "{real}", "--r-max", "99", "--metrics", "lineal_path"], "expected at most 13"),
        (["measure", "{real}", "--window", "99", "--metrics", "local_porosity"], "window"),
        (["measure", "{real}", "--phases", "pore=0"], "name every grey value"),
        (["measure", "{real}", "--phases", "pore=a"], "pore=0,solid=255"),
        (["measure", "{real}", "--crop", "0:99,0:4,0:4"], "crop"),
        (["measure", "{real}", "--voxel-size", "3parsec"], "parsec"),
        (["measure", "{real}", "--voxel-size", "-1um"], "voxel_size='-1um': expected lengths greater than 0"),
        (["measure", "{real}", "--voxel-size", "1,2um"], "expected one length or three for a 3D volume, found 2"),
        (["measure", "{real}", "--r-max", "-.5um"], "r_max"),
        (["measure", "{real}", "--periodic", "0", "--metrics", "lineal_path,glcm"], "glcm: not defined for periodic"),
        (["measure", "{real}", "--mask", "{real}", "--metrics", "effective_diffusivity"], "effective_diffusivity"),
        (
            ["measure", "{real}", "--label", "a", "--label", "b"],
            "--label: given 2 times for 1 volumes (b has no volume)",
        ),
        (["measure", "{real}", "--metrics", "ssim"], "ssim: measured on two volumes, found one"),
        (["measure", "{real}", "--metrics", ""], "found none"),
    ],
)
def test_bad_input_exits_2_says_what_to_do_and_writes_nothing(pair, capsys, arguments, message):
    paths = {"real": str(pair / "real.tif"), "missing": str(pair / "missing.tif")}
    out = pair / "out"
    assert main([*(a.format(**paths) for a in arguments), "-o", str(out), "--quiet"]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    "option",
    [
        ["--periodic", "w"],
        ["--threads", "0"],
        ["--format", "pdf"],
        ["--shape", "a,b"],
        ["--voxel-size", "3"],
        ["--voxel-size", "1,1,2"],
        ["--resample", "2"],
    ],
)
def test_bad_usage_exits_2(pair, option, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["measure", str(pair / "real.tif"), *option])
    assert stopped.value.code == 2
    assert "expected" in capsys.readouterr().err


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that even root cannot write into")
def test_unwritable_folder_is_refused_before_measuring(pair, capsys):
    assert main(["measure", str(pair / "real.tif"), "-o", "/proc/self/out"]) == 2
    assert "/proc/self" in capsys.readouterr().err


def test_output_that_is_a_file_is_refused(pair, capsys):
    (pair / "out").write_text("mine")
    assert main(["measure", str(pair / "real.tif"), "-o", str(pair / "out")]) == 2
    assert "out" in capsys.readouterr().err
    assert (pair / "out").read_text() == "mine"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_the_old_output(pair, number):
    out = pair / "out"
    command = ["measure", str(pair / "real.tif"), "-o", str(out), "--quiet", "--metrics"]
    main([*command, "volume_fraction"])
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    files = sorted(path.name for path in pair.iterdir())
    interrupted = [sys.executable, "-c", _INTERRUPTED, str(int(number)), *command, "volume_fraction,glcm"]
    process = subprocess.run(interrupted, capture_output=True, text=True, timeout=120, check=False)
    assert process.returncode == 1
    assert "interrupted" in process.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert sorted(path.name for path in pair.iterdir()) == files


def test_no_progress_when_stderr_is_no_terminal(pair, capsys):
    arguments = ["measure", str(pair / "real.tif"), "-o", str(pair / "out"), "--metrics", "volume_fraction"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert "\r" not in captured.err
    assert "report.html" in captured.out


def test_progress_on_a_terminal_names_what_is_measured(pair, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    arguments = ["measure", str(pair / "real.tif"), "-o", str(pair / "out"), "--metrics", "volume_fraction,lineal_path"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    lines = captured.err.split("\r\x1b[2K")
    assert any("real: lineal path" in line for line in lines)
    assert lines[-1] == ""  # the line is cleared at the end
    assert "\x1b" not in captured.out
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_the_first_run_says_that_it_compiles(pair, capsys, monkeypatch):
    arguments = ["measure", str(pair / "real.tif"), "-o", str(pair / "out"), "--metrics", "volume_fraction"]
    for compiled in (False, True):
        monkeypatch.setattr("microchar.kernels.are_compiled", lambda compiled=compiled: compiled)
        assert main(arguments) == 0
        assert ("compiling the kernels" in capsys.readouterr().err) is not compiled


@pytest.fixture
def several(pair):
    """Give the paths of three volumes, two of one name."""
    (pair / "more").mkdir()
    shutil.copy(pair / "fake.tif", pair / "more" / "real.tif")
    return [str(pair / "real.tif"), str(pair / "more" / "real.tif"), str(pair / "fake.tif")]


def test_several_volumes_are_rows_of_one_table(several, pair, run):
    ask = ["--metrics", "volume_fraction,lineal_path", "--r-max", "4", "--voxel-size", "2um"]
    assert run("measure", *several, "-o", str(pair / "out"), *ask) == 0
    assert sorted(path.name for path in (pair / "out").iterdir()) == [
        *("profiles.csv", "results.json", "scalars.csv", "study.toml"),
    ]
    names = ["real", "real (2)", "fake"]
    table = pd.read_csv(pair / "out" / "scalars.csv").query("phase == 255").set_index("volume").value
    assert table.index.tolist() == names
    for name, path in zip(names, several, strict=True):
        assert table[name] == pytest.approx((tifffile.imread(path) == 255).mean())
    record = Record.read(pair / "out" / "results.json")
    assert [(volume.name, volume.path, volume.role) for volume in record.volumes] == [
        (name, path, "measured") for name, path in zip(names, several, strict=True)
    ]
    alone = pair / "alone"
    assert run("measure", several[2], "-o", str(alone), *ask) == 0
    (alone,) = (named.result.to_dict() for named in Record.read(alone / "results.json").results[:1])
    (last,) = (named.result.to_dict() for named in record.results if named.volume == "fake" and named.result.values)
    assert alone == last


@pytest.mark.filterwarnings("always")
def test_a_volume_that_cannot_be_measured_is_left_out(several, pair, run, capsys):
    several[1] = str(pair / "missing.tif")
    ask = ["measure", *several, "-o", str(pair / "out"), "--metrics", "volume_fraction"]
    assert run(*ask) == 1
    assert "missing.tif is left out: " in capsys.readouterr().err
    assert [volume.name for volume in Record.read(pair / "out" / "results.json").volumes] == ["real", "fake"]


@pytest.mark.filterwarnings("always")
def test_the_first_failure_stops_if_asked_to_and_if_nothing_is_left(several, pair, run, capsys):
    several[1] = str(pair / "missing.tif")
    ask = ["-o", str(pair / "out"), "--metrics", "volume_fraction"]
    assert run("measure", *several, *ask, "--fail-fast") == 2
    assert run("measure", several[1], several[1], *ask) == 2
    assert "missing.tif: no such file" in capsys.readouterr().err
    assert not (pair / "out").exists()


def test_several_volumes_have_no_page(several, run, capsys):
    assert run("measure", *several, "--format", "html,csv") == 2
    assert "--format html: the page shows one volume or a comparison" in capsys.readouterr().err
    assert run("measure", *several, "--open") == 2
    assert "--open: there is no page of several volumes" in capsys.readouterr().err
