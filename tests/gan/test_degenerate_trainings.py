"""Trainings that go wrong are caught, and say what to do."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from gan.trainings import SMALL, Scripted, fit_with, rows, trainer_of
from microchar_gan.gan import SliceGan, UnetGan
from microchar_gan.training import loop
from microchar_gan.training.checkpoint import load_checkpoint
from microchar_gan.training.gan_training import GanTrainer, Losses
from microchar_gan.training.watch import TrainingError, Watch

FINE = {"critic": -1.0, "penalty": 0.1, "generator": 0.5, "l1": 0.2, "separation": 1.0, "critics_share": 0.5}


@pytest.mark.parametrize("name", FINE)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_losses_that_are_no_numbers_end_the_training(name, value):
    watch = Watch()
    watch.step(1, Losses(**FINE))
    with pytest.raises(TrainingError, match=f"step 2: the {name} loss is {value}.*rate="):
        watch.step(2, Losses(**FINE | {name: value}))


def test_a_training_that_diverges_says_so_and_keeps_the_checkpoint_from_before(real, tmp_path, monkeypatch):
    model = UnetGan(preset="tiny", steps=9, **SMALL)
    step = GanTrainer.step

    def diverging(trainer):
        found = step(trainer)
        return found if trainer.steps < 3 else Losses(**FINE | {"critic": float("nan")})

    monkeypatch.setattr(GanTrainer, "step", diverging)
    monkeypatch.setattr(loop, "_BETWEEN", -1.0)
    with pytest.raises(TrainingError, match="diverged"):
        model.fit(real, folder=tmp_path)
    assert load_checkpoint(tmp_path, {})[1]["steps"] == 2
    assert not model.state


def test_weights_that_an_update_broke_end_the_training_before_they_are_kept(real, tmp_path, monkeypatch):
    model = UnetGan(preset="tiny", steps=9, **SMALL)
    step = GanTrainer.step

    def breaking(trainer):
        found = step(trainer)
        if trainer.steps == 3:
            # As of a gradient that overflows: the losses of the step are from before.
            next(trainer.critics.parameters()).data[0, 0, 0, 0] = float("inf")
        return found

    monkeypatch.setattr(GanTrainer, "step", breaking)
    monkeypatch.setattr(loop, "_BETWEEN", -1.0)
    with pytest.raises(TrainingError, match="step 3: some weights are not finite; the training has diverged"):
        model.fit(real, folder=tmp_path)
    tensors, about = load_checkpoint(tmp_path, {})
    assert about["steps"] == 2
    assert all(value.isfinite().all() for value in tensors.values())


def test_a_critic_that_always_wins_is_named_once():
    watch = Watch()
    for number in range(299):
        watch.step(number, Losses(**FINE | {"separation": 50.0}))
    watch.step(299, Losses(**FINE))
    assert not watch.warnings
    for number in range(300, 1000):
        watch.step(number, Losses(**FINE | {"separation": 50.0}))
    assert list(watch.warnings) == ["critic saturation"]
    assert "penalty_weight=" in watch.warnings["critic saturation"]


def test_lost_phases_and_equal_samples_are_named():
    rng = np.random.default_rng(0)
    real = np.array([0.6, 0.3, 0.1])
    healthy = [rng.choice(3, (16, 16, 16), p=real).astype(np.uint8) for _ in range(4)]
    lost = [np.minimum(sample, 1) for sample in healthy]

    def found(number, samples, spread=1.0):
        watch = Watch()
        return watch.score(number, samples, real, spread), watch.warnings

    assert found(1000, healthy) == (True, {})
    whole, warnings = found(1000, lost)
    assert not whole
    assert list(warnings) == ["phase 2 lost"]
    assert "10.00%" in warnings["phase 2 lost"]
    assert "lambda_l1=" in warnings["phase 2 lost"]
    # An untrained network may well lack one; from step 50 on that is told.
    assert found(49, lost) == (False, {})
    assert list(found(50, lost)[1]) == ["phase 2 lost"]
    assert list(found(50, [healthy[0]] * 4)[1]) == ["mode collapse"]
    assert list(found(1000, [healthy[0]] * 4)[1]) == ["mode collapse"]
    assert list(found(1000, healthy, spread=0.1)[1]) == ["mode collapse"]
    assert "0.10 times" in found(1000, healthy, spread=0.1)[1]["mode collapse"]
    assert found(1000, healthy, spread=None) == (True, {})


@pytest.mark.parametrize(
    ("score_every", "expected"), [(50, ["50", "52"]), (1000, ["50", "52"]), (30, ["30", "50", "52"])]
)
def test_the_first_check_is_at_step_fifty_however_rarely_weights_are_scored(real, tmp_path, score_every, expected):
    trainer = trainer_of(real, score_every=score_every)
    trainer.steps = 28
    fit = fit_with(trainer, Scripted(*[1.0] * 9), 52, tmp_path)
    samples = trainer.samples
    trainer.samples = lambda *arguments: [np.zeros_like(one) for one in samples(*arguments)]
    seen = {}
    fit.run(lambda fraction, text: seen.update({trainer.steps: list(fit.watch.warnings)}))
    assert [row["step"] for row in rows(tmp_path)] == expected
    assert seen[49] == []
    assert seen[50] == ["phase 1 lost", "mode collapse"]


def test_advice_names_settings_that_the_generator_has():
    same = [np.zeros((8, 8, 8), np.uint8)] * 2
    for generator, unet in ((UnetGan, True), (SliceGan, False)):
        watch = Watch(unet=unet)
        watch.score(1000, same, np.array([0.6, 0.4]), spread=0.0)
        named = set(re.findall(r"(\w+)=", " ".join(watch.warnings.values())))
        assert len(watch.warnings) == 2
        assert named <= {field.name for field in dataclasses.fields(generator)}
        assert ("lambda_l1" in named) == unet


def test_warnings_outlast_a_resumption(real, tmp_path):
    fit = fit_with(trainer_of(real), Scripted(2.0), 1, tmp_path)
    fit.watch.warnings["critic saturation"] = "advice"
    fit.run(lambda fraction, text: None)
    again = fit_with(trainer_of(real), Scripted(1.0), 2, tmp_path)
    again.resume()
    assert again.watch.warnings == {"critic saturation": "advice"}
    said = []
    again.run(lambda fraction, text: said.append(text))
    assert "warning: critic saturation" in said[0]
