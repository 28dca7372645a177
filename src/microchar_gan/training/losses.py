"""Losses of critic and generator, and penalties that keep the critic Lipschitz.

Gulrajani, I. et al. (2017), NeurIPS 30 (gradient penalty); Arjovsky, M. et al.
(2017), ICML, 214-223 (weight clipping); Mescheder, L. et al. (2018), ICML,
3481-3490 (penalties at real and generated samples).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from microchar_gan.settings import Lipschitz

Critic = Callable[[Tensor], Tensor]


def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Return E D(G(z)) − E D(x), the critic's loss without the penalty."""
    return fake_scores.mean() - real_scores.mean()


def generator_loss(fake_scores: Tensor) -> Tensor:
    """Return −E D(G(z)), the generator's loss."""
    return -fake_scores.mean()


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    r"""Return :math:`\langle (|\nabla D(\hat x)| - 1)^2 \rangle` at mixtures of real and generated slices.

    `share` (K, 1, 1, 1) is the weight of each real slice, uniform in [0, 1).
    """
    mixed = (share * real + (1 - share) * fake).requires_grad_()
    return (_slope(critic, mixed) - 1).square().mean()


def zero_centred_penalty(critic: Critic, slices: Tensor) -> Tensor:
    r"""Return :math:`\langle |\nabla D(x)|^2 \rangle / 2` at these slices (R1 for real, R2 for generated ones)."""
    return _slope(critic, slices.detach().clone().requires_grad_()).square().mean() / 2


def _slope(critic: Critic, slices: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(critic(slices).sum(), slices, create_graph=True)
    # The square root has no derivative at 0.
    return (gradient.flatten(1).square().sum(dim=1) + 1e-12).sqrt()


def clip_weights(critic: nn.Module, largest: float) -> None:
    """Clip every weight of the critic to [−largest, largest]."""
    with torch.no_grad():
        for weight in critic.parameters():
            weight.clamp_(-largest, largest)


def lipschitz_penalty(kind: Lipschitz, critic: Critic, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """Return the penalty of that kind; zero for clipped weights."""
    if kind == "gp":
        return gradient_penalty(critic, real, fake, share)
    if kind == "r1r2":
        return zero_centred_penalty(critic, real) + zero_centred_penalty(critic, fake)
    return real.new_zeros(())
