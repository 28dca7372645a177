"""The page on watching a training: its code runs in order, keeps the best network, and stops early."""

from __future__ import annotations

import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

import microchar as mc
from conftest import ROOT
from microchar.testing.volumes import overlapping_spheres

PAGE = (ROOT / "docs" / "generators" / "training_loop.rst").read_text(encoding="utf-8")
BLOCKS = re.findall(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", PAGE)
THRESHOLDS = (0.5, 0.3, 0.1, -0.1, -0.3)


class Noise(torch.nn.Module):
    """A network whose only weight is the threshold of its noise, and which returns two channels."""

    def __init__(self):
        super().__init__()
        self.threshold = torch.nn.Parameter(torch.tensor(0.0))

    def forward(self, noise):
        size = 16
        whole = torch.stack([torch.randn(size, size, size, generator=_seeded(row)) for row in noise])
        return torch.stack([self.threshold.expand_as(whole), whole], dim=1)


def _seeded(row):
    return torch.Generator().manual_seed(int(1e6 * row.abs().sum()))


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Run the code of the page, with a stand-in for Lightning, and return what it defines."""
    monkeypatch.chdir(tmp_path)
    pytorch = ModuleType("lightning.pytorch")
    pytorch.Callback = object
    pytorch.callbacks = SimpleNamespace(EarlyStopping=lambda *a, **k: k, ModelCheckpoint=lambda *a, **k: k)
    monkeypatch.setitem(sys.modules, "lightning", ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", pytorch)
    sys.modules["lightning"].pytorch = pytorch
    real = overlapping_spheres((64, 32, 32), radius=3, void_fraction=0.4, seed=0)
    mc.write_volume(real.values * 255, "real.tif")
    names = {}
    for block in BLOCKS:
        exec(re.sub(r"^   ", "", block, flags=re.MULTILINE), names)
    return SimpleNamespace(**names)


def _step():
    """Return a step that sets the next threshold."""
    thresholds = iter(THRESHOLDS)

    def step(generator):
        with torch.no_grad():
            generator.threshold.fill_(next(thresholds))

    return step


def test_the_loop_keeps_the_best_network_and_stops(page):
    logged = {}
    best = page.train(
        Noise(), _step(), lambda floats, step: logged.update({step: floats}), steps=5, every=1, patience=2
    )
    totals = [floats["held_out/total"] for floats in logged.values()]
    assert best == min(totals)
    place = totals.index(best)
    assert len(totals) == min(5, place + 3)  # two more scores, without a better one
    assert float(torch.load("best.pt")["threshold"]) == pytest.approx(THRESHOLDS[place])


def test_every_logged_number_is_a_float_with_the_prefix(page):
    floats = page.held_out.score(page.samples(Noise())).as_floats("held_out/")
    assert all(type(value) is float and name.startswith("held_out/") for name, value in floats.items())
    assert {"held_out/total", "held_out/lower", "held_out/spread", "held_out/volume_fraction"} <= set(floats)
    written = []
    page.to_tensorboard(SimpleNamespace(add_scalar=lambda *entry: written.append(entry)))(floats, 7)
    assert written == [(name, value, 7) for name, value in floats.items()]


def test_a_lost_phase_is_scored_and_is_worse(page):
    lost = Noise()
    with torch.no_grad():
        lost.threshold.fill_(100)
    assert page.samples(lost).unique().tolist() == [0]
    scores = [page.held_out.score(page.samples(network), errors=False).total for network in (Noise(), lost)]
    assert scores[0] < scores[1]


@pytest.mark.parametrize("batch", [1, 2])
def test_one_hot_phases_and_probabilities_become_the_grey_values_they_stand_for(page, batch):
    labels = page.real.read()[None, :16, :16, :16].repeat(batch, axis=0)
    grey_values = np.array(page.real.grey_values)[labels]
    one_hot = np.stack([labels == phase for phase in range(2)], axis=1)
    probabilities = torch.from_numpy(0.2 + 0.6 * one_hot)
    for shares in (one_hot, probabilities):
        assert np.array_equal(page.volumes(shares), grey_values)
        assert np.array_equal(page.volumes(shares[0]), grey_values[0])
    assert page.held_out.score(page.volumes(one_hot), errors=False).n_samples == batch


def test_the_callback_logs_the_score_of_the_module(page):
    module = Noise()
    logged = {}
    module.log_dict = logged.update
    page.HeldOutScore(page.held_out, page.samples).on_train_epoch_end(None, module)
    assert logged == page.held_out.score(page.samples(module)).as_floats("held_out/")
