"""Work that keeps progress: what it is given, refuses and leaves behind; and checks of the fitted state."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from microchar.core.errors import InputError
from microchar.generation.catalogue import GENERATORS
from microchar.generation.generator import Generator
from microchar.generation.loading import load_generator
from microchar.generation.spec import GeneratorSpec
from microchar.generators.shuffle import Shuffle
from microchar.io import read_volume
from microchar.testing import check_generator, generator_checks

pytestmark = pytest.mark.property

SPEC = GeneratorSpec(
    id="counting",
    factory=f"{__name__}:Counting",
    title="Counting",
    summary="",
    inputs=("volume",),
    phases=(2, 3),
    keeps_progress=("fit", "generate"),
    revision=3,
)


@dataclass(kw_only=True)
class Counting(Generator):
    """Adds up random numbers, step by step, and keeps the sum and the state of the generator of random numbers."""

    spec: ClassVar[GeneratorSpec] = SPEC

    steps: int = 10
    fails: str = ""
    width: int = 2

    @property
    def layout(self):
        assert self.material is not None, "asked for the layout before the material is known"
        return {"sum": ("float64", (self.width, len(self.material.phases)))}

    def learn(self, data, rng, progress):
        total = self._count(np.zeros((self.width, len(data.material.phases))), rng, progress)
        if self.fails == "nan":
            total[0, 0] = np.nan
        return {"sum": total}

    def make(self, shape, rng, periodic, progress):
        total = self._count(np.zeros(shape), rng, progress)
        if self.folder is not None:
            (self.folder / "checkpoint.json").unlink(missing_ok=True)
        return (total > self.steps / 2).astype(np.uint8)

    def _count(self, total, rng, progress):
        request, first = [rng.bit_generator.state["state"]["state"], total.shape], 0
        if self.resume:
            known = json.loads((self.folder / "checkpoint.json").read_text())
            if known["request"] != json.loads(json.dumps(request)):
                raise InputError("the checkpoint of another request")
            total, first, rng.bit_generator.state = np.array(known["sum"]), known["step"], known["rng"]
        for step in range(first, self.steps):
            try:
                progress(step / self.steps, "counting")
            except BaseException:
                if self.folder is not None and self.fails != "empty":
                    known = {"request": request, "sum": total.tolist(), "step": step, "rng": rng.bit_generator.state}
                    (self.folder / "checkpoint.json").write_text(json.dumps(known))
                raise
            total += rng.random(total.shape)
        return total


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.setitem(vars(GENERATORS), "plugins", {**GENERATORS.plugins, "counting": SPEC})


@pytest.fixture
def real():
    return np.random.default_rng(0).integers(0, 2, (8, 8, 8))


class Stopped(Exception):
    pass


def stop(fraction, what):
    if fraction >= 0.5:
        raise Stopped


def test_contract(real):
    check_generator(Counting(), real)


def test_a_resumed_fit_ends_as_one_that_was_not_stopped(tmp_path, real):
    whole = Counting().fit(real, seed=2)
    halved = Counting()
    with pytest.raises(Stopped):
        halved.fit(real, seed=2, progress=stop, folder=tmp_path / "runs" / "a")
    assert not halved.state
    assert halved.material is None
    assert (halved.folder, halved.resume) == (None, False)
    halved.fit(real, seed=2, folder=str(tmp_path / "runs" / "a"), resume=True)
    assert np.array_equal(halved.state["sum"], whole.state["sum"])
    assert (halved.folder, halved.resume) == (None, False)
    assert halved == whole
    assert "folder" not in halved.parameters()


def test_a_fit_that_leaves_nothing_leaves_no_folder(tmp_path, real):
    with pytest.raises(Stopped):
        Counting(fails="empty").fit(real, progress=stop, folder=tmp_path / "a")
    Counting().fit(real, folder=tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_progress_that_would_be_lost_or_is_not_there_is_refused(tmp_path, real):
    with pytest.raises(Stopped):
        Counting().fit(real, progress=stop, folder=tmp_path / "a")
    with pytest.raises(InputError, match=r"a: holds the progress of an earlier fit; continue it with resume=True"):
        Counting().fit(real, folder=tmp_path / "a")
    with pytest.raises(InputError, match="b: holds no fit to resume"):
        Counting().fit(real, folder=tmp_path / "b", resume=True)
    with pytest.raises(InputError, match="folder= is missing, expected the folder of the fit"):
        Counting().fit(real, resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file: cannot be created"):
        Counting().fit(real, folder=tmp_path / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "file"]


def test_a_resumed_volume_is_that_of_an_undisturbed_generate(tmp_path, real):
    counting = Counting().fit(real)
    expected = counting.generate((4, 5, 6), seed=2)
    with pytest.raises(Stopped):
        counting.generate((4, 5, 6), seed=2, progress=stop, folder=tmp_path / "runs" / "a")
    assert (counting.folder, counting.resume) == (None, False)
    with pytest.raises(InputError, match="a: holds the progress of an earlier volume; continue it with resume=True"):
        counting.generate((4, 5, 6), seed=2, folder=tmp_path / "runs" / "a")
    counting.generate_to(tmp_path / "a.tif", (4, 5, 6), seed=2, folder=tmp_path / "runs" / "a", resume=True)
    assert np.array_equal(read_volume(tmp_path / "a.tif").values, expected.values)
    assert (counting.folder, counting.resume) == (None, False)
    assert not list((tmp_path / "runs").iterdir())
    with pytest.raises(InputError, match="a: holds no volume to resume"):
        counting.generate((4, 5, 6), seed=2, folder=tmp_path / "runs" / "a", resume=True)


def test_folders_that_were_created_are_removed_when_empty(tmp_path, real):
    Counting().fit(real).generate((4, 5, 6), folder=tmp_path / "runs" / "a")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("asked", [{"folder": "a"}, {"resume": True}])
def test_generators_that_keep_none_refuse_the_folder(tmp_path, monkeypatch, real, asked):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="'shuffle' cannot resume an interrupted fit"):
        Shuffle().fit(real, **asked)
    fitted = Shuffle().fit(real)
    with pytest.raises(InputError, match="'shuffle' cannot resume an interrupted volume"):
        fitted.generate((4, 4, 4), **asked)
    with pytest.raises(InputError, match="'shuffle' cannot resume an interrupted volume"):
        fitted.generate_to("a.tif", (4, 4, 4), **asked)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("broken", ["left", "accepted", "other"])
def test_the_contract_names_a_broken_resume(real, broken):
    def make(self, shape, rng, periodic, progress):
        if broken == "accepted" and self.resume:
            return rng.integers(0, 2, shape).astype(np.uint8)
        flipped = broken == "other" and self.resume
        labels = Counting.make(self, shape, rng, periodic, progress)
        if broken == "left" and self.folder is not None:
            (self.folder / "more").write_text("")
        return 1 - labels if flipped else labels

    wrong = type("Wrong", (Counting,), {"make": make})
    messages = {
        "left": "a complete volume leaves a checkpoint behind",
        "accepted": "the checkpoint of another seed was accepted",
        "other": "another volume than that of an undisturbed generate",
    }
    with pytest.raises(AssertionError, match=messages[broken]):
        next(check for check in generator_checks(wrong(), real) if check.name == "resume")()


def test_a_layout_may_follow_from_parameters_and_material(tmp_path, real):
    three = np.random.default_rng(0).integers(0, 3, (8, 8, 8))
    fitted = Counting(width=5).fit(three)
    assert fitted.state["sum"].shape == (5, 3)
    fitted.save(tmp_path / "m.safetensors")
    loaded = load_generator(tmp_path / "m.safetensors")
    assert np.array_equal(loaded.state["sum"], fitted.state["sum"])


def test_a_fit_that_ends_in_nan_is_refused_and_leaves_what_was(real):
    fitted = Counting().fit(real)
    before = dict(fitted.state), fitted.history, fitted.material
    fitted.fails = "nan"
    with pytest.raises(InputError, match="generator 'counting': the fit failed: array 'sum' holds NaN"):
        fitted.fit(np.random.default_rng(0).integers(0, 3, (8, 8, 8)))
    assert (fitted.state, fitted.history, fitted.material) == before


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_file_with_numbers_that_are_none_is_refused_by_name(tmp_path, real, number):
    fitted = Counting().fit(real)
    fitted.state["sum"][1, 1] = number
    fitted.save(tmp_path / "m.safetensors")
    with pytest.raises(InputError, match=r"m.safetensors: a damaged model.*array 'sum' holds NaN or infinite"):
        load_generator(tmp_path / "m.safetensors")


def test_another_revision_of_the_state_is_refused(tmp_path, real, monkeypatch):
    path = tmp_path / "m.safetensors"
    Counting().fit(real).save(path)
    load_generator(path)
    newer = GeneratorSpec(**{**vars(SPEC), "revision": 4})
    monkeypatch.setitem(vars(GENERATORS), "plugins", {"counting": newer})
    with pytest.raises(InputError, match=r"m.safetensors: revision 3 of what 'counting' learns, .* reads revision 4"):
        load_generator(path)
