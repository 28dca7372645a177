"""The commands about generators from end to end: what they write, what they refuse, and their exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
import tifffile

from microchar.cli._parameters import parameters_of, parsed
from microchar.cli.program import main
from microchar.generation.catalogue import generator_specs
from microchar.generation.loading import load_generator
from microchar.io import read_volume
from microchar.testing.volumes import overlapping_spheres

pytestmark = pytest.mark.property

SHAPE = "24,24,24"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Give a folder, made the current one, that holds a real volume, slices of it, and a mask."""
    monkeypatch.chdir(tmp_path)
    real = overlapping_spheres((24, 24, 24), radius=2.5, void_fraction=0.6, seed=0).values * 255
    tifffile.imwrite("real.tif", real)
    for axis, name in enumerate(("xy", "xz", "yz")):
        tifffile.imwrite(f"{name}.tif", real.take(12, axis))
    mask = np.ones(real.shape, np.uint8)
    mask[16:] = 0
    tifffile.imwrite("mask.tif", mask)
    return tmp_path


@pytest.fixture
def model(home):
    assert main(["fit", "shuffle", "real.tif", "-o", "model.safetensors", "--quiet"]) == 0
    return "model.safetensors"


def run(*arguments: str, **how) -> subprocess.Popen:
    how = {"stderr": subprocess.PIPE, "text": True, "preexec_fn": _heed_interrupts, **how}
    return subprocess.Popen([sys.executable, "-m", "microchar", *arguments], **how)


def _heed_interrupts() -> None:
    # Whoever runs the tests may ignore them, as `nohup` does, and a process inherits that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("name", [name for name in ("shuffle", "gaussian-field") if name in generator_specs()])
