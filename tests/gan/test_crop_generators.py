"""The generators dcgan-3d and vae-gan: contract, exact resumption, tiles that make the whole, and what is learnt."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from gan.trainings import CPU, check_that_a_stopped_fit_goes_on, check_that_checkpoints_are_exact
from microchar.core.errors import InputError
from microchar.core.progress import silent
from microchar.generation.training import TrainingData
from microchar.testing import check_generator
from microchar_gan import crop_generators
from microchar_gan.crop_generators import Dcgan3d, VaeGan
from microchar_gan.crop_settings import dcgan_settings_of, vae_gan_settings_of
from microchar_gan.networks.crop_networks import HALO, Decoder
from microchar_gan.tiling.halo import seam_mismatch
from microchar_gan.tiling.tiles import blocks
from microchar_gan.training.crop_places import LabelCrops
from microchar_gan.training.crop_training import DcganTrainer, VaeGanTrainer

BOTH = pytest.mark.parametrize("cls", [Dcgan3d, VaeGan])


def trainer_of(kind, labels, seed=1, **changes):
    crops = LabelCrops(labels, 2, 32, isotropic=True, voxel_size=(1.0, 1.0, 1.0))
    settings = {"dcgan": dcgan_settings_of, "vae": vae_gan_settings_of}[kind]("tiny", changes)
    return {"dcgan": DcganTrainer, "vae": VaeGanTrainer}[kind](settings, crops, device=CPU, half=False, seed=seed)


@pytest.fixture(autouse=True)
def _small_calibration(monkeypatch):
    """Calibrate by one small volume: it takes most of a short fit."""
    monkeypatch.setattr(crop_generators, "_CALIBRATING", 1)
    monkeypatch.setattr(crop_generators, "_CELLS", 3)


@pytest.fixture(scope="module")
def rock(field):
    return field((40, 36, 36), seed=5, sigma=3.0)


# --- the contract -----------------------------------------------------------------


@pytest.mark.parametrize(("cls", "what"), [(Dcgan3d, "two phases"), (Dcgan3d, "masked"), (VaeGan, "three phases")])
def test_contract(materials, cls, what):
    check_generator(cls(preset="tiny", steps=3), materials[what], shape=(32, 48, 32))


def test_nothing_touches_the_random_state_of_pytorch(rock):
    before = torch.get_rng_state()
    VaeGan(preset="tiny", steps=1).fit(rock).generate((16, 16, 16))
    assert torch.equal(before, torch.get_rng_state())


def test_the_shift_gives_volumes_the_fractions_of_the_material():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        decoder = Decoder(dcgan_settings_of("tiny", {}), 2).eval()
    shift = torch.from_numpy(crop_generators._shift(decoder, np.array([0.6, 0.4]), silent)).float()
    source, made = torch.Generator().manual_seed(crop_generators._CALIBRATING_SEED), []
    edge = crop_generators._CELLS
    for _ in range(crop_generators._CALIBRATING):
        logits = crop_generators._logits(decoder, torch.randn(1, decoder.latents, edge, edge, edge, generator=source))
        made.append((logits + shift[:, None, None, None]).argmax(dim=0))
    assert float((torch.stack(made) == 0).double().mean()) == pytest.approx(0.6, abs=0.01)


# --- training ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dcgan", "vae"])
def test_steps_are_the_same_after_a_checkpoint_to_the_bit(rock, tmp_path, kind):
    check_that_checkpoints_are_exact(partial(trainer_of, kind, rock), tmp_path, 6)


@BOTH
def test_a_fit_that_was_stopped_goes_on_as_if_it_had_not_been(rock, tmp_path, cls):
    check_that_a_stopped_fit_goes_on(lambda: cls(preset="tiny", steps=5), rock, tmp_path, at=3)


def test_a_critic_learns_to_tell_noise_from_rock(rock):
    # The generator is held still: what it makes can be told, and the cross-entropy falls far below that of a guess.
    trainer = trainer_of("dcgan", rock, rate=0.0, critic_rate=1e-3)
    losses = [trainer.step(0)["critic"] for _ in range(60)]
    assert np.mean(losses[-5:]) < 0.6 * losses[0]
    # With smoothed labels nothing lies below the entropy of the labels themselves.
    assert np.mean(losses[-5:]) > -(0.9 * np.log(0.9) + 0.1 * np.log(0.1)) - 0.02


def test_an_autoencoder_learns_to_reconstruct(rock):
    trainer = trainer_of("vae", rock, critic_rate=0.0, prior_weight=0.0, rate=2e-3)
    differences = [trainer.step(0)["difference"] for _ in range(60)]
    assert np.mean(differences[-10:]) < 0.9 * np.mean(differences[:5])


def test_the_prior_holds_the_latents(rock):
    held, free = (trainer_of("vae", rock, prior_weight=weight, rate=2e-3) for weight in (10.0, 0.0))
    found = [[one.step(0)["divergence"] for _ in range(40)][-1] for one in (held, free)]
    assert found[0] < 0.5 * found[1]


# --- tiles ------------------------------------------------------------------------


@pytest.mark.oracle
def test_tiles_make_the_whole(rock):
    model = Dcgan3d(preset="tiny", steps=2).fit(rock)
    shape = (176, 16, 160)
    whole, tiled = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    for volume, tile in ((whole, shape), (tiled, (32, 16, 48))):
        for box, labels in blocks(model._field, shape, seed=3, periodic=(0, 1), tile=tile):
            volume[box] = labels
    # Ties of float rounding: one voxel in 10^5.
    assert np.count_nonzero(whole != tiled) <= 1e-5 * whole.size
    assert 0.02 < np.mean(whole == 0) < 0.98
    assert seam_mismatch(model._field, (160, 16, 16), seed=1, tile=32).mismatch <= 1e-5


@pytest.mark.oracle
def test_the_halo_is_as_far_as_a_cell_acts():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        decoder = Decoder(dcgan_settings_of("tiny", {}), 2).eval()
    # Not-a-number survives whatever depends on it.
    latents = torch.zeros(1, decoder.latents, 9, 1, 1)
    latents[:, :, 4] = torch.nan
    with torch.inference_mode():
        reached = decoder(latents).isnan().any(dim=1)[0, :, 0, 0]
    acts = torch.nonzero(reached).flatten() // 16 - 4
    assert (int(acts.min()), int(acts.max())) == (-HALO, HALO)


# --- refusals ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"crop_size": 40}, "crop_size=40: expected a multiple of 16 of at least 32"),
        ({"latents": 0}, "latents=0: expected at least 1"),
        ({"real_label": 1.5}, "real_label=1.5.*less than 1.01"),
        ({"preset": "paper"}, "preset='paper': expected default or tiny"),
    ],
)
def test_settings_that_make_no_network_are_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        Dcgan3d(**{"preset": "tiny"} | parameters)


def test_what_it_cannot_learn_from_is_refused(rock, field):
    with pytest.raises(InputError, match=r"shape \(40, 30, 36\): smaller than crops of 32 × 32 × 32"):
        Dcgan3d(preset="tiny", steps=1).fit(field((40, 30, 36), seed=1))
    with pytest.raises(InputError, match="slices"):
        VaeGan(preset="tiny", steps=1).fit(TrainingData.from_slices({0: [field((40, 40), seed=1)]}))
    with pytest.raises(InputError, match=r"axis 1 is periodic and 40 voxels long.*multiples of 16"):
        Dcgan3d(preset="tiny", steps=1).fit(rock).generate((32, 40, 32), periodic=(1,))
