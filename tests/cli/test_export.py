"""``microchar export`` from end to end: volumes and surfaces, what it refuses, and what it never replaces."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import tifffile

import microchar as mc
from conftest import ROOT
from microchar.cli.program import main
from surfaces.closed import assert_closed

pytestmark = pytest.mark.property

PAGE = (ROOT / "docs" / "generators" / "printing.rst").read_text(encoding="utf-8")


@pytest.fixture
def labels(tmp_path, monkeypatch):
    """Give the grey values of rock.tif in the current folder, and a mask beside it."""
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).integers(0, 3, (6, 7, 8)).astype(np.uint8) * 100
    tifffile.imwrite("rock.tif", values)
    mask = np.ones(values.shape, np.uint8)
    mask[:2] = 0
    np.save("mask.npy", mask)
    return values


def stl(path):
    """Return points and triangles of a file, by numpy-stl."""
    from stl import mesh

    points, number = np.unique(mesh.Mesh.from_file(str(path)).vectors.reshape(-1, 3), axis=0, return_inverse=True)
    return points, number.reshape(-1, 3)


def test_every_phase_becomes_a_file_of_its_own(labels, capsys):
    assert main(["export", "rock.tif", "out/rock.stl", "--phases", "a=0,b=100,c=200", "--voxel-size", "1um"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[3:] == [f"out/rock-{phase}.stl" for phase in "abc"]
    for phase, line in zip("abc", printed, strict=False):
        points, triangles = stl(f"out/rock-{phase}.stl")
        assert_closed(points, triangles)
        assert re.fullmatch(rf"{phase}: {len(triangles)} triangles in \d+ closed pieces", line)
        assert points.max(axis=0) == pytest.approx([0.008, 0.007, 0.006], rel=1e-6)


def test_chosen_phases_options_and_masks_reach_the_surface(labels, capsys):
    about = ["--crop", ":,0:6,:", "--mask", "mask.npy", "--phase", "100", "--smooth", "0", "--print-size", "8cm"]
    assert main(["export", "rock.tif", "a.stl", *about, "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    points, triangles = stl("a.stl")
    assert_closed(points, triangles)
    a, b, c = points[triangles].astype(float).transpose(1, 0, 2)
    enclosed = (a * np.cross(b, c)).sum() / 6
    assert enclosed == pytest.approx(np.count_nonzero(labels[2:, :6] == 100) * 1000, rel=0.01)  # voxels of 10 mm


@pytest.mark.parametrize("name", ["a.tif", "a.npy", "a.nrrd", "a.h5", "a.zarr", "a.vti"])
def test_volumes_are_converted(labels, name):
    crop = ["--crop", "1:4,:,:"]
    assert main(["export", "rock.tif", name, *crop, "--threshold", "50", "--voxel-size", "1voxel", "--quiet"]) == 0
    assert np.array_equal(mc.read_volume(name).values, labels[1:4] > 50)


def test_names_and_voxel_size_go_with_the_volume(labels):
    about = ["--phases", "a=0,b=100,c=200", "--voxel-size", "1,1,2um", "--quiet"]
    assert main(["export", "rock.tif", "a.vti", *about]) == 0
    volume = mc.read_volume("a.vti")
    assert (volume.phases, volume.voxel_size, volume.unit) == (("a", "b", "c"), (1, 1, 2), "um")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.step"], r"a\.step: expected a volume \(.*\.tif.*\) or surfaces \(.*\.stl\)"),
        (["a.vti", "--smooth", "3"], "--smooth: applies to surfaces only, a.vti is a volume"),
        (["a.vti", "--print-size", "3mm"], "--print-size: applies to surfaces only"),
        (["a.tif", "--mask", "mask.npy"], "--mask: a.tif is a volume, which has no place for a mask"),
        (["a.stl", "--phase", "pore"], "phase: found 'pore', expected one of '0', '100', '200'"),
        (["a.3mf", "--print-size", "0mm"], "print_size='0mm': expected a length with a unit, greater than 0"),
        (["a.3mf", "--faces", "2"], "faces=2: expected a number of triangles, 4 or more"),
        (["rock.tif"], "rock.tif: is an input and would be replaced"),
    ],
)
def test_what_is_refused(labels, capsys, arguments, message):
    before = sorted(Path().iterdir())
    assert main(["export", "rock.tif", *arguments]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert sorted(Path().iterdir()) == before


def test_a_print_size_needs_a_unit(labels, capsys):
    with pytest.raises(SystemExit):
        main(["export", "rock.tif", "a.stl", "--print-size", "100"])
    assert "expected a length with a unit" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.stl", "a.ply", "a.obj", "a.3mf", "a.tif", "a.h5"])
def test_files_of_others_are_replaced_only_if_they_are_named(labels, capsys, name):
    command = ["export", "rock.tif", name, "--quiet"]
    command += [] if name in ("a.tif", "a.h5") else ["--phase", "100"]
    Path(name).write_text("microchar did not write this")
    assert main(command) == 2
    assert f"{name}: exists, and microchar did not write it" in capsys.readouterr().err
    assert Path(name).read_text() == "microchar did not write this"
    assert main([*command, "--overwrite", name]) == 0
    if name != "a.h5":  # its own file
        assert main(command) == 0


def test_a_refusal_comes_before_the_volume_is_read(labels, monkeypatch, capsys):
    monkeypatch.setattr("microchar.io.read_volume", lambda *arguments, **options: pytest.fail("too late"))
    Path("a.h5").write_text("mine")
    assert main(["export", "rock.tif", "a.h5"]) == 2
    assert main(["export", "rock.tif", "a.stl", "--print-size", "0mm"]) == 2


def test_the_tutorial_runs(tmp_path, monkeypatch, capsys):
    """Commands and code of the page, one after the other."""
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^   \$ microchar (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        assert main(shlex.split(command)) == 0
    assert {"spheres.3mf", "spheres.stl", "samples"} == {path.name for path in tmp_path.iterdir()}
    points, triangles = stl("spheres.stl")
    assert_closed(points, triangles)
    assert np.ptp(points, axis=0).max() == pytest.approx(80, rel=1e-3)
    (block,) = re.findall(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", PAGE)
    capsys.readouterr()
    exec(re.sub("^   ", "", block, flags=re.MULTILINE), {})
    assert "(20000, 3)" in capsys.readouterr().out
    assert Path("spheres.ply").is_file()


def test_a_phase_that_is_named_twice_is_written_once(labels):
    assert main(["export", "rock.tif", "twice.obj", "--phase", "0", "--phase", "0"]) == 0
    assert main(["export", "rock.tif", "once.obj", "--phase", "0"]) == 0
    assert Path("twice.obj").read_bytes() == Path("once.obj").read_bytes()