def test_fit_generate_report(home, name, capsys):
    about = ["--phases", "pore=0,solid=255", "--voxel-size", "2um"]
    assert main(["fit", name, "real.tif", "-o", "models/real.safetensors", "--seed", "3", *about]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == os.path.join("models", "real.safetensors")
    generate = ["generate", "models/real.safetensors", "--shape", SHAPE, "--seed", "1", "-n", "2", "-o", "fakes"]
    assert main(generate) == 0
    names = [f"{name}-1.tif", f"{name}-2.tif"]
    assert [line.split(";")[0] for line in capsys.readouterr().out.splitlines()] == [f"fakes/{n}" for n in names]
    assert sorted(os.listdir("fakes")) == names
    assert sorted(os.listdir()) == ["fakes", "mask.tif", "models", "real.tif", "xy.tif", "xz.tif", "yz.tif"]

    fake = read_volume(f"fakes/{names[0]}")
    expected = load_generator(home / "models/real.safetensors").generate((24, 24, 24), seed=1)
    assert np.array_equal(fake.values, expected.values)
    assert (fake.voxel_size, fake.unit) == ((2.0, 2.0, 2.0), "um")
    assert not np.array_equal(fake.values, read_volume(f"fakes/{names[1]}").values)

    fakes = [f"fakes/{n}" for n in names]
    metrics = ["--metrics", "volume_fraction,two_point_correlation", "--r-max", "4"]
    assert main(["report", "real.tif", *fakes, *about, *metrics, "-o", "out", "--quiet"]) == 0
    results = json.loads((home / "out" / "results.json").read_text())
    assert [volume["name"] for volume in results["volumes"]] == ["real", *(n[:-4] for n in names)]


def test_fit_says_what_the_fit_reports_of_itself(home, monkeypatch, capsys):
    from microchar.generators.shuffle import Shuffle

    learn = Shuffle.learn

    def reporting(self, data, rng, progress):
        self.history |= {"s2_error": {"pore": [0.12345, 1e-9]}, "order": (1, 0), "kind": "odd", "trace": [0.5] * 999}
        return learn(self, data, rng, progress)

    monkeypatch.setattr(Shuffle, "learn", reporting)
    assert main(["fit", "shuffle", "real.tif"]) == 0
    printed = ["s2 error: pore: 0.123, 1e-09", "order: 1, 0", "kind: odd", "model.safetensors"]
    assert capsys.readouterr().out.splitlines() == printed
    assert len(load_generator(home / "model.safetensors").history["trace"]) == 999


def test_equal_seeds_write_equal_files(model, home):
    for folder in ("a", "b"):
        assert main(["generate", model, "--shape", SHAPE, "--seed", "5", "-o", folder, "--quiet"]) == 0
    assert (home / "a/shuffle-5.tif").read_bytes() == (home / "b/shuffle-5.tif").read_bytes()


def test_other_files_in_the_folder_stay(model, home):
    (home / "fakes").mkdir()
    (home / "fakes" / "mine.txt").write_text("mine")
    assert main(["generate", model, "--shape", "6,6", "--quiet"]) == 0
    assert main(["generate", model, "--shape", "4,5", "-n", "2", "--quiet"]) == 0
    assert sorted(os.listdir("fakes")) == ["mine.txt", "shuffle-0.tif", "shuffle-1.tif"]
    assert (home / "fakes" / "mine.txt").read_text() == "mine"
    assert read_volume("fakes/shuffle-0.tif").shape == (1, 4, 5)


def test_the_mask_is_kept_from_the_fit(home):
    assert main(["fit", "shuffle", "real.tif", "--mask", "mask.tif", "--quiet"]) == 0
    labels = tifffile.imread("real.tif")[:16] // 255
    learnt = load_generator(home / "model.safetensors").state["fractions"]
    assert learnt.tolist() == [(labels == 0).mean(), (labels == 1).mean()]


def test_the_input_options_are_those_of_measure(home):
    options = ["--threshold", "100", "--crop", "0:10,:,:", "--voxel-size", "1,1,2um", "--quiet"]
    assert main(["fit", "shuffle", "real.tif", *options]) == 0
    loaded = load_generator(home / "model.safetensors")
    assert loaded.material.voxel_size == (1.0, 1.0, 2.0)
    assert loaded.history["data"]["shape"] == [10, 24, 24]


@pytest.mark.parametrize("images", [["xy.tif"], ["xy.tif", "xz.tif", "yz.tif"]])
def test_fit_to_slices(home, images):
    assert main(["fit", "shuffle", "--slices", *images, "--phases", "pore=0,solid=255", "--quiet"]) == 0
    loaded = load_generator(home / "model.safetensors")
    assert loaded.history["data"]["kind"] == "slices"
    assert set(loaded.history["data"]["shape"]) == {str(axis) for axis in range(len(images))}
    solid = np.mean([tifffile.imread(name) == 255 for name in images])
    assert loaded.state["fractions"][1] == pytest.approx(solid)


def test_an_image_is_a_slice(home):
    assert main(["fit", "shuffle", "xz.tif", "--quiet"]) == 0
    assert load_generator(home / "model.safetensors").history["data"]["kind"] == "slices"


def test_generators_lists_all_and_details_of_one(capsys):
    assert main(["generators"]) == 0
    printed = capsys.readouterr().out
    for name in generator_specs():
        assert re.search(rf"^{re.escape(name)} ", printed, re.MULTILINE)
    assert main(["generators", "shuffle"]) == 0
    printed = capsys.readouterr().out
    for fact in ("volume, slices", "1-16", "0,1,2, always", "2D and 3D", "usable here: yes"):
        assert fact in printed


# --- refusals ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "shufle", "real.tif"], "did you mean 'shuffle'"),
        (["fit", "shuffle", "missing.tif"], "missing.tif: no such file"),
        (["fit", "shuffle"], "expected either a volume or --slices with one to three images, and not both"),
        (["fit", "shuffle", "real.tif", "--slices", "xy.tif"], "and not both"),
        (["fit", "shuffle", "--slices", "xy.tif", "xy.tif", "xy.tif", "xy.tif"], "at most three images"),
        (["fit", "shuffle", "--slices", "xy.tif", "--mask", "mask.tif"], "no --mask"),
        (["fit", "shuffle", "--slices", "real.tif"], "real: expected a 2D image"),
        (["fit", "shuffle", "real.tif", "--set", "radius=3"], "'shuffle' has no parameter 'radius'"),
        (["fit", "shuffle", "real.tif", "--seed", "-1"], "seed=-1: expected a whole number, 0 or greater"),
        (["fit", "shuffle", "real.tif", "-o", "."], ".: is a folder"),
        (["fit", "shuffle", "real.tif", "-o", "real.tif/model"], "real.tif is a file"),
        (["fit", "shuffle", "real.tif", "--crop", "0:99,:,:"], "crop"),
        (["fit", "shuffle", "real.tif", "--phases", "a=0,b=255,c=9"], "phase 'c' has no voxels"),
        (["generate", "shuffle", "--shape", SHAPE], "`microchar fit shuffle real.tif -o model.safetensors`"),
        (["generate", "shufle", "--shape", SHAPE], "did you mean 'shuffle'"),
        (["generate", "other.safetensors", "--shape", SHAPE], "other.safetensors: no such file"),
        (["generate", "some/where", "--shape", SHAPE], "some/where: no such file"),
        (["generate", "real.tif", "--shape", SHAPE], "real.tif: truncated, or not a safetensors file"),
        (["generate", "{model}", "--shape", SHAPE, "--set", "zeta=1"], "zeta cannot be changed after the fit; give it"),
        (["generate", "{model}", "--shape", "24"], "expected two or three lengths"),
        (["generate", "{model}", "--shape", "24,0,24"], "of at least one voxel"),
        (["generate", "{model}", "--shape", SHAPE, "--seed", "-2"], "seed=-2"),
        (["generate", "{model}", "--shape", SHAPE, "-o", "real.tif"], "real.tif"),
    ],
)
def test_bad_input_exits_2_says_what_to_do_and_writes_nothing(model, home, capsys, arguments, message):
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    arguments = [argument.format(model=model) for argument in arguments]
    assert main([*arguments, "--quiet"]) == 2
    assert message in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in home.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit"], "NAME"),
        (["fit", "shuffle", "real.tif", "--set", "radius"], "expected KEY=VALUE"),
        (["generate", "shuffle"], "--shape"),
        (["generate", "shuffle", "--shape", "a,b"], "expected whole numbers"),
        (["generate", "shuffle", "--shape", SHAPE, "-n", "0"], "greater than 0"),
        (["generate", "shuffle", "--shape", SHAPE, "--periodic", "w"], "expected axes"),
    ],
)
def test_bad_usage_exits_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


