"""The command line from end to end: what it writes, what it refuses, and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tifffile

import microchar as mc
from microchar.cli.program import main
from microchar.metrics import metric_names

QUICK = ["--metrics", "volume_fraction,lineal_path,ssim", "--r-max", "4"]


@pytest.fixture
def pair(tmp_path):
    rng = np.random.default_rng(0)
    for name, share in (("real", 0.4), ("fake", 0.5)):
        tifffile.imwrite(tmp_path / f"{name}.tif", (rng.random((14, 16, 18)) < share).astype(np.uint8) * 255)
    return tmp_path


def run(folder, *arguments):
    return main([*arguments, "--quiet"]) if arguments[0] != "metrics" else main(list(arguments))


def test_report_writes_page_json_and_tables(pair):
    out = pair / "out"
    arguments = ["report", str(pair / "real.tif"), str(pair / "fake.tif"), "-o", str(out), *QUICK]
    assert run(pair, *arguments, "--phases", "pore=0,solid=255", "--voxel-size", "2um") == 0
    assert sorted(p.name for p in out.iterdir()) == ["profiles.csv", "report.html", "results.json", "scalars.csv"]
    results = json.loads((out / "results.json").read_text())
    assert results["provenance"]["command"].startswith("microchar report ")
    assert [v["name"] for v in results["volumes"]] == ["real", "fake"]
    table = pd.read_csv(out / "scalars.csv", keep_default_na=False)
    assert list(table.columns) == [
        *("volume", "reference", "metric", "feature", "phase", "direction", "estimator"),
        *("value", "unit", "lower", "upper", "standard_error", "status"),
    ]
    real = tifffile.imread(pair / "real.tif")
    row = table[(table.volume == "real") & (table.metric == "volume_fraction") & (table.phase == "pore")]
    assert float(row["value"].item()) == (real == 0).mean()
    assert set(table[table.metric == "ssim"].reference) == {"real"}
    profiles = pd.read_csv(out / "profiles.csv", keep_default_na=False)
    assert set(profiles.x_unit) == {"um"}
    assert profiles[
        (profiles.direction == "0") & (profiles.phase == "pore") & (profiles.volume == "fake")
    ].x.tolist() == [
        0,
        2,
        4,
        6,
        8,
    ]


def test_report_renders_again_from_json(pair):
    run(pair, "report", str(pair / "real.tif"), str(pair / "fake.tif"), "-o", str(pair / "a"), *QUICK)
    assert run(pair, "report", str(pair / "a" / "results.json"), "-o", str(pair / "b")) == 0
    for name in ("report.html", "scalars.csv", "profiles.csv", "results.json"):
        assert (pair / "a" / name).read_bytes() == (pair / "b" / name).read_bytes()


def test_measure_writes_one_volume(pair):
    assert (
        run(pair, "measure", str(pair / "real.tif"), "-o", str(pair / "out"), *QUICK[2:], "--metrics", "lineal_path")
        == 0
    )
    assert set(pd.read_csv(pair / "out" / "profiles.csv").volume) == {"real"}


@pytest.mark.parametrize("name", metric_names())
def test_every_metric_is_selectable_by_itself(pair, name):
    arguments = ["report", str(pair / "real.tif"), str(pair / "fake.tif"), "-o", str(pair / "out")]
    assert run(pair, *arguments, "--metrics", name, "--r-max", "4", "--window", "4", "--format", "json") == 0
    results = json.loads((pair / "out" / "results.json").read_text())
    assert {result["metric"] for result in results["results"]} == {name}


def test_formats(pair):
    arguments = ["measure", str(pair / "real.tif"), "-o", str(pair / "out"), "--metrics", "volume_fraction"]
    assert run(pair, *arguments, "--format", "csv") == 0
    assert sorted(p.name for p in (pair / "out").iterdir()) == ["profiles.csv", "scalars.csv"]


def test_labels_name_the_volumes(pair):
    files = [str(pair / "real.tif"), str(pair / "fake.tif")]
    assert run(pair, "report", *files, "-o", str(pair / "out"), *QUICK, "--label", "rock", "--label", "rock") == 0
    assert {"rock", "rock (2)"} <= set(pd.read_csv(pair / "out" / "scalars.csv").volume)


def test_masks_grey_images_and_crops_go_by_volume(pair):
    """The real volume has a mask, the fake one a grey image; both are cropped."""
    rng = np.random.default_rng(1)
    mask = (rng.random((14, 16, 18)) < 0.7).astype(np.uint8)
    np.save(pair / "mask.npy", mask)
    np.save(pair / "grey.npy", rng.integers(0, 256, (14, 16, 18)).astype(np.uint8))
    files = [str(pair / f"{name}.tif") for name in ("real", "fake")]
    options = ["--mask", str(pair / "mask.npy"), "--grey", "-", "--grey", str(pair / "grey.npy"), "--crop", "z=2:12"]
    arguments = ["report", *files, "-o", str(pair / "out"), *options]
    assert run(pair, *arguments, "--metrics", "volume_fraction,glcm", "--format", "json") == 0
    results = json.loads((pair / "out" / "results.json").read_text())
    real, fake = results["volumes"]
    assert (real["shape"], real["masked"], fake["masked"]) == ([10, 16, 18], True, False)
    assert [bool(volume["mask_sha256"]) for volume in (real, fake)] == [True, False]
    assert [volume["grey"] for volume in (real, fake)] == ["", str(pair / "grey.npy")]
    values = tifffile.imread(pair / "real.tif")[2:12]
    fraction = results["results"][0]["values"][0]
    assert fraction["value"] == (values[mask[2:12] == 1] == 0).mean()
    levels = {r["volume"]: r["convention"]["grey levels"] for r in results["results"] if r["metric"] == "glcm"}
    assert levels["real"] != levels["fake"]


def test_a_volume_of_one_phase_is_reported_with_statuses(pair):
    np.save(pair / "solid.npy", np.full((9, 10, 11), 255, np.uint8))
    out = pair / "out"
    files = [str(pair / "real.tif"), str(pair / "solid.npy")]
    arguments = ["report", *files, "--phases", "pore=0,solid=255", "-o", str(out), "--skip", "local_thickness"]
    assert run(pair, *arguments) == 0
    table = pd.read_csv(out / "scalars.csv", keep_default_na=False)
    table = table[(table.volume == "solid") & (table.phase == "pore")]
    assert (table[table.metric == "volume_fraction"]["value"].astype(float) == 0).all()
    tortuosity = table[(table.metric == "tortuosity_factor") & (table.feature != "percolating_volume_fraction")]
    assert set(tortuosity.status) == {"absent_phase"}
    assert set(table[table["value"] == ""].status) <= {"absent_phase", "undefined"}
    assert "nan" not in (out / "scalars.csv").read_text()
    # By itself it has but one phase.
    assert run(pair, "measure", str(pair / "solid.npy"), "-o", str(out), "--skip", "local_thickness") == 0
    table = pd.read_csv(out / "scalars.csv", keep_default_na=False)
    assert table[table.metric == "interfacial_area"].status.tolist() == ["not_applicable"]


def test_metrics_lists_every_id(capsys):
    assert main(["metrics"]) == 0
    printed = capsys.readouterr().out
    for name in metric_names():
        assert name in printed


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
        (["measure", "{real}", "--mask", "{real}", "--metrics", "effective_diffusivity"], "effective_diffusivity"),
        (
            ["measure", "{real}", "--label", "a", "--label", "b"],
            "--label: given 2 times for 1 volumes (b is left over)",
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


def test_options_of_effective_diffusivity(pair):
    arguments = ["measure", str(pair / "real.tif"), "-o", str(pair / "out"), "--phases", "pore=0,solid=255", "--quiet"]
    arguments += ["--metrics", "effective_diffusivity,tortuosity_factor"]
    assert main([*arguments, "--deff-axes", "z", "--deff-phases", "solid", "--deff-tolerance", "1e-5"]) == 0
    table = pd.read_csv(pair / "out" / "scalars.csv", keep_default_na=False)
    assert set(table.phase) == {"solid"}
    assert set(table.direction.astype(str)) == {"0"}
    (row,) = table[(table.metric == "effective_diffusivity") & (table.feature == "")].to_dict("records")
    assert 0 < float(row["upper"]) - float(row["lower"]) <= 1e-5 * float(row["value"])


@pytest.mark.parametrize("option", [["--deff-tolerance", "2"], ["--deff-axes", "3"]])
def test_bad_options_of_effective_diffusivity_exit_2(pair, option, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["measure", str(pair / "real.tif"), *option])
    assert stopped.value.code == 2
    assert "expected" in capsys.readouterr().err


def test_interval_is_told_while_it_narrows():
    seen = []
    labels = (np.random.default_rng(0).random((12, 12, 12)) < 0.3).astype(np.uint8)
    mc.measure(labels, ["effective_diffusivity"], progress=lambda fraction, text: seen.append(text))
    assert any("effective diffusivity " in text and " to " in text for text in seen)


def test_options_of_measuring_are_refused_where_nothing_is_measured(pair, capsys):
    run(pair, "report", str(pair / "real.tif"), str(pair / "fake.tif"), "-o", str(pair / "a"), *QUICK)
    assert run(pair, "report", str(pair / "a" / "results.json"), "-o", str(pair / "b"), "--r-max", "9") == 2
    assert "--r-max cannot change results" in capsys.readouterr().err
    assert not (pair / "b").exists()


def test_mask_of_one_volume_only_is_said(pair):
    mask = np.ones((14, 16, 18), np.uint8)
    mask[:4] = 0
    np.save(pair / "mask.npy", mask)
    files = [str(pair / "real.tif"), str(pair / "fake.tif")]
    arguments = ["report", *files, "-o", str(pair / "out"), "--mask", str(pair / "mask.npy")]
    assert run(pair, *arguments, "--metrics", "volume_fraction", "--format", "json") == 0
    results = json.loads((pair / "out" / "results.json").read_text())
    assert any("mask was given for real only" in note for note in results["notes"])
    assert results["settings"]["metrics"] == ["volume_fraction"]
