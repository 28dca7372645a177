"""What is made with frozen statistics: settled networks, their samples, their file."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from gan.trainings import SMALL, same, trainer_of
from microchar_gan.gan import UnetGan
from microchar_gan.networks.attention import GlobalPools
from microchar_gan.training.gan_training import GanTrainer


@pytest.mark.parametrize("changes", [{}, {"norm": "batch"}, {"cbam": True, "mhfa_kernels": (3,), "msca_kernels": (3,)}])
def test_a_settled_network_is_frozen_as_its_own_volumes_are(real, changes):
    trainer = trainer_of(real, calibrate=False, **changes)
    trainer.step(), trainer.step()
    noise = trainer.draw_noise(1, torch.Generator().manual_seed(3), 2 * trainer.settings.field)
    trainer._noise_for_use = lambda *_: iter([noise])
    frozen = trainer.settled()
    # The same volume normalised and attended to by itself.
    own = copy.deepcopy(frozen).train()
    for module in own.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.momentum = None
        if isinstance(module, GlobalPools):
            module.reset()
    with torch.no_grad():
        torch.testing.assert_close(frozen(noise), own(noise), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("phases", [2, 3])
def test_a_settled_network_has_the_volume_fractions_of_the_material(field, phases):
    real = field((40, 40, 40), seed=1) + (phases - 2) * field((40, 40, 40), seed=2)
    trainer = trainer_of(real)
    assert len(trainer.real.fractions) == phases
    trainer.step()
    trainer.average.shift[0] += 1.0  # as if an average of weights decided otherwise
    kept = copy.deepcopy(trainer.tensors())
    made = trainer.samples(32, seed=5)
    found = [np.mean([sample == phase for sample in made]) for phase in range(phases)]
    np.testing.assert_allclose(found, trainer.real.fractions, atol=0.01)
    assert same(trainer.tensors(), kept)


@pytest.mark.parametrize("changes", [{}, {"input": "slice"}])
def test_every_second_volume_is_made_of_the_negative_of_the_noise_before(real, changes):
    trainer = trainer_of(real, **changes)
    channels = trainer.settings.noise_channels
    drawn = [noise.clone() for noise in trainer._noise_for_use(32, torch.Generator().manual_seed(0))]
    assert len(drawn) == (32 if changes else 4)
    for noise, negative in zip(drawn[::2], drawn[1::2], strict=True):
        torch.testing.assert_close(negative[:, :channels], -noise[:, :channels], rtol=0, atol=0)
        # The slice it is made around stays.
        torch.testing.assert_close(negative[:, channels:], noise[:, channels:], rtol=0, atol=0)
    assert not torch.equal(drawn[0], drawn[2])


def test_samples_are_cut_from_volumes_larger_than_those_of_training(real):
    trainer = trainer_of(real)
    network, edge = trainer.settled(), trainer.settings.field
    parts = trainer.samples(8, seed=4, network=network)
    with torch.no_grad():
        noise = trainer.draw_noise(1, torch.Generator().manual_seed(4), 2 * edge)
        whole = network(noise)[0].argmax(dim=0).numpy()
    corners = itertools.product((0, edge), repeat=3)
    for part, (a, b, c) in zip(parts, corners, strict=True):
        np.testing.assert_array_equal(part, whole[a : a + edge, b : b + edge, c : c + edge])


def test_statistics_too_large_for_half_precision_survive_the_file(real, tmp_path, monkeypatch):
    def settled(trainer, *_):
        network = trainer.average
        network.logit_norm.running_var.fill_(1e6)
        return network

    monkeypatch.setattr(GanTrainer, "settled", settled)
    UnetGan(preset="tiny", steps=1, **SMALL).fit(real).save(tmp_path / "model.safetensors")
    assert (UnetGan.load(tmp_path / "model.safetensors").state["logit_norm.running_var"] == 1e6).all()
