"""Small trainings, and what is read of them."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch

from microchar.comparison.held_out import HeldOut
from microchar.comparison.score import Score
from microchar.core.material import Material
from microchar_gan.networks.building import build_flow
from microchar_gan.settings import flow_settings_of, settings_of
from microchar_gan.tiling.flow_sampling import FlowModel
from microchar_gan.training.checkpoint import load_checkpoint, save_checkpoint
from microchar_gan.training.gan_fitting import GanFit
from microchar_gan.training.gan_training import GanTrainer
from microchar_gan.training.loop import HISTORY
from microchar_gan.training.slicing import RealSlices

CPU = torch.device("cpu")
#: A step takes a twentieth of a second.
SMALL = {"width": 4, "mhfa_kernels": (), "msca_kernels": (), "cbam": False, "slices_per_axis": 4, "critic_width": 2}


def trainer_of(labels, seed=1, preset="tiny", **changes):
    settings = settings_of(preset, SMALL | changes)
    slices = RealSlices(labels, int(labels.max()) + 1, settings.slice_size, CPU, isotropic=not settings.anisotropic)
    return GanTrainer(settings, slices, device=CPU, half=False, seed=seed)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def rows(folder):
    with (folder / HISTORY).open(newline="", encoding="utf-8") as file:
        return [{key: value for key, value in row.items() if key != "minutes"} for row in csv.DictReader(file)]


def check_that_checkpoints_are_exact(make, folder, n):
    """Do `n` steps with a trainer that `make` makes, and with two that hand over by a checkpoint; compare them."""
    whole, first, second = make(), make(), make(seed=7)
    expected = [whole.step(i / n) for i in range(n)]
    found = [first.step(i / n) for i in range(n // 2)]
    save_checkpoint(folder, first.tensors(), {"steps": first.steps, "rng": first.rng.bit_generator.state})
    tensors, about = load_checkpoint(folder, {})
    second.restore(tensors, about["steps"], about["rng"])
    found += [second.step(i / n) for i in range(n // 2, n)]
    assert found == expected
    assert len({tuple(losses.values()) for losses in found}) == n
    assert same(whole.tensors(), second.tensors())


class Stop(Exception):
    """What the progress of a fit raises."""


def check_that_a_stopped_fit_goes_on(make, real, folder, *, at):
    """Stop a fit of the generators that `make` makes at a step, resume it, and compare it with one that was not."""

    def stop(fraction, text):
        if text.startswith(f"step {at}"):
            raise Stop

    whole = make().fit(real, seed=3, folder=folder / "whole")
    parts = make()
    with pytest.raises(Stop):
        parts.fit(real, seed=3, folder=folder / "parts", progress=stop)
    parts.fit(real, seed=3, folder=folder / "parts", resume=True)
    assert all(np.array_equal(whole.state[key], parts.state[key]) for key in whole.state)
    assert rows(folder / "whole") == rows(folder / "parts")


class Scripted(HeldOut):
    """Scores as they are written down."""

    def __init__(self, *totals):
        self.totals = iter(totals)

    def score(self, samples, *, errors):
        total = next(self.totals)
        assert len(samples) > 1
        return Score(ratios={"volume_fraction": total}, excesses={"volume_fraction": total - 1})


def fit_with(trainer, held_out, steps, folder=None):
    material = Material(phases=("pore", "solid"), grey_values=(0, 1))
    return GanFit(
        trainer, held_out, material, minutes=1.0, steps=steps, identity={}, folder=folder,
        keep=lambda best, path: path.write_text(str(trainer.steps)),
    )  # fmt: skip


def flow_model_of(phases=2, **changes):
    """Return a model whose random weights act, whatever they do."""
    settings = flow_settings_of("tiny", changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = build_flow(settings, phases)
        for weight in network.parameters():
            # Some are zero at the start, and what they multiply would have no effect.
            torch.nn.init.normal_(weight, std=0.1)
    fields = network.outputs // 8
    return FlowModel(
        network.eval().requires_grad_(False), settings, network.reach, np.zeros(fields), np.ones(network.outputs),
        np.array([0.8, 0.2, 0.0]), np.eye(fields), np.zeros(phases),
    )  # fmt: skip
