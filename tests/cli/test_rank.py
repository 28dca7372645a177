"""`microchar rank` from end to end."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress

import numpy as np
import pytest

import microchar as mc
from microchar.cli._watching import finished_files
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


@pytest.fixture
def runs(home):
    """Give folders of samples: a/ with two good volumes and a model, b/ with two bad ones."""
    for folder in ("a", "b"):
        (home / folder).mkdir()
        (home / folder / "notes.txt").write_text("no volume")
    for seed in (1, 2):
        write_volume(_good(seed), f"a/{seed}.tif")
        write_volume(np.random.default_rng(seed).integers(0, 2, (24, 24, 24), np.uint8), f"b/{seed}.tif")
    shutil.copy("model.safetensors", "a/step-7.safetensors")
    return home


def _good(seed):
    return overlapping_spheres((24, 24, 24), radius=2.5, void_fraction=0.6, seed=seed).values * 255


def _ranked(path):
    return {one["name"]: one["samples"] for one in json.loads(path.read_text())["candidates"]}


ASK = ["real.tif", "--crop", "24:48,:,:", "--shape", "12,12,12", "-n", "1", *FAST, "--json", "found.json"]


@pytest.mark.filterwarnings("always")
def test_each_folder_of_a_glob_is_a_candidate_and_a_folder_says_what_it_leaves_out(home, capsys):
    for number, name in enumerate(("good", "bad"), 1):
        (home / f"run/step{number}").mkdir(parents=True)
        shutil.copy(f"{name}.tif", f"run/step{number}/sample.tif")
    (home / "run/last.pt").write_bytes(b"weights")
    shutil.copy("good.tif", "run/alone.tif")
    rest = ["--crop", "24:48,:,:", "--shape", "12,12,12", "--metrics", "volume_fraction"]
    assert main(["rank", "real.tif", "run/step*/", *rest]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("step")} == {
        "step1",
        "step2",
    }
    assert main(["rank", "real.tif", "run", *rest]) == 0
    said = capsys.readouterr().err
    assert "run: last.pt is not ranked: weights of a network" in said
    assert "run: step1, step2 are not ranked: folders of their own" in said
    assert main(["rank", "real.tif", "run/last.pt", *rest]) == 2
    assert "run/last.pt: found the weights of a network" in capsys.readouterr().err


def test_volumes_of_a_folder_or_glob_are_samples_of_one_candidate_and_models_are_candidates(runs, run):
    assert run("rank", "real.tif", "a/", "b/*.tif", *ASK[1:]) == 0
    # Eight blocks of 12³ in each volume of 24³, and one sample of the model.
    assert _ranked(runs / "found.json") == {"a": 16, "b/*.tif": 16, "step-7": 1}


def test_a_group_is_what_its_samples_are_together(runs, run):
    assert run("rank", "real.tif", "b/", *ASK[1:]) == 0
    (of_folder,) = json.loads((runs / "found.json").read_text())["candidates"]
    samples = [mc.read_volume(f"b/{seed}.tif") for seed in (1, 2)]
    held_out = mc.read_volume("real.tif", crop="24:48,:,:")
    ranking = mc.rank(held_out, {"b": samples}, shape=(12, 12, 12), metrics=FAST[1].split(","))
    assert of_folder["total"] == ranking.entries[0].score.total


def test_a_folder_of_slices_stays_one_volume(runs, run):
    (runs / "slices").mkdir()
    for number, plane in enumerate(_good(3)):
        write_volume(plane, f"slices/{number:02}.tif")
    assert run("rank", "real.tif", "slices/", *ASK[1:]) == 0
    assert _ranked(runs / "found.json") == {"slices": 8}


def test_candidates_that_come_later_are_ranked_like_those_that_were_there(runs):
    held_out, good, bad = mc.read_volume("real.tif"), _good(1), mc.read_volume("b/1.tif")
    how = {"shape": (12, 12, 12), "metrics": FAST[1].split(",")}
    later = mc.rank(held_out, {"bad": bad, "good": bad}, **how).with_candidates({"good": good})
    together = mc.rank(held_out, {"bad": bad, "good": good}, **how)
    assert later.to_dict() == together.to_dict()


@pytest.mark.filterwarnings("always")
def test_watch_ranks_what_is_finished_and_again_what_changes(runs, run, monkeypatch, capsys):
    seen = []

    def before_the_next_look(step):
        seen.append(_ranked(runs / "found.json") if (runs / "found.json").exists() else None)
        if step == 2:
            write_volume(_good(3), "a/3.tif")
            (runs / "a" / "half.tif").write_bytes((runs / "a" / "1.tif").read_bytes()[:999])
        if step == 4:
            write_volume(_good(4), "a/half.tif")
            (runs / "a" / "step-7.safetensors").unlink()
        if step == 6:
            raise KeyboardInterrupt

    steps = iter(range(1, 9))
    monkeypatch.setattr("microchar.cli.rank.sleep", lambda seconds: before_the_next_look(next(steps)))
    assert run("rank", "real.tif", "a/", *ASK[1:], "--watch") == 0
    assert "a is left out: a/half.tif: the TIFF file is truncated" in capsys.readouterr().err
    # A damaged volume that no longer grows stops its group, and while it is written again the others are ranked.
    first = {"a": 16, "step-7": 1}
    assert seen == [None, first, first, {"step-7": 1}, {"a": 24}, {"a": 32}]


def test_watch_sees_new_folders_of_a_glob(runs, run, monkeypatch):
    seen = []

    def before_the_next_look(step):
        seen.append(set(_ranked(runs / "found.json")) if (runs / "found.json").exists() else None)
        if step == 2:
            (runs / "steps" / "2").mkdir()
            write_volume(_good(3), "steps/2/sample.tif")
        if step == 5:
            raise KeyboardInterrupt

    (runs / "steps" / "1").mkdir(parents=True)
    write_volume(_good(2), "steps/1/sample.tif")
    steps = iter(range(1, 9))
    monkeypatch.setattr("microchar.cli.rank.sleep", lambda seconds: before_the_next_look(next(steps)))
    assert run("rank", "real.tif", "steps/*", *ASK[1:], "--watch") == 0
    assert seen == [None, {"1"}, {"1"}, {"1", "2"}, {"1", "2"}]


def test_watch_needs_something_to_watch(home, capsys):
    assert main(["rank", "real.tif", "good.tif", "--watch"]) == 2
    assert "--watch: expected a folder or a quoted glob" in capsys.readouterr().err


def test_a_file_is_finished_when_it_no_longer_grows(tmp_path):
    path = tmp_path / "growing"
    sizes = iter((1, 2, 3, 3, 3, 5, 5))
    path.write_bytes(b"")

    def wait():
        size = next(sizes, None)
        if size is None:
            raise KeyboardInterrupt
        if path.stat().st_size != size:
            path.write_bytes(bytes(size))

    found = []
    with suppress(KeyboardInterrupt):
        found.extend(
            [(name.name, state[0][0]) for name, state in states.items()]
            for states in finished_files(lambda: [path, tmp_path / "missing"], wait)
        )
    assert found == [[("growing", 3)], [], [("growing", 5)]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["good.tif", "good.tif"], "a candidate is listed twice; list each once"),
        (["shuffle"], "generator 'shuffle' must be fitted first"),
        (["nothing.safetensors"], "nothing.safetensors: no such file"),
        (["good.tif", "--metrics", "ssim"], "ssim: cannot be part of a score"),
        (["empty/"], "empty/: holds no volume and no model"),
        (["good.tif", "--shape", "24"], "expected two or three lengths"),
    ],
)
def test_what_is_refused(home, arguments, message, capsys):
    (home / "empty").mkdir()
    assert main(["rank", "real.tif", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.filterwarnings("always")
def test_a_first_file_that_cannot_be_read_does_not_end_the_watch(runs, run, monkeypatch, capsys):
    (runs / "a" / "0.tif").write_bytes(b"hello")

    steps = iter(range(3))

    def look(seconds):
        if next(steps) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("microchar.cli.rank.sleep", look)
    assert run("rank", "real.tif", "a/", *ASK[1:], "--watch") == 0
    assert "a is left out: a/0.tif: not a TIFF file" in capsys.readouterr().err
    assert _ranked(runs / "found.json") == {"step-7": 1}
