"""Losses: their signs, penalties against analytic critics and autograd by hand, descriptors as the core's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import microchar as mc
from microchar_gan.networks.conditioning import one_hot
from microchar_gan.networks.critic import SliceCritic
from microchar_gan.settings import settings_of
from microchar_gan.training import losses
from microchar_gan.training.gan_training import GanTrainer
from microchar_gan.training.slicing import RealSlices
from microchar_gan.training.statistics import LAGS, LONGEST_PATH, lags_of, slice_descriptors, slice_s2

SMALLEST = settings_of("tiny", {"slice_size": 32, "critic_width": 2})

# --- signs ------------------------------------------------------------------------


def test_losses_have_the_signs_of_the_specification():
    real, fake = torch.tensor([3.0, 5.0]), torch.tensor([-1.0, 0.0, 4.0])
    # L_D = E D(G(z)) − E D(x); the generator's term is −E D(G(z)).
    assert losses.critic_loss(real, fake) == 1 - 4
    assert losses.generator_loss(fake) == -1


def toy(real, **changes):
    """A trainer with a generator of a few channels."""
    small = {"width": 4, "mhfa_kernels": (), "msca_kernels": (), "cbam": False, "slices_per_axis": 4, "warm_up": 0}
    settings = settings_of("tiny", small | changes)
    cpu = torch.device("cpu")
    return GanTrainer(settings, RealSlices(real, 2, 32, cpu, isotropic=True), device=cpu, half=False, seed=1)


@pytest.fixture(scope="module")
def real(field):
    return field((36, 36, 36), seed=5)


def parameters(module):
    return [parameter.detach().clone() for parameter in module.parameters()]


def equal(before, module):
    return all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def test_critic_steps_lower_its_loss_and_leave_the_generator(real):
    # An uncalibrated generator makes halves in specks, which are easily told from a rock: L_D falls from nothing.
    trainer = toy(real, rate=0.0, critic_rate=3e-3, calibrate=False)
    before = parameters(trainer.generator)
    found = [trainer.step().critic for _ in range(30)]
    assert abs(found[0]) < 0.2
    assert np.mean(found[-5:]) < -1
    assert equal(before, trainer.generator)


@pytest.mark.parametrize(
    ("l1_match", "straight_through"),
    [("none", False), ("descriptor", False), ("index", False), ("none", True), ("descriptor", True)],
)
def test_generator_steps_lower_its_loss_and_leave_the_critic(real, l1_match, straight_through):
    trainer = toy(real, critic_rate=0.0, l1_match=l1_match, straight_through=straight_through, slices_per_axis=32)
    before = parameters(trainer.critics)
    steps = [trainer.step() for _ in range(16)]
    found = [step.generator + step.l1 for step in steps]
    # Noise and slices are drawn anew in each step, which the means of four average over.
    assert np.mean(found[-4:]) < np.mean(found[:4])
    assert equal(before, trainer.critics)
    assert all(weight.requires_grad for weight in trainer.critics.parameters())


def test_the_critics_say_comes_in_by_and_by(real):
    # With next to no L1 the gradient is that of the critic, times its share. At rate 0 nothing else changes.
    def gradients(warm_up):
        trainer = toy(real, warm_up=warm_up, lambda_l1=1e-30, rate=0.0, critic_rate=0.0)
        found = []
        for _ in range(5):
            trainer.step()
            found.append(next(trainer.generator.parameters()).grad.clone())
        return found

    for share, part, full in zip((0.25, 0.5, 0.75, 1.0, 1.0), gradients(4), gradients(0), strict=True):
        torch.testing.assert_close(part, share * full)
        assert full.abs().max() > 0


@pytest.mark.parametrize("l1_match", ["descriptor", "index"])
def test_the_share_of_the_critics_is_told(real, l1_match):
    def shares(**changes):
        trainer = toy(real, l1_match=l1_match, critic_rate=0.0, rate=0.0, **changes)
        return [trainer.step().critics_share for _ in range(4)]

    assert shares(lambda_w=0.0) == [0.0] * 4
    assert shares(loss="wasserstein") == pytest.approx([1.0] * 4)
    # It rises with the weight of the critics' term, step by step in the warm-up.
    rising = shares(warm_up=4)
    assert rising == sorted(rising)
    assert rising[0] < rising[3] == pytest.approx(shares()[3])
    assert np.mean(shares(lambda_l1=1.0)) > np.mean(shares(lambda_l1=100.0))


# --- penalties --------------------------------------------------------------------


def slices(count=5, phases=2, edge=8):
    return torch.rand(count, phases, edge, edge, dtype=torch.float64)


def share(count):
    return torch.rand(count, 1, 1, 1, dtype=torch.float64)


def test_a_linear_critic_has_its_slope_everywhere():
    torch.manual_seed(0)
    weight = torch.randn(2 * 8 * 8, dtype=torch.float64, requires_grad=True)
    slope = float(weight.detach().norm())

    def critic(x):
        return x.flatten(1) @ weight + 7

    penalty = losses.gradient_penalty(critic, slices(), slices(), share(5))
    assert penalty.item() == pytest.approx((slope - 1) ** 2)
    # d/dw (|w| − 1)² = 2 (|w| − 1) w / |w|: the critic can learn from it.
    (gradient,) = torch.autograd.grad(penalty, weight)
    torch.testing.assert_close(gradient, 2 * (slope - 1) * weight.detach() / slope)
    assert losses.zero_centred_penalty(critic, slices()).item() == pytest.approx(slope**2 / 2)
    both = losses.lipschitz_penalty("r1r2", critic, slices(), slices(), share(5))
    assert both.item() == pytest.approx(slope**2)
    with torch.no_grad():
        weight /= weight.norm()
    assert losses.gradient_penalty(critic, slices(), slices(), share(5)).item() == pytest.approx(0, abs=1e-12)


def test_the_penalty_is_taken_at_the_mixtures():
    # D(x) = |x|²/2 has the gradient x: the penalty is that of the mixtures' norms.
    torch.manual_seed(1)
    real, fake, part = slices(), slices(), share(5)
    mixed = part * real + (1 - part) * fake
    expected = (mixed.flatten(1).norm(dim=1) - 1).square().mean()

    def critic(x):
        return x.flatten(1).square().sum(dim=1) / 2

    torch.testing.assert_close(losses.gradient_penalty(critic, real, fake, part), expected)
    torch.testing.assert_close(
        losses.lipschitz_penalty("r1r2", critic, real, fake, part),
        (real.flatten(1).square().sum(dim=1).mean() + fake.flatten(1).square().sum(dim=1).mean()) / 2,
    )


def test_the_penalty_is_that_of_autograd_by_hand():
    torch.manual_seed(2)
    critic = SliceCritic(SMALLEST, 2).double()
    real, fake, part = slices(3, edge=32), slices(3, edge=32), share(3)
    by_hand = []
    for x, y, u in zip(real, fake, part, strict=True):
        mixed = (u * x + (1 - u) * y).requires_grad_()
        critic(mixed[None]).backward()
        by_hand.append((mixed.grad.norm() - 1) ** 2)
    found = losses.gradient_penalty(critic, real, fake, part)
    torch.testing.assert_close(found, torch.stack(by_hand).mean())
    # Its derivative by a weight, against a difference.
    weight = critic.layers[2].weight
    (gradient,) = torch.autograd.grad(found, weight)
    step = 1e-6
    with torch.no_grad():
        weight[0, 0, 1, 1] += step
    after = losses.gradient_penalty(critic, real, fake, part)
    assert (after - found).item() / step == pytest.approx(gradient[0, 0, 1, 1].item(), rel=1e-3, abs=1e-8)


def test_a_flat_critic_has_finite_gradients():
    weight = torch.zeros(2 * 8 * 8, dtype=torch.float64, requires_grad=True)
    penalty = losses.gradient_penalty(lambda x: x.flatten(1) @ weight, slices(), slices(), share(5))
    (gradient,) = torch.autograd.grad(penalty, weight)
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    assert torch.isfinite(gradient).all()


def test_weights_are_clipped():
    torch.manual_seed(0)
    critic = SliceCritic(SMALLEST, 2)
    before = parameters(critic)
    losses.clip_weights(critic, 0.05)
    for old, new in zip(before, critic.parameters(), strict=True):
        assert torch.equal(new, old.clamp(-0.05, 0.05))
    assert losses.lipschitz_penalty("clip", critic, slices(), slices(), share(5)) == 0


@pytest.mark.parametrize(
    "changes",
    [{"lipschitz": "clip", "clip": 0.02}, {"lipschitz": "clip", "critic_norm": "batch"}, {"lipschitz": "r1r2"},
     {"loss": "wasserstein"}, {"anisotropic": True}, {"n_critic": 3}, {"batch": 2}],
)  # fmt: skip
def test_every_kind_of_step_gives_finite_losses_and_changes_all_kernels(real, changes):
    trainer = toy(real, **changes)
    before = parameters(trainer.critics), parameters(trainer.generator)
    found = trainer.step()
    assert all(np.isfinite(value) for value in vars(found).values())
    for old, module in zip(before, (trainer.critics, trainer.generator), strict=True):
        # (The last bias of a critic is in both of its scores, and takes no part.)
        changed = [not torch.equal(a, b) for a, b in zip(old, module.parameters(), strict=True) if a.ndim > 1]
        assert all(changed)
    assert (found.l1 > 0) == trainer.settings.uses_l1
    assert (found.penalty > 0) == (trainer.settings.lipschitz != "clip")
    assert len(trainer.critics) == (3 if trainer.settings.anisotropic else 1)
    if trainer.settings.lipschitz == "clip":
        assert max(weight.abs().max() for weight in parameters(trainer.critics)) <= trainer.settings.clip


# --- what the L1 term compares ----------------------------------------------------


@pytest.mark.parametrize(("edge", "phases"), [(32, 2), (48, 3)])
def test_descriptors_of_labels_are_the_metrics_of_the_core(field, edge, phases):
    fractions = (0.7, 0.3) if phases == 2 else (0.5, 0.3, 0.2)
    labels = field((5, edge, edge), seed=edge, fractions=fractions)
    slices = one_hot(torch.from_numpy(labels), phases)
    found, found_s2 = slice_descriptors(slices).numpy(), slice_s2(slices).numpy()
    metrics = ["volume_fraction", "two_point_correlation", "lineal_path"]
    measured = [mc.measure(mc.as_volume(image[None], phases=list("abc"[:phases])), metrics).results for image in labels]
    lags = lags_of(edge)
    paths = [lag for lag in lags if 0 < lag <= LONGEST_PATH]
    assert lags == [lag for lag in LAGS if lag <= edge // 2]
    assert found.shape == (2, phases, 1 + len(lags) + len(paths))
    # The last axis of a slice comes first.
    for axis, direction in enumerate(("2", "1")):
        for phase in range(phases):
            name = "abc"[phase]
            s2, path = (
                np.mean([r[metric].profile(phase=name, direction=direction).y for r in measured], axis=0)
                for metric in metrics[1:]
            )
            shares = [value.value for r in measured for value in r["volume_fraction"].values if value.phase == name]
            expected = [np.mean(shares), *s2[lags], *path[paths]]
            np.testing.assert_allclose(found[axis, phase], expected, rtol=0, atol=1e-6)  # single precision
            np.testing.assert_allclose(found_s2[axis, phase], s2[lags], rtol=0, atol=1e-6)


def test_descriptors_are_differentiable():
    logits = torch.randn(2, 2, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: slice_descriptors(x.softmax(dim=1)), (logits,))
