"""Training: calibrated starts, exact resumption, the best by score and not the last, warnings, and that it learns."""

from __future__ import annotations

import copy
import csv
import dataclasses
import itertools
import json
import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from microchar.errors import InputError
from microchar.held_out import HeldOut
from microchar.score import Score
from microchar.training import Material
from microchar.volume import as_volume
from microchar_gan import fitting
from microchar_gan.attention import GlobalPools
from microchar_gan.calibration import shift_to
from microchar_gan.checkpoint import NAME, load_checkpoint, save_checkpoint
from microchar_gan.fitting import BEST, HISTORY, Fit
from microchar_gan.generators import SliceGan, UnetGan
from microchar_gan.settings import settings_of
from microchar_gan.slicing import RealSlices, one_hot
from microchar_gan.statistics import slice_descriptors
from microchar_gan.trainer import Losses, Trainer
from microchar_gan.watch import TrainingError, Watch

CPU = torch.device("cpu")
#: A step takes a twentieth of a second.
SMALL = {"width": 4, "mhfa_kernels": (), "msca_kernels": (), "cbam": False, "slices_per_axis": 4, "critic_width": 2}


@pytest.fixture(scope="module")
def real(field):
    return field((40, 36, 36), seed=5)


def trainer_of(labels, seed=1, **changes):
    settings = settings_of("tiny", SMALL | changes)
    slices = RealSlices(labels, int(labels.max()) + 1, settings.slice_size, CPU, isotropic=not settings.anisotropic)
    return Trainer(settings, slices, device=CPU, half=False, seed=seed)


# --- the start --------------------------------------------------------------------


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


# --- what is made with frozen statistics -------------------------------------------


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


# --- resumption -------------------------------------------------------------------


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


KINDS = {
    "default": {},
    "normalised within": {"mhfa_kernels": (3,), "msca_kernels": (3,), "cbam": True, "norm_within": True},
    "paper": {"norm": "batch", "critic_norm": "batch", "lipschitz": "clip", "l1_match": "index", "beta1": 0.9},
    "all modules": {
        "mhfa_kernels": (3,),
        "msca_kernels": (3,),
        "cbam": True,
        "norm": "none",
        "norm_within": False,
        "ema": 0.0,
        "half_rate": 5,
    },
    "anisotropic": {"anisotropic": True, "lipschitz": "r1r2", "n_critic": 2, "slices_per_axis": 2},
}


def test_scoring_changes_nothing_of_the_training(real):
    scored, unscored = trainer_of(real), trainer_of(real)
    scored.step(), unscored.step()
    scored.samples(2, seed=0)
    assert same(scored.tensors(), unscored.tensors())
    assert scored.step() == unscored.step()


@pytest.mark.parametrize(
    ("kind", "half"), [("default", 10), ("normalised within", 3), ("paper", 3), ("all modules", 3), ("anisotropic", 3)]
)
def test_twenty_steps_are_ten_and_a_checkpoint_and_ten_to_the_bit(real, kind, half, tmp_path):
    whole = trainer_of(real, **KINDS[kind])
    expected = [whole.step() for _ in range(half)]
    whole.samples(1, seed=0)
    expected += [whole.step() for _ in range(half)]
    first = trainer_of(real, **KINDS[kind])
    found = [first.step() for _ in range(half)]
    first.samples(1, seed=0)
    save_checkpoint(tmp_path, first.tensors(), {"steps": first.steps, "rng": first.rng.bit_generator.state})
    tensors, about = load_checkpoint(tmp_path, {})
    # Another seed: all that it draws at its start is replaced.
    second = trainer_of(real, seed=7, **KINDS[kind])
    second.restore(tensors, about["steps"], about["rng"])
    found += [second.step() for _ in range(half)]
    assert found == expected
    assert len({losses.critic for losses in found}) == 2 * half
    assert same(whole.tensors(), second.tensors())
    assert {key.partition("/")[0] for key in whole.tensors()} >= {
        "generator", "average", "critics", "adam_generator", "adam_critics", "noise",
    }  # fmt: skip
    np.testing.assert_array_equal(whole.samples(1, seed=3), second.samples(1, seed=3))
    assert whole.step() == second.step()


class Stop(Exception):
    """What the callback raises."""


def stop_at(step):
    def callback(fraction, text):
        if text.startswith(f"step {step},"):
            raise Stop

    return callback


def states():
    numpy = np.random.get_state()[1]  # noqa: NPY002 - to see that nobody touches it
    return torch.get_rng_state().numpy().tobytes(), numpy.tobytes(), random.getstate()


def rows(folder):
    with (folder / HISTORY).open(newline="", encoding="utf-8") as file:
        return [{key: value for key, value in row.items() if key != "minutes"} for row in csv.DictReader(file)]