# --- interrupted, and progress -----------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_nothing_is_half_written(model, home, number):
    before = sorted(os.listdir())
    (home / "fakes").mkdir()
    process = run("generate", model, "--shape", "128,128,128", "-n", "500", "-o", "fakes")
    temporary = []
    while not temporary and process.poll() is None:  # until the first volume is being made
        temporary = list((home / "fakes").glob(".microchar-*/new/.microchar-*"))
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors == "microchar: interrupted; nothing was written\n"
    assert list((home / "fakes").iterdir()) == []
    assert sorted(os.listdir()) == ["fakes", *before]


def test_an_interrupted_fit_leaves_the_old_model(model, home, monkeypatch, capsys):
    from microchar.generators.shuffle import Shuffle

    def interrupted(self, data, rng, progress):
        raise KeyboardInterrupt

    before = (home / model).read_bytes()
    monkeypatch.setattr(Shuffle, "learn", interrupted)
    assert main(["fit", "shuffle", "real.tif", "-o", model]) == 1
    assert capsys.readouterr().err == "microchar: interrupted; nothing was written\n"
    assert (home / model).read_bytes() == before


def test_progress_is_shown_on_a_terminal_only(model):
    generate = ["generate", model, "--shape", SHAPE, "-n", "2"]
    plain = run(*generate)
    assert plain.communicate(timeout=60)[1] == ""
    shown, terminal = pty.openpty()
    process = run(*generate, stderr=terminal)
    process.wait(timeout=60)
    os.close(terminal)
    text = ""
    while select.select([shown], [], [], 0)[0]:
        try:
            text += os.read(shown, 4096).decode()
        except OSError:  # the other end is closed, and all was read
            break
    os.close(shown)
    assert "  0%  shuffle-0: shuffling" in text
    assert re.search(r" 50%, \d+ s left  shuffle-1: shuffling", text)
    assert text.endswith("\r\x1b[2K")


# --- parameters --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hint", "expected"),
    [
        ("3", int, 3),
        ("3", float, 3.0),
        ("1e-3", float, 0.001),
        ("three", str, "three"),
        ("3", int | str, 3),
        ("3um", str | int, "3um"),
        ("yes", bool, True),
        ("False", bool, False),
        ("none", int | None, None),
        ("None", float | None, None),
        ("4", float | tuple[float, ...], 4.0),
        ("4,5", float | tuple[float, ...], (4.0, 5.0)),
        ("4", tuple[int, ...], (4,)),
        ("1, 2, 3", tuple[int, int, int], (1, 2, 3)),
        ("a,b", tuple[str, ...], ("a", "b")),
        ("b", Literal["a", "b"], "b"),
        ("2", Literal[1, 2] | None, 2),
        ("2", Any, 2),
        ("2.5", Any, 2.5),
        ("true", Any, True),
        ("none", Any, None),
        ("1,2.5,a", Any, (1, 2.5, "a")),
        ("contained", Any, "contained"),
    ],
)
def test_text_becomes_a_value_of_the_parameters_type(text, hint, expected):
    found = parsed(text, hint)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("3.5", int),
        ("x", float),
        ("maybe", bool),
        ("c", Literal["a", "b"]),
        ("1,2", tuple[int, int, int]),
        ("1,x", tuple[int, ...]),
        ("1,2", float),
        ("x", int | None),
        ("1", dict),
    ],
)
def test_text_that_is_no_value_of_the_type(text, hint):
    with pytest.raises(ValueError, match=text[-1:]):
        parsed(text, hint)


def test_parameters_of_a_class_whose_annotations_cannot_be_resolved():
    @dataclass(kw_only=True)
    class Sealed:
        size: OnlyForTypeCheckers = 3  # noqa: F821
        edge: OnlyForTypeCheckers = None  # noqa: F821

        @staticmethod
        def when_unset():
            return {"edge": 7}

    assert parameters_of(Sealed) == [("size", int, "3", ""), ("edge", type(None), "7 if unset", "")]


def test_a_text_of_another_type_is_refused(home, capsys):
    name, key = "gaussian-field", "smoothness"
    assert main(["fit", name, "real.tif", "--set", f"{key}=rough"]) == 2
    assert f"{key}=rough: generator '{name}' expects float here" in capsys.readouterr().err
