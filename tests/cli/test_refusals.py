"""Values that no option takes: each is refused with exit code 2 and one line that names it."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from microchar.cli.program import main

pytestmark = pytest.mark.property

LONG = "9" * 5000
MEASURE = ["measure", "a.tif", "--metrics", "volume_fraction"]
SPHERES = ["generate", "overlapping-spheres", "--shape", "8,8,8"]
FIELD = ["generate", "gaussian-field", "--shape", "8,8,8"]
RAW = ["measure", "c.raw", "--dtype", "uint8", "--shape"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = (np.random.default_rng(0).random((6, 7, 8)) < 0.4).astype(np.uint8)
    tifffile.imwrite("a.tif", image, photometric="minisblack")
    image.tofile("c.raw")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["report", "a.tif", "--resume"], "`microchar report --help` lists what is accepted"),
        ([*MEASURE, "--crop", "+:,:,:"], "crop="),
        ([*MEASURE, "--crop", "z=-:5"], "crop="),
        ([*MEASURE, "--crop", f"{LONG}:,:,:"], "crop="),
        ([*MEASURE, "--crop", "²:,:,:"], "crop="),
        ([*MEASURE, "--voxel-size", "1e-20m"], "voxel_size='1e-20m'"),
        ([*MEASURE, "--voxel-size", "1e300um"], "voxel_size='1e300um'"),
        ([*MEASURE, "--voxel-size", f"{LONG}um"], "as a length"),
        ([*MEASURE, "--phases", f"a={LONG},b=1"], "phases="),
        ([*MEASURE, "--outside", LONG], "--outside"),
        ([*MEASURE, "--threads", LONG], "--threads"),
        ([*MEASURE, "--threads", "²"], "--threads"),
        ([*MEASURE, "--r-max", LONG], "--r-max"),
        ([*MEASURE, "--r-max", "--5"], "--r-max"),
        (["measure", "a.tif", "--metrics", "effective_diffusivity", "--deff-tolerance", "1e-300"], "tolerance=1e-300"),
        ([*MEASURE, "--set", "effective_diffusivity.tolerance=nan"], "tolerance=nan"),
        ([*MEASURE, "--format", "\x1b[31mhtml"], r"\x1b[31mhtml"),
        ([*RAW, "99999999999999999999,8,8"], "--shape"),
        ([*RAW, f"{LONG},8,8"], "--shape"),
        ([*RAW, "6,7,8", "--offset", LONG], "--offset"),
        ([*RAW, "6,7,8", "--dtype", "1;2"], "dtype='1;2'"),
        ([*SPHERES, "--radius", "inf"], "radius=inf"),
        ([*SPHERES, "--radius", "1e300"], "radius=1e+300"),
        ([*SPHERES, "-n", "99999999999"], "-n"),
        ([*SPHERES, "--seed", LONG], "--seed"),
        ([*SPHERES, "--seed=--"], "--seed=--"),
        ([*SPHERES, "--set", "name=x"], "no parameter 'name'"),
        ([*FIELD, "--correlation-length", "nan"], "correlation_length=nan"),
        ([*FIELD, "--correlation-length", "1,nan,1"], "correlation_length="),
        (["generate", "overlapping-spheres", "--shape", "99999999999999999999,8,8"], "--shape"),
        (["generate", "gaussian-field", "--shape", "999999999,999999999,8"], "shape="),
        (["generate", "overlapping-spheres", "--shape", "999999999,999999999,8"], "make room or choose another folder"),
        ([*SPHERES, "--executor", "processes:2"], "--executor: tiles are made into a Zarr store only"),
        ([*SPHERES, "--tile", "4"], "--tile: tiles are made into a Zarr store only"),
        ([*SPHERES, "-n", "2", "-o", "a.zarr"], "-n 2: a Zarr store holds one volume"),
        ([*SPHERES, "-o", "a.zarr", "--executor", "mpi"], "executor='mpi'"),
        ([*SPHERES, "-o", "a.zarr", "--resume"], "holds no volume to resume"),
        (
            ["generate", "gaussian-field", "--shape", "32,32,32", "-o", "a.zarr"],
            "Fourier transforms of the whole volume",
        ),
        (["fit", "bootstrap", "a.tif", "--block", LONG], "block="),
        (["rank", "a.tif", "a.tif", "--shape", f"{LONG},2,2"], "--shape"),
        (["unknown\ncommand"], r"unknown\ncommand"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_in_one_line(words, named, capfd):
    try:
        code = main(words)
    except SystemExit as stop:
        code = stop.code
    (line,) = capfd.readouterr().err.splitlines()
    assert code == 2
    assert line.startswith("microchar")
    assert named in line
    assert line.isprintable()
    assert len(line) < 4000


def test_what_libraries_log_about_a_file_is_not_shown(home, capfd):
    content = bytearray((home / "a.tif").read_bytes())
    content[40:60] = bytes(20)
    (home / "a.tif").write_bytes(content)
    assert main(MEASURE) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("microchar: a.tif: ")
