"""What is refused and how it is said: settings of a wrong kind, checkpoints and models that were tampered with."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from microchar.core.errors import InputError
from microchar.generation.loading import load_generator
from microchar_gan.gan import SliceGan, UnetGan
from microchar_gan.settings import settings_of
from microchar_gan.training.calibration import shift_to
from microchar_gan.training.checkpoint import NAME, load_checkpoint, save_checkpoint
from microchar_gan.training.gan_fitting import BEST
from microchar_gan.training.gan_training import GanTrainer, Losses, _separation
from microchar_gan.training.slicing import RealSlices

SMALL = {
    "preset": "tiny", "width": 4, "mhfa_kernels": (), "msca_kernels": (), "cbam": False, "slices_per_axis": 4,
    "critic_width": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def real(field):
    return field((36, 36, 36), seed=5)


class Stop(Exception):
    """What the progress raises."""


def stopped_at(step, real, folder, **changes):
    """Leave the progress of a fit that was stopped before a step."""

    def progress(fraction, text):
        if text.startswith(f"step {step - 1}"):
            raise Stop

    with pytest.raises(Stop):
        UnetGan(steps=9, **SMALL | changes).fit(real, folder=folder, progress=progress, resume=folder.exists())


# --- parameters -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate": "fast"}, "rate='fast': expected a number"),
        ({"cbam": "yes"}, "cbam='yes': expected True or False"),
        ({"width": True}, "width=True: expected at least 1"),
        ({"width": 10**30}, "expected at most 12 levels"),
        ({"depth": 10**12}, "expected at most 12 levels"),
        ({"mhfa_kernels": 5}, "mhfa_kernels=5: expected some of 3, 5, 7"),
        ({"precision": "half"}, "precision='half': expected auto or float32 or bfloat16"),
        ({"device": "gpu"}, "device='gpu': expected auto or cpu or cuda or mps"),
        ({"steps": 2.5}, "steps=2.5: expected a whole number"),
        ({"minutes": "long"}, "minutes='long': expected a number"),
    ],
)
def test_parameters_of_a_wrong_kind_are_refused_at_once(changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        UnetGan(**changes)


def test_slicegan_can_learn_from_less_than_its_source_had(real):
    with pytest.raises(InputError, match="slice_size="):
        SliceGan(width=32, steps=1).fit(real)
    model = SliceGan(width=32, steps=1, critic_width=2, field=32, slice_size=32, slices_per_axis=2).fit(real)
    assert model.generate((5, 6, 7)).shape == (5, 6, 7)


# --- progress ---------------------------------------------------------------------


def test_settings_that_differ_from_those_of_the_checkpoint_are_named(real, tmp_path):
    stopped_at(1, real, tmp_path / "fit")
    with pytest.raises(InputError, match=r"\(settings: beta1 was 0.5, now 0.0, rate was 0.001, now 0.1\)"):
        UnetGan(steps=9, **SMALL | {"rate": 0.1, "beta1": 0.0}).fit(real, folder=tmp_path / "fit", resume=True)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tensors, about: tensors.pop("generator/head.convolution.weight"),
        lambda tensors, about: tensors.update({"noise": torch.zeros(16, dtype=torch.uint8)}),
        lambda tensors, about: about.pop("recent"),
        lambda tensors, about: about.update(rng=[1, 2, 3]),
        lambda tensors, about: about.update(recent=[{"os": "system"}]),
    ],
    ids=["no weights", "noise of another device", "nothing recent", "no random state", "wrong losses"],
)
def test_checkpoints_that_do_not_fit_are_an_error_that_says_so(real, tmp_path, spoil):
    folder = tmp_path / "fit"
    stopped_at(1, real, folder)
    tensors, about = load_checkpoint(folder, {})
    spoil(tensors, about)
    save_checkpoint(folder, tensors, about)
    with pytest.raises(InputError, match=f"{NAME}: not a checkpoint of this training"):
        UnetGan(steps=9, **SMALL).fit(real, folder=folder, resume=True)


def test_of_many_places_some_are_looked_at_and_not_only_the_even_ones():
    torch.manual_seed(0)
    logits = torch.randn(3, 2**20) + torch.tensor([0.0, 1.0, -1.0])[:, None]
    logits[0, ::4] += 3
    fractions = np.array([0.5, 0.3, 0.2])
    labels = (logits + shift_to(logits, fractions)[:, None]).argmax(dim=0)
    np.testing.assert_allclose(np.bincount(labels.numpy()) / 2**20, fractions, atol=5e-3)


def test_scores_leave_the_training_as_it_is(real):
    """So that one that ended, and was scored for that, goes on as one that was asked for more at once."""
    settings = settings_of("tiny", SMALL | {"cbam": True})
    slices = RealSlices(real, 2, settings.slice_size, torch.device("cpu"), isotropic=True)
    whole, scored = (GanTrainer(settings, slices, device=torch.device("cpu"), half=False, seed=1) for _ in range(2))
    for trainer in (whole, scored):
        for _ in range(2):
            trainer.step()
            if trainer is scored:
                trainer.samples(1, seed=0)
    expected, found = whole.tensors(), scored.tensors()
    assert [key for key in expected if not torch.equal(expected[key], found[key])] == []


def test_a_checkpoint_that_cannot_be_written_is_said_and_the_one_before_stays(real, tmp_path, monkeypatch):
    stopped_at(1, real, tmp_path / "fit")
    before = (tmp_path / "fit" / NAME).read_bytes()

    def full(*arguments):
        raise SafetensorError("no space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(InputError, match=f"{NAME}: cannot be written .*no space left"):
        save_checkpoint(tmp_path / "fit", {}, {})
    assert [path.name for path in (tmp_path / "fit").iterdir()] == [NAME]
    assert (tmp_path / "fit" / NAME).read_bytes() == before


def test_a_checkpoint_is_no_model(real, tmp_path):
    stopped_at(1, real, tmp_path / "fit")
    with pytest.raises(InputError, match="the checkpoint of a fit is none"):
        load_generator(tmp_path / "fit" / NAME)


def test_how_long_the_critic_has_been_winning_outlasts_a_resumption(real, tmp_path, monkeypatch):
    step = GanTrainer.step

    def winning(trainer):
        return Losses(**vars(step(trainer)) | {"separation": 50.0})

    monkeypatch.setattr(GanTrainer, "step", winning)
    for before in (3, 5):
        stopped_at(before, real, tmp_path / "fit")
        assert load_checkpoint(tmp_path / "fit", {})[1]["apart"] == before - 1


def test_a_single_slice_separates_by_a_number():
    assert np.isfinite(_separation(torch.tensor([1.0]), torch.tensor([0.5])))
    spread = _separation(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0]))
    assert spread == pytest.approx(1.0)


# --- models -----------------------------------------------------------------------


def test_the_best_so_far_generates_wherever_it_is(real, tmp_path):
    UnetGan(steps=1, device="cpu", **SMALL).fit(real, folder=tmp_path)
    assert load_generator(tmp_path / BEST).device == "auto"


@pytest.fixture(scope="module", params=["unet", "slicegan"])
def model(real, request):
    if request.param == "unet":
        return UnetGan(steps=1, **SMALL).fit(real)
    return SliceGan(width=32, steps=1, critic_width=2, field=32, slice_size=32, slices_per_axis=2).fit(real)


@pytest.mark.parametrize("halo", [-2, 3, 1000, 2**40])
def test_a_halo_that_cannot_be_is_refused(model, tmp_path, halo):
    path = tmp_path / "model.safetensors"
    model.save(path)
    arrays = load_file(path)
    arrays["halo"][0] = halo
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    save_file(arrays, path, header["__metadata__"])
    with pytest.raises(InputError, match=f"halo={halo}: .*damaged"):
        load_generator(path).generate((40, 8, 8))
