"""The generator rnn: contract, exact resumption, what a pass may look at, and what is learnt."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from gan.trainings import CPU, check_that_a_stopped_fit_goes_on, check_that_checkpoints_are_exact
from microchar.core.errors import InputError
from microchar.testing import check_generator
from microchar_gan.networks.slice_network import PASSES, SliceNetwork, drawn_slice, passes
from microchar_gan.rnn_settings import rnn_settings_of
from microchar_gan.slice_rnn import SliceRnn
from microchar_gan.training.crop_places import LabelCrops
from microchar_gan.training.slice_training import SliceTrainer


def trainer_of(labels, seed=1, **changes):
    crops = LabelCrops(labels, 2, 16, isotropic=True, voxel_size=(1.0, 1.0, 1.0))
    return SliceTrainer(rnn_settings_of("tiny", changes), crops, device=CPU, half=False, seed=seed)


def network_of(phases=2):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SliceNetwork(rnn_settings_of("tiny", {}), phases).eval().requires_grad_(False)


@pytest.mark.parametrize("what", ["three phases", "masked"])
def test_contract(materials, what):
    check_generator(SliceRnn(preset="tiny", steps=2), materials[what], shape=(6, 16, 12))


def test_a_fit_that_was_stopped_goes_on_as_if_it_had_not_been(real, tmp_path):
    check_that_a_stopped_fit_goes_on(lambda: SliceRnn(preset="tiny", steps=5), real, tmp_path, at=3)


def test_steps_are_the_same_after_a_checkpoint_to_the_bit(real, tmp_path):
    check_that_checkpoints_are_exact(partial(trainer_of, real), tmp_path, 6)


def test_the_loss_falls_below_that_of_independent_voxels(field):
    labels = field((40, 40, 40), seed=2, sigma=3.0)
    trainer = trainer_of(labels, rate=1e-2)
    losses = [trainer.step(i / 60)["loss"] for i in range(60)]
    shares = trainer.crops.fractions
    assert np.mean(losses[-10:]) < 0.7 * -(shares * np.log(shares)).sum()


def test_every_voxel_is_drawn_in_one_pass():
    order = passes(8, 12)
    assert order.shape == (8, 12)
    assert torch.equal(torch.bincount(order.flatten()), torch.full((PASSES,), 6))


@pytest.mark.oracle
def test_a_pass_sees_earlier_passes_alone():
    network, order = network_of(), passes(8, 8)
    generator = torch.Generator().manual_seed(1)
    memory = torch.randn(1, network.width, 8, 8, generator=generator)
    labels = torch.nn.functional.one_hot(torch.randint(2, (1, 8, 8), generator=generator), 2).movedim(-1, 1).float()
    number = torch.tensor([6])
    logits = network(memory, labels, order, number)
    later = torch.where(order >= 6, 1 - labels, labels)
    assert torch.equal(network(memory, later, order, number), logits)
    earlier = torch.where(order == 5, 1 - labels, labels)
    assert not torch.equal(network(memory, earlier, order, number), logits)


@pytest.mark.analytic
def test_slices_are_drawn_with_the_probabilities():
    network = network_of(3)
    network.exit.weight.zero_()
    network.exit.bias.copy_(torch.tensor([0.5, 0.3, 0.2]).log())
    drawn = drawn_slice(network, network.blank(1, (64, 64)), torch.Generator().manual_seed(2))
    assert torch.equal(drawn.sum(dim=1), torch.ones(1, 64, 64))
    np.testing.assert_allclose(drawn.mean(dim=(0, 2, 3)), [0.5, 0.3, 0.2], atol=4 * (0.25 / 64**2) ** 0.5)


@pytest.mark.analytic
def test_volume_fractions_are_held(real):
    model = SliceRnn(preset="tiny", steps=1).fit(real)
    # A network that prefers one phase whatever it sees, as one that has drifted does: logits 3 apart.
    model._network.exit.weight.zero_()
    model._network.exit.bias.copy_(torch.tensor([1.5, -1.5]))
    made = model.generate((64, 64, 64), seed=1, periodic=(1, 2)).read()
    # Balance: log odds = 3 + (log odds of the material - log odds) / 2. Alone the network gives 0.953.
    fractions = model.state["fractions"]
    odds = (3 + np.log(fractions[0] / fractions[1]) / 2) / 1.5
    assert np.mean(made[16:] == 0) == pytest.approx(1 / (1 + np.exp(-odds)), abs=0.01)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"crop_size": 18}, "crop_size=18: expected a multiple of 4"), ({"width": 0}, "width=0: expected at least 1")],
)
def test_settings_that_make_no_network_are_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        SliceRnn(**{"preset": "tiny"} | parameters)


def test_slices_do_not_repeat_along_axis_0(real):
    with pytest.raises(InputError, match="periodic"):
        SliceRnn(preset="tiny", steps=1).fit(real).generate((8, 16, 16), periodic=(0,))
