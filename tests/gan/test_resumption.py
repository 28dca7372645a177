"""A training that was stopped goes on as if it had not been, to the bit."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from gan.trainings import SMALL, rows, same, trainer_of
from microchar.core.errors import InputError
from microchar_gan.gan import UnetGan
from microchar_gan.training import loop
from microchar_gan.training.checkpoint import NAME, load_checkpoint, save_checkpoint
from microchar_gan.training.gan_fitting import BEST
from microchar_gan.training.loop import HISTORY

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
    "both critics": {"critic": "both", "crops": 1},
}


def test_scoring_changes_nothing_of_the_training(real):
    scored, unscored = trainer_of(real), trainer_of(real)
    scored.step(), unscored.step()
    scored.samples(2, seed=0)
    assert same(scored.tensors(), unscored.tensors())
    assert scored.step() == unscored.step()


@pytest.mark.parametrize(
    ("kind", "half"),
    [
        ("default", 10),
        ("normalised within", 3),
        ("paper", 3),
        ("all modules", 3),
        ("anisotropic", 3),
        ("both critics", 3),
    ],
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
    """What the progress raises."""


def stop_at(step):
    def progress(fraction, text):
        if text.startswith(f"step {step},"):
            raise Stop

    return progress


def states():
    numpy = np.random.get_state()[1]  # noqa: NPY002 - to see that nobody touches it
    return torch.get_rng_state().numpy().tobytes(), numpy.tobytes(), random.getstate()


def test_a_fit_that_was_stopped_goes_on_as_if_it_had_not_been(real, tmp_path):
    torch.manual_seed(5)
    before = states()
    made = {"preset": "tiny", "steps": 20, "score_every": 8, **SMALL}
    whole = UnetGan(**made).fit(real, seed=3, folder=tmp_path / "whole")
    stopped = UnetGan(**made)
    with pytest.raises(Stop):
        stopped.fit(real, seed=3, folder=tmp_path / "parts", progress=stop_at(10))
    assert not stopped.state
    with pytest.raises(Stop):
        stopped.fit(real, seed=3, folder=tmp_path / "parts", resume=True, progress=stop_at(13))
    stopped.fit(real, seed=3, folder=tmp_path / "parts", resume=True)
    assert whole.state.keys() == stopped.state.keys()
    assert all(np.array_equal(whole.state[key], stopped.state[key]) for key in whole.state)
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
    # The best so far, to be ranked amid a training, is in the end the model but for what is measured on it then.
    best = UnetGan.load(tmp_path / "parts" / BEST)
    weights = [key for key in whole.state if key.endswith(("weight", "bias"))]
    assert weights
    assert all(np.array_equal(best.state[key], whole.state[key]) for key in weights)
    assert best.state["halo"] >= whole.state["halo"]
    left = [load_checkpoint(tmp_path / name, {})[0] for name in ("whole", "parts")]
    assert same(*left)
    assert {"minutes": 0} | whole.history | {"minutes": 0} == {"minutes": 0} | stopped.history | {"minutes": 0}
    assert before == states()


def test_checkpoints_are_written_by_the_clock(real, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_BETWEEN", -1.0)
    seen = []

    def progress(fraction, text):
        seen.append(load_checkpoint(tmp_path, {})[1]["steps"] if (tmp_path / NAME).exists() else 0)

    UnetGan(preset="tiny", steps=3, **SMALL).fit(real, folder=tmp_path, progress=progress)
    assert seen == [0, 1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([NAME, HISTORY, BEST])


def test_the_time_budget_counts_the_runs_before(real, tmp_path, monkeypatch):
    # A clock on which every look takes a quarter of a minute.
    now = iter(range(0, 10**6, 15))
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(now)))
    model = UnetGan(preset="tiny", minutes=3.0, **SMALL)
    with pytest.raises(Stop):
        model.fit(real, folder=tmp_path, progress=stop_at(1))
    spent = load_checkpoint(tmp_path, {})[1]["minutes"]
    assert 0 < spent < 3
    fractions = []
    model.fit(real, folder=tmp_path, resume=True, progress=lambda fraction, text: fractions.append(fraction))
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