def test_a_fit_that_was_stopped_goes_on_as_if_it_had_not_been(real, tmp_path):
    torch.manual_seed(5)
    before = states()
    made = {"preset": "tiny", "steps": 20, "score_every": 8, **SMALL}
    whole = UnetGan(**made).fit(real, seed=3, folder=tmp_path / "whole")
    stopped = UnetGan(**made)
    with pytest.raises(Stop):
        stopped.fit(real, seed=3, folder=tmp_path / "parts", callback=stop_at(10))
    assert not stopped.state
    with pytest.raises(Stop):
        stopped.fit(real, seed=3, folder=tmp_path / "parts", resume=True, callback=stop_at(13))
    stopped.fit(real, seed=3, folder=tmp_path / "parts", resume=True)
    assert whole.state.keys() == stopped.state.keys()
    assert all(np.array_equal(whole.state[key], stopped.state[key]) for key in whole.state)
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
    # The best so far, to be ranked amid a training, is in the end the model but for what is measured on it then.
    best = UnetGan.load(tmp_path / "parts" / BEST)
    weights = [key for key in whole.state if key.endswith(("weight", "bias", "shift"))]
    assert weights
    assert all(np.array_equal(best.state[key], whole.state[key]) for key in weights)
    assert best.state["halo"] >= whole.state["halo"]
    left = [load_checkpoint(tmp_path / name, {})[0] for name in ("whole", "parts")]
    assert same(*left)
    assert {"minutes": 0} | whole.history | {"minutes": 0} == {"minutes": 0} | stopped.history | {"minutes": 0}
    assert before == states()


def test_checkpoints_are_written_by_the_clock(real, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "_BETWEEN", -1.0)
    seen = []

    def callback(fraction, text):
        seen.append(load_checkpoint(tmp_path, {})[1]["steps"] if (tmp_path / NAME).exists() else 0)

    UnetGan(preset="tiny", steps=3, **SMALL).fit(real, folder=tmp_path, callback=callback)
    assert seen == [0, 1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([NAME, HISTORY, BEST])


def test_the_time_budget_counts_the_runs_before(real, tmp_path, monkeypatch):
    # A clock on which every look takes a quarter of a minute.
    now = iter(range(0, 10**6, 15))
    monkeypatch.setattr(fitting.time, "monotonic", lambda: float(next(now)))
    model = UnetGan(preset="tiny", minutes=3.0, **SMALL)
    with pytest.raises(Stop):
        model.fit(real, folder=tmp_path, callback=stop_at(1))
    spent = load_checkpoint(tmp_path, {})[1]["minutes"]
    assert 0 < spent < 3
    fractions = []
    model.fit(real, folder=tmp_path, resume=True, callback=lambda fraction, text: fractions.append(fraction))
    assert fractions[0] > spent / 3
    assert all(0 < fraction <= 1 for fraction in fractions)
    assert 3.0 <= model.history["minutes"] < 6


@pytest.fixture(scope="module")
def begun(real, tmp_path_factory):
    """The folder of a fit of one step and of seed 3."""
    folder = tmp_path_factory.mktemp("begun")
    UnetGan(preset="tiny", steps=1, **SMALL).fit(real, seed=3, folder=folder)
    return folder


@pytest.fixture
def progress(begun, tmp_path):
    return Path(shutil.copytree(begun, tmp_path / "progress"))


def resumed(labels, progress, seed=3, steps=1, **changes):
    return UnetGan(preset="tiny", steps=steps, **SMALL | changes).fit(labels, seed=seed, folder=progress, resume=True)


def test_a_fit_may_go_on_for_more_steps(real, progress):
    assert resumed(real, progress, steps=2).history["steps"] == 2


def test_a_checkpoint_of_another_training_is_not_gone_on_from(real, progress):
    with pytest.raises(InputError, match=r"another training \(seed"):
        resumed(real, progress, seed=4)
    with pytest.raises(InputError, match=r"another training \(settings"):
        resumed(real, progress, rate=1e-4)
    with pytest.raises(InputError, match=r"another training \(data"):
        resumed(1 - real, progress)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "nothing to resume"),
        (lambda path: path.write_bytes(path.read_bytes()[:1000]), "damaged, or no checkpoint"),
        (
            lambda path: path.write_bytes(path.read_bytes().replace(b'{\\"format\\": 1', b'{\\"format\\": 9')),
            "format 9",
        ),
    ],
)
def test_damaged_checkpoints_are_refused(real, progress, spoil, message):
    spoil(progress / NAME)
    with pytest.raises(InputError, match=message):
        resumed(real, progress)


# --- scores -----------------------------------------------------------------------


class Scripted(HeldOut):
    """Scores as they are written down."""

    def __init__(self, *totals):
        self.totals = iter(totals)

    def score(self, samples):
        total = next(self.totals)
        assert len(samples) > 1
        return Score(ratios={"volume_fraction": total}, excesses={"volume_fraction": total - 1})


