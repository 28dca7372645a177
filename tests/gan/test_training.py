"""Training: calibrated starts, learning rates, the best by score and not the last, and that it learns."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
import torch

from gan.trainings import CPU, SMALL, Scripted, fit_with, rows, same, trainer_of
from microchar.comparison.held_out import DEFAULT_METRICS, HeldOut
from microchar.core.volume import as_volume
from microchar_gan.gan import UnetGan
from microchar_gan.networks.conditioning import one_hot
from microchar_gan.settings import settings_of
from microchar_gan.training.calibration import shift_to
from microchar_gan.training.gan_fitting import BEST
from microchar_gan.training.gan_training import GanTrainer
from microchar_gan.training.slicing import RealSlices
from microchar_gan.training.statistics import slice_descriptors


@pytest.mark.parametrize("fractions", [(0.7, 0.3), (0.05, 0.95), (0.5, 0.3, 0.2), (0.1, 0.1, 0.8)])
def test_shifted_logits_win_in_the_fractions_asked_for(fractions):
    torch.manual_seed(0)
    logits = torch.randn(len(fractions), 40_000) * 3 + torch.linspace(-2, 2, len(fractions))[:, None]
    labels = (logits + shift_to(logits, np.array(fractions))[:, None]).argmax(dim=0)
    shares = np.bincount(labels.numpy(), minlength=len(fractions)) / 40_000
    np.testing.assert_allclose(shares, fractions, atol=2e-3)


@pytest.mark.parametrize("fractions", [(0.8, 0.2), (0.5, 0.3, 0.2)])
def test_a_calibrated_training_begins_with_the_fractions_of_the_material(field, fractions):
    labels = field((36, 36, 36), seed=2, fractions=fractions)

    def shares(calibrate):
        made = np.stack(trainer_of(labels, calibrate=calibrate).samples(4, seed=0))
        return np.bincount(made.ravel(), minlength=len(fractions)) / made.size

    # Shifted by one volume; others of the same network are not quite like it.
    np.testing.assert_allclose(shares(True), fractions, atol=0.05)
    assert np.abs(shares(False) - fractions).max() > 0.1


@pytest.mark.parametrize("fractions", [(0.8, 0.2), (0.5, 0.3, 0.2)])
def test_a_training_holds_the_fractions_of_the_material(field, fractions):
    labels = field((36, 36, 36), seed=2, fractions=fractions)

    def live(trainer):
        made = [trainer._volume().argmax(dim=1) for _ in range(4)]
        return torch.bincount(torch.stack(made).flatten(), minlength=len(fractions)).numpy() / (4 * made[0].numel())

    # Nothing is learnt: what brings a lost phase back is that the logits are shifted.
    trainer = trainer_of(labels, rate=0.0, critic_rate=0.0)
    with torch.no_grad():
        trainer.generator.shift[-1] -= 6
    assert live(trainer)[-1] < fractions[-1] / 3
    for _ in range(60):
        trainer.step()
    np.testing.assert_allclose(live(trainer), fractions, atol=0.03)


def test_label_noise_is_in_what_critics_see_and_not_in_what_is_made(field):
    labels = field((36, 36, 36), seed=2)
    still, noisy = (trainer_of(labels, label_noise=scale) for scale in (0.0, 1e6))
    # So much noise that logits no longer count: each of two phases is a fair guess.
    differ = still._volume().argmax(dim=1) != noisy._volume().argmax(dim=1)
    assert 0.48 < float(differ.float().mean()) < 0.52
    np.testing.assert_array_equal(still.samples(2, seed=0), noisy.samples(2, seed=0))


@pytest.mark.parametrize("half_rate", [0, 2])
def test_rates_are_half_after_as_many_steps_as_asked_for(real, half_rate):
    trainer = trainer_of(real, half_rate=half_rate, rate=1e-3, critic_rate=4e-3)
    rates = []
    for _ in range(3):
        trainer.step()
        rates.append([adam.param_groups[0]["lr"] for adam in (trainer.adam_generator, trainer.adam_critics)])
    # The third step is the one after two.
    assert rates[0] == [1e-3, 4e-3]
    np.testing.assert_allclose(rates[2], [5e-4, 2e-3] if half_rate else [1e-3, 4e-3])


def test_the_best_by_score_is_kept_and_not_the_last(real, tmp_path):
    trainer = trainer_of(real, score_every=2)
    kept = {}

    def progress(fraction, text):
        kept[trainer.steps] = trainer.settled().state_dict()

    fit = fit_with(trainer, Scripted(3.0, 1.5, 2.0), 6, tmp_path)
    best = fit.run(progress)
    assert (fit.best_step, fit.best_total) == (4, pytest.approx(1.5))
    assert same(fit.best, kept[4])
    assert not same(fit.best, trainer.settled().state_dict())
    # The model has these weights; its statistics and the shift to the volume fractions are of more volumes.
    for name, _ in trainer.average.named_parameters():
        if name != "shift":
            torch.testing.assert_close(best[name], fit.best[name], rtol=0, atol=0)
    assert same(best, trainer.settled(fit.best, 64).state_dict())
    assert not same(best, fit.best)
    # What lies beside the checkpoint was written with the best.
    assert (tmp_path / BEST).read_text() == "4"
    assert [(row["step"], round(float(row["total"]), 9)) for row in rows(tmp_path)] == [("2", 3), ("4", 1.5), ("6", 2)]


def test_weights_whose_samples_connect_are_chosen_over_ones_that_agree_in_all_else(field):
    fractions = (0.3, 0.7)
    held_out = field((64, 64, 64), seed=1, fractions=fractions)

    def cut(labels):
        corners = product((0, 32), repeat=3)
        return [labels[a : a + 32, b : b + 32, c : c + 32].copy() for a, b, c in corners]

    # The same material with a wall of one voxel across each axis; and one of wider pores, which connect.
    walled = cut(field((64, 64, 64), seed=2, fractions=fractions))
    for sample in walled:
        sample[16] = sample[:, 16] = sample[:, :, 16] = 1
    wider = cut(field((64, 64, 64), seed=3, sigma=2.8, fractions=fractions))

    def chosen(metrics):
        trainer = trainer_of(held_out, score_every=1)
        made = iter([walled, wider])
        trainer.samples = lambda count, seed, network: next(made)
        fit = fit_with(trainer, HeldOut(held_out, (32, 32, 32), metrics), 2)
        fit.run(lambda fraction, text: None)
        return fit.best_step

    connection = {"largest_cluster_fraction", "percolating_fraction"}
    assert chosen([metric for metric in DEFAULT_METRICS if metric not in connection]) == 1
    assert chosen(None) == 2


def test_samples_without_a_phase_are_never_the_best(real):
    trainer = trainer_of(real, score_every=1, rate=0.0)
    made = trainer.samples
    lacking = iter([True, False, True])

    def samples(count, seed, network):
        found = made(count, seed, network)
        return [np.zeros_like(one) for one in found] if next(lacking) else found

    trainer.samples = samples
    fit = fit_with(trainer, Scripted(1.0, 9.0, 0.5), 3)
    fit.run(lambda fraction, text: None)
    assert (fit.best_step, fit.best_total) == (2, pytest.approx(9.0))


def test_the_history_holds_what_was_measured(real, tmp_path):
    model = UnetGan(preset="tiny", steps=5, score_every=2, **SMALL)
    said = []
    model.fit(as_volume(real, phases=("pore", "grain")), folder=tmp_path, progress=lambda f, text: said.append(text))
    found = rows(tmp_path)
    assert [row["step"] for row in found] == ["2", "4", "5"]
    columns = set(found[0])
    assert columns >= {
        "critic", "penalty", "generator", "l1", "separation", "critics_share", "volume_fraction_pore",
        "volume_fraction_grain", "s2_error", "total", "spread", "two_point_correlation", "lineal_path",
        "euler_characteristic", "largest_cluster_fraction", "percolating_fraction",
    }  # fmt: skip
    # Selection never looks at image similarity.
    assert not columns & {"ssim", "psnr"}
    for row in found:
        assert float(row["volume_fraction_pore"]) + float(row["volume_fraction_grain"]) == pytest.approx(1)
        assert all(np.isfinite(float(row[key])) for key in columns if row[key])
    best = min(found, key=lambda row: float(row["total"]))
    assert model.history["best_score"] == float(best["total"])
    assert model.history["best_step"] == int(best["step"])
    assert "too small to hold a part out" in model.history["held_out"]
    json.dumps(model.history)
    # The line that a terminal shows: step, losses, volume fraction, S2 error.
    for part in ("step 3", "critic", "generator", "volume fraction", "S2 error", "score"):
        assert part in said[3]


def test_volumes_may_be_larger_than_the_slices_that_the_critic_sees(real, tmp_path):
    UnetGan(preset="tiny", field=36, slice_size=32, steps=1).fit(real, folder=tmp_path / "fit")
    (row,) = rows(tmp_path / "fit")
    assert 0 < float(row["s2_error"]) < 1


def test_a_split_training_is_judged_by_what_it_has_not_seen(field):
    labels = field((150, 36, 36), seed=4)
    model = UnetGan(preset="tiny", steps=1, **SMALL).fit(labels)
    assert "held out" in model.history["held_out"]
    assert "for training" in model.history["held_out"]


def test_two_hundred_steps_come_nearer_to_the_material(field):
    labels = field((64, 64, 64), seed=7)
    quarters = [labels[:, a : a + 32, b : b + 32] for a in (0, 32) for b in (0, 32)]
    target = slice_descriptors(one_hot(torch.from_numpy(np.concatenate(quarters)), 2))
    # Without calibration the untrained network makes halves, whatever the material.
    settings = settings_of("tiny", {"calibrate": False})
    trainer = GanTrainer(settings, RealSlices(labels, 2, 32, CPU, isotropic=True), device=CPU, half=False, seed=0)

    def errors():
        made = torch.from_numpy(np.concatenate(trainer.samples(4, seed=1)))
        away = (slice_descriptors(one_hot(made, 2)) - target).abs()
        return float(away[:, :, 0].mean()), float(away[:, :, 1:].mean())

    fraction, s2 = errors()
    for _ in range(200):
        trainer.step()
    fraction_after, s2_after = errors()
    assert fraction > 0.1
    assert fraction_after < fraction / 2
    assert s2_after < s2 / 2
