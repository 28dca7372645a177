"""`microchar measure --resume`: a run that was killed goes on, and counts no finished block twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from microchar.cli.program import main

pytestmark = pytest.mark.property

METRICS = "volume_fraction,lineal_path,euler_characteristic"
#: Runs a command, in small blocks, slowly, and writes down what is counted.
SLOWLY = """
import sys, time
from microchar.cli.program import main
from microchar.measurement import cells, counting
log, *arguments = sys.argv[1:]
count = counting.count_batch

def count_slowly(metric, in_cells, blocks):
    blocks = list(blocks)
    with open(log, "a") as file:
        print(metric.id, blocks[0].start, blocks[0].axis, file=file)
    time.sleep(0.05)
    return count(metric, in_cells, blocks)

counting.count_batch, cells.BOX_EDGE = count_slowly, 16
sys.exit(main(arguments))
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Give a folder with a Zarr store."""
    zarr = pytest.importorskip("zarr")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    values = (np.random.default_rng(0).random((40, 40, 40)) < 0.5).astype(np.uint8)
    zarr.create_array("volume.zarr", data=values, chunks=(16, 16, 16))
    return tmp_path


def slowly(log, *more, **how):
    command = ["measure", "volume.zarr", "--metrics", METRICS, "--threads", "1", "--on-disk", "--format", "json"]
    return subprocess.Popen([sys.executable, "-c", SLOWLY, log, *command, "--quiet", *more], **how)


def counted(log):
    """Return what was counted, in its order, by metric."""
    found = {}
    for line in log.read_text().splitlines():
        metric, _, where = line.partition(" ")
        found.setdefault(metric, []).append(where)
    return found


def values(path):
    return [each["values"] for each in json.loads(path.read_text())["results"]]


def stopped(home, number, batches, **how):
    """Send a signal to a run as soon as it has kept the counts of some batches."""
    process = slowly("stopped.log", **how)
    partial = home / "microchar-out.partial"
    while process.poll() is None and len(list(partial.glob("*.npz"))) < batches:
        time.sleep(0.01)
    os.kill(process.pid, number)
    return process


def interrupted(home, batches=9):
    """Kill a run that has kept the counts of some batches, and return their files."""
    assert stopped(home, signal.SIGKILL, batches).wait() == -signal.SIGKILL
    return sorted((home / "microchar-out.partial").glob("*.npz"))


def test_a_killed_run_goes_on_and_counts_no_finished_block_twice(home):
    kept = interrupted(home)
    assert slowly("resumed.log", "--resume").wait() == 0
    assert not (home / "microchar-out.partial").exists()
    assert slowly("whole.log", "-o", "whole").wait() == 0
    assert values(home / "microchar-out" / "results.json") == values(home / "whole" / "results.json")
    resumed, whole = counted(home / "resumed.log"), counted(home / "whole.log")
    finished = {
        (name.rpartition("-")[0].partition("-")[0], int(name.rpartition("-")[2])) for name in (p.stem for p in kept)
    }
    for metric, regions in whole.items():
        missing = [region for number, region in enumerate(regions) if (metric, number) not in finished]
        assert resumed.get(metric, []) == missing
    assert len(finished) >= 9


def test_the_message_of_an_interruption_names_the_counts_and_how_to_go_on(home):
    process = stopped(home, signal.SIGTERM, 3, stderr=subprocess.PIPE, text=True)
    expected = "interrupted; microchar-out.partial holds the counts, continue with the same command and --resume"
    assert expected in process.communicate()[1]
    assert process.returncode == 1


def test_a_run_that_fails_before_anything_is_counted_leaves_no_folder(home, capsys):
    options = ["measure", "volume.zarr", "--on-disk", "--metrics", "effective_diffusivity", "--deff-phases", "water"]
    assert main([*options, "--quiet"]) == 2
    assert "water" in capsys.readouterr().err
    assert [path.name for path in home.iterdir()] == ["volume.zarr"]


def test_counts_of_a_report_in_the_working_folder_are_kept_in_it(home, monkeypatch):
    (home / "here").mkdir()
    monkeypatch.chdir(home / "here")
    options = ["measure", "../volume.zarr", "-o", ".", "--format", "json", "--quiet", "--metrics", "volume_fraction"]
    assert main([*options, "--on-disk"]) == 0
    assert sorted(path.name for path in (home / "here").iterdir()) == ["results.json", "study.toml"]


def test_a_folder_of_the_user_is_taken_for_no_measurement(home, capsys):
    mine = home / "microchar-out.partial" / "mine"
    mine.parent.mkdir()
    mine.touch()
    for more in ([], ["--resume"]):
        assert main(["measure", "volume.zarr", "--on-disk", "--quiet", "--metrics", METRICS, *more]) == 2
        assert "exists and holds no measurement to resume; choose another output" in capsys.readouterr().err
    assert mine.exists()


def test_the_resumption_of_another_request_is_refused(home, capsys):
    zarr = pytest.importorskip("zarr")
    interrupted(home, 1)
    options = ["measure", "volume.zarr", "--on-disk", "--metrics", METRICS, "--format", "json", "--quiet"]

    def refusal(*arguments):
        assert main([*options, *arguments]) == 2
        return capsys.readouterr().err

    assert "interrupted; go on with resume=True (--resume)" in refusal()
    assert "holds the counts of another request (settings r_max: None, now" in refusal("--resume", "--r-max", "3")
    assert "another request (settings errors: True, now False)" in refusal("--resume", "--no-errors")
    assert "another request (volume" in refusal("--resume", "--phases", "a=0,b=1")
    request = home / "microchar-out.partial" / "request.json"
    written = request.read_text()
    request.write_text(written.replace('"microchar": "', '"microchar": "0.'))
    assert "another request (microchar: '0." in refusal("--resume")
    request.write_text("damaged")
    assert "request.json: cannot be read" in refusal("--resume")
    request.write_text(written)
    (file, *_) = request.parent.glob("*.npz")
    for damaged in (b"damaged", b""):
        file.write_bytes(damaged)
        assert f"{file.name}: is damaged" in refusal("--resume")
    zarr.open("volume.zarr", mode="r+")[0, 0, 0] = 7
    assert "another request (volume" in refusal("--resume")
    assert "--resume: found no counts in other.partial" in refusal("--resume", "-o", "other")