def fit_with(trainer, held_out, steps, folder=None):
    material = Material(phases=("pore", "solid"), grey_values=(0, 1))
    return Fit(
        trainer, held_out, material, minutes=1.0, steps=steps, identity={}, folder=folder,
        keep=lambda best, path: path.write_text(str(trainer.steps)),
    )  # fmt: skip


def test_the_best_by_score_is_kept_and_not_the_last(real, tmp_path):
    trainer = trainer_of(real, score_every=2)
    kept = {}

    def callback(fraction, text):
        kept[trainer.steps] = trainer.settled().state_dict()

    fit = fit_with(trainer, Scripted(3.0, 1.5, 2.0), 6, tmp_path)
    best = fit.run(callback)
    assert (fit.best_step, fit.best_total) == (4, pytest.approx(1.5))
    assert same(fit.best, kept[4])
    assert not same(fit.best, trainer.settled().state_dict())
    # The model has these weights, and statistics of more volumes.
    for name, _ in trainer.average.named_parameters():
        torch.testing.assert_close(best[name], fit.best[name], rtol=0, atol=0)
    assert same(best, trainer.settled(fit.best, 64).state_dict())
    assert not same(best, fit.best)
    # What lies beside the checkpoint was written with the best.
    assert (tmp_path / BEST).read_text() == "4"
    assert [(row["step"], round(float(row["total"]), 9)) for row in rows(tmp_path)] == [("2", 3), ("4", 1.5), ("6", 2)]


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
    model.fit(as_volume(real, phases=("pore", "grain")), folder=tmp_path, callback=lambda f, text: said.append(text))
    found = rows(tmp_path)
    assert [row["step"] for row in found] == ["2", "4", "5"]
    columns = set(found[0])
    assert columns >= {
        "critic", "penalty", "generator", "l1", "separation", "volume_fraction_pore", "volume_fraction_grain",
        "s2_error", "total", "spread", "two_point_correlation", "lineal_path", "euler_characteristic",
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
    assert "learnt from" in model.history["held_out"]


# --- going wrong ------------------------------------------------------------------

FINE = {"critic": -1.0, "penalty": 0.1, "generator": 0.5, "l1": 0.2, "separation": 1.0}


@pytest.mark.parametrize("name", FINE)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_losses_that_are_no_numbers_end_the_training(name, value):
    watch = Watch()
    watch.step(1, Losses(**FINE))
    with pytest.raises(TrainingError, match=f"step 2: the {name} loss is {value}.*rate="):
        watch.step(2, Losses(**FINE | {name: value}))


def test_a_training_that_diverges_says_so_and_keeps_the_checkpoint_from_before(real, tmp_path, monkeypatch):
    model = UnetGan(preset="tiny", steps=9, **SMALL)
    step = Trainer.step

    def diverging(trainer):
        found = step(trainer)
        return found if trainer.steps < 3 else Losses(**FINE | {"critic": float("nan")})

    monkeypatch.setattr(Trainer, "step", diverging)
    monkeypatch.setattr(fitting, "_BETWEEN", -1.0)
    with pytest.raises(TrainingError, match="diverged"):
        model.fit(real, folder=tmp_path)
    assert load_checkpoint(tmp_path, {})[1]["steps"] == 2
    assert not model.state


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
    # An untrained network may well lack one.
    assert found(10, lost) == (False, {})
    assert list(found(1000, [healthy[0]] * 4)[1]) == ["mode collapse"]
    assert list(found(1000, healthy, spread=0.1)[1]) == ["mode collapse"]
    assert "0.10 times" in found(1000, healthy, spread=0.1)[1]["mode collapse"]
    assert found(1000, healthy, spread=None) == (True, {})


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


# --- it learns --------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_two_hundred_steps_come_nearer_to_the_material(field, seed):
    labels = field((64, 64, 64), seed=7)
    quarters = [labels[:, a : a + 32, b : b + 32] for a in (0, 32) for b in (0, 32)]
    target = slice_descriptors(one_hot(torch.from_numpy(np.concatenate(quarters)), 2))
    # Without calibration the untrained network makes halves, whatever the material.
    settings = settings_of("tiny", {"calibrate": False})
    trainer = Trainer(settings, RealSlices(labels, 2, 32, CPU, isotropic=True), device=CPU, half=False, seed=seed)

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


def test_statistics_too_large_for_half_precision_survive_the_file(real, tmp_path, monkeypatch):
    def settled(trainer, *_):
        network = trainer.average
        network.logit_norm.running_var.fill_(1e6)
        return network

    monkeypatch.setattr(Trainer, "settled", settled)
    UnetGan(preset="tiny", steps=1, **SMALL).fit(real).save(tmp_path / "model.safetensors")
    assert (UnetGan.load(tmp_path / "model.safetensors").state["logit_norm.running_var"] == 1e6).all()
