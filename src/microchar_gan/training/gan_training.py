"""One training: networks, optimisers and random states, step by step; its state can be saved and restored."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from microchar_gan.networks.attention import GlobalPools
from microchar_gan.networks.building import Network, build
from microchar_gan.networks.devices import exact_float32, to_device
from microchar_gan.networks.unet import UNet
from microchar_gan.settings import Settings
from microchar_gan.training import losses
from microchar_gan.training.calibration import shift_to
from microchar_gan.training.conditions import Conditions
from microchar_gan.training.learner import Learner
from microchar_gan.training.optimiser_state import under
from microchar_gan.training.slicing import RealSlices, as_labels, with_gumbel_noise
from microchar_gan.training.statistics import slice_descriptors
from microchar_gan.training.views import View, critics_of, views_of

#: Weight of a step in the running mean of the generated descriptors that the L1 term compares with the real ones.
_MEMORY = 0.05
#: Real windows for the descriptors of the material.
_WINDOWS = 1024
#: Added where a scatter or a gradient may vanish.
_TINY = 1e-12
#: Volumes for the statistics of the averaged generator; seed of their noise.
_SETTLING, _SETTLE_SEED = 16, 2
#: Largest edge of the volumes that samples are cut from; larger training volumes are samples themselves.
_LARGEST = 128


@dataclass(frozen=True)
class Losses:
    """Losses of one step; all must stay finite."""

    critic: float
    penalty: float
    generator: float
    l1: float
    #: Difference between a critic's mean scores of real and generated pieces, in their standard deviations; the
    #: largest of all critics.
    separation: float
    #: Share of the critics in what the generator is told to change of its volumes, by the norm of the gradients: 0 if
    #: the L1 term decides alone, 1 if the critics do.
    critics_share: float


class GanTrainer(Learner):
    """Generator and critics of one training, and everything that changes with a step.

    Parameters
    ----------
    settings : Settings
    real : RealSlices
        Real slices for the critics.
    device : torch.device
    half : bool
        Whether convolutions run in bfloat16; penalties and losses always use float32.
    seed : int
        Seed of weights, noise and slices. PyTorch's global random state does not change.
    """

    def __init__(self, settings: Settings, real: RealSlices, *, device: torch.device, half: bool, seed: int):
        super().__init__(device=device, half=half, seed=seed)
        self.settings, self.real = settings, real
        generator, critics = self.drawn(lambda: (build(settings, real.phases), critics_of(settings, real.phases)))
        self.generator = to_device(generator, device, torch.channels_last_3d)
        self.critics = nn.ModuleList(critics)
        self.views = views_of(settings, critics, real, self.rng, periodic=self.generator.torus)
        self.conditions = Conditions(real, settings.field) if settings.input == "slice" else None
        if settings.calibrate:
            self._calibrate()
        self.average = copy.deepcopy(self.generator).requires_grad_(False).eval()
        betas = (settings.beta1, settings.beta2)
        self.adam_generator = torch.optim.Adam(self.generator.parameters(), settings.rate, betas)
        self.adam_critics = torch.optim.Adam(self.critics.parameters(), settings.critic_rate, betas)
        self.targets = self._targets() if settings.uses_l1 and settings.l1_match == "descriptor" else {}
        self.running = {axis: torch.zeros_like(target) for axis, target in self.targets.items()}

    @torch.no_grad()
    def _calibrate(self) -> None:
        """Shift the logits so that the first volumes have the material's volume fractions.

        Other starts often lead to a single phase at first, and the training needs
        hundreds of steps to recover. The fractions of a trained network hardly depend
        on the shift, until it is so large that all the noise shows.
        """
        noise = self.draw_noise(1, self.noise, self._edge_ratio() * self.settings.field)
        self._shift_to_fractions(self.generator, [noise])

    def _shift_to_fractions(self, network: Network, noises: Iterable[Tensor]) -> None:
        logits = []
        for noise in noises:
            with self.autocast():
                logits.append(network(noise)[0].float().flatten(1))
        _shift(network).add_(shift_to(torch.cat(logits, dim=1), self.real.fractions))

    # --- a step ---

    def step(self) -> Losses:
        """Update the critics `n_critic` times, then the generator once."""
        with exact_float32(self.device):
            return self._step()

    def _step(self) -> Losses:
        self.generator.train()
        self._set_rates()
        for _ in range(self.settings.n_critic - 1):
            with torch.no_grad():
                volume = self._volume()
            self._critic_step(volume)
        # The last volume serves both the critics and the generator.
        volume = self._volume()
        critic, penalty, separation = self._critic_step(volume.detach())
        generator, l1, critics_share = self._generator_step(volume)
        if self.settings.calibrate:
            self._hold_fractions(volume)
        self.follow(self.average, self.generator, self.settings.ema)
        self.steps += 1
        return Losses(critic, penalty, generator, l1, separation, critics_share)

    @torch.no_grad()
    def _hold_fractions(self, volume: Tensor) -> None:
        """Shift the logits about a tenth of the way towards the material's volume fractions.

        A critic alone corrects the fractions of all slices at once, and for many steps
        too long: the fractions oscillate, and a phase can be lost.
        """
        shift = _shift(self.generator)
        made = torch.bincount(volume.argmax(dim=1).flatten(), minlength=len(shift)) / volume[:, 0].numel()
        shift.add_(torch.from_numpy(self.real.fractions).to(made) - made)

    def _set_rates(self) -> None:
        """Lower the learning rates gradually; competing networks do not converge at constant rates."""
        s = self.settings
        share = s.half_rate / (s.half_rate + self.steps) if s.half_rate else 1.0
        for adam, rate in ((self.adam_generator, s.rate), (self.adam_critics, s.critic_rate)):
            for group in adam.param_groups:
                group["lr"] = rate * share

    def _volume(self) -> Tensor:
        noise = self.draw_noise(self.settings.batch, self.noise, self.settings.field)
        with self.autocast():
            logits = self.generator(noise).float()
        if not self.settings.straight_through:
            return logits.softmax(dim=1)
        return as_labels(with_gumbel_noise(logits, self.settings.label_noise, self.noise).softmax(dim=1))

    def draw_noise(self, batch: int, source: torch.Generator, edge: int) -> Tensor:
        """Return noise for cubes, with slices written into it if the generator takes a slice."""
        shape = self.generator.noise_shape((edge,) * 3)
        noise = torch.randn((batch, *shape), generator=source, device=self.device)
        if self.conditions is not None:
            self.conditions.draw(noise, source)
        return noise.contiguous(memory_format=torch.channels_last_3d)

    def _critic_step(self, volume: Tensor) -> tuple[float, float, float]:
        s = self.settings
        loss_sum = penalty_sum = separation = 0.0
        self.adam_critics.zero_grad(set_to_none=True)
        for view in self.views:
            if view.critic is None:
                continue
            fake = view.generated(volume)
            real = view.real(len(fake))
            with self.autocast():
                if s.critic_norm == "batch":
                    # Normalise real and generated pieces apart: the generator's step has no real ones.
                    of_real, of_fake = _scores(view, real), _scores(view, fake)
                else:
                    of_real, of_fake = _scores(view, torch.cat([real, fake])).split(len(real))
            loss = losses.critic_loss(of_real, of_fake)
            # The penalty is the most expensive part; a third of many pieces estimates the slope as well.
            few = slice(None, None, 3 if s.lipschitz == "gp" and len(real) >= 24 else 1)
            shape = (len(real[few]), *[1] * (real.ndim - 1))
            share = torch.rand(shape, generator=self.noise, device=self.device)
            penalty = losses.lipschitz_penalty(s.lipschitz, view.critic, real[few], fake[few], share)
            (loss + s.penalty_weight * penalty).backward()
            loss_sum, penalty_sum = loss_sum + float(loss.detach()), penalty_sum + float(penalty.detach())
            separation = max(separation, _separation(of_real.detach(), of_fake.detach()))
        self.adam_critics.step()
        if s.lipschitz == "clip":
            losses.clip_weights(self.critics, s.clip)
        return loss_sum, penalty_sum, separation

    def _generator_step(self, volume: Tensor) -> tuple[float, float, float]:
        s = self.settings
        self.critics.requires_grad_(False)
        score, l1 = volume.new_zeros(()), volume.new_zeros(())
        for view in self.views:
            fake = view.generated(volume)
            if view.critic is not None:
                with self.autocast():
                    score = score + losses.generator_loss(_scores(view, fake))
            if s.compares_slices and view.axis is not None:
                l1 = l1 + self._l1(view, fake)
        if self.conditions is not None and s.uses_l1 and s.l1_match == "conditional":
            l1 = self.conditions.l1(volume)
        self.adam_generator.zero_grad(set_to_none=True)
        share = min(1.0, (self.steps + 1) / s.warm_up) if s.warm_up and s.uses_l1 else 1.0
        of_critics = _gradient(share * s.lambda_w * score, volume)
        of_l1 = _gradient(s.lambda_l1 * l1, volume)
        volume.backward(of_critics + of_l1)
        self.adam_generator.step()
        self.critics.requires_grad_(True)
        norms = float(of_critics.norm()), float(of_l1.norm())
        return float(score.detach()), float(l1.detach()), norms[0] / (sum(norms) + _TINY)

    # --- the L1 term ---

    def _l1(self, view: View, fake: Tensor) -> Tensor:
        if self.settings.l1_match == "index":
            return (fake - view.real(len(fake))).abs().mean()
        assert view.axis is not None
        axis = view.axis
        # A single volume may scatter as real ones do: the term compares the mean over many with the target.
        now = slice_descriptors(fake)
        if self.steps == 0:
            self.running[axis] = now.detach()
        mixed = self.running[axis].lerp(now, _MEMORY)
        self.running[axis] = mixed.detach()
        return (mixed - self.targets[axis]).abs().mean() / _MEMORY

    def _targets(self) -> dict[int, Tensor]:
        """Return the descriptors of the real slices, by the axis they are normal to."""
        axes = range(3) if self.settings.anisotropic else (0,)
        targets = {}
        for axis in axes:
            with torch.no_grad():
                total = slice_descriptors(self.real.one_hot(self.real.draw(axis, _WINDOWS, self.rng)))
            # Slices of an isotropic material look alike along both of their axes.
            targets[axis] = total if self.settings.anisotropic else total.mean(dim=0, keepdim=True).expand_as(total)
        return targets

    # --- samples of the averaged generator ---

    @torch.no_grad()
    def settled(self, weights: Mapping[str, Tensor] | None = None, volumes: int = _SETTLING) -> Network:
        """Return a copy of the averaged generator whose frozen statistics are of its own volumes.

        The statistics that the live generator gathered fit its weights only; with the
        averaged weights they can give volumes of a single phase. `weights` replaces the
        weights of the averaged generator by earlier ones.
        """
        network = copy.deepcopy(self.average)
        if weights is not None:
            network.load_state_dict(weights)
        for module in network.modules():
            if isinstance(module, GlobalPools):
                module.reset()
            if isinstance(module, nn.BatchNorm3d):
                module.reset_running_stats()
                module.momentum = None  # the plain mean over batches
        network.train()
        for noise in self._noise_for_use(volumes, torch.Generator(self.device).manual_seed(_SETTLE_SEED)):
            with self.autocast():
                network(noise)
        network.eval()
        if self.settings.calibrate and self.settings.straight_through:
            self._hold_average(network, volumes)
        return network

    @torch.no_grad()
    def _hold_average(self, network: Network, volumes: int) -> None:
        """Shift the logits so that the averaged generator also has the material's volume fractions.

        Training on labels leaves many voxels nearly undecided. The averaged weights
        decide them differently from the latest weights, which changes the fractions by
        some 0.01. Training on probabilities leaves few such voxels.
        """
        noises = self._noise_for_use(volumes, torch.Generator(self.device).manual_seed(_SETTLE_SEED))
        self._shift_to_fractions(network, noises)

    def _edge_ratio(self) -> int:
        """Return the edge of the volumes for scores and statistics, in edges of the training volumes.

        Training volumes are single periods, and the U-net sees around the period: twice
        the edge represents generated volumes better. Volumes around a slice have the
        size of the training volumes, and beyond `_LARGEST` the difference is small.
        """
        sees_around = self.generator.torus and self.conditions is None
        return 2 if sees_around and 2 * self.settings.field <= _LARGEST else 1

    def _noise_for_use(self, count: int, source: torch.Generator) -> Iterator[Tensor]:
        """Yield noise for volumes worth at least `count` training volumes; every second one is the negative.

        If noise gives more of a phase than usual, its negative gives less: the mean over
        both is nearer to the mean over all noise.
        """
        ratio = self._edge_ratio()
        channels = None if self.conditions is None else self.settings.noise_channels
        for _ in range(-(-count // (2 * ratio**3))):
            noise = self.draw_noise(1, source, ratio * self.settings.field)
            yield noise
            noise[:, :channels].neg_()
            yield noise

    @torch.no_grad()
    def samples(self, count: int, seed: int, network: Network | None = None) -> list[np.ndarray]:
        """Return the labels of cubes of the training's size, made by a network; default: `settled`."""
        network = network or self.settled()
        edge = self.settings.field
        made: list[np.ndarray] = []
        for noise in self._noise_for_use(count, torch.Generator(self.device).manual_seed(seed)):
            with self.autocast():
                labels = network(noise)[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
            corners = product(range(0, len(labels), edge), repeat=3)
            made += [labels[a : a + edge, b : b + edge, c : c + edge].copy() for a, b, c in corners]
        return made[:count]

    # --- the state ---

    def modules(self) -> dict[str, nn.Module]:
        """Return the generator, its average and the critics."""
        return {"generator": self.generator, "average": self.average, "critics": self.critics}

    def optimisers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimisers of generator and critics."""
        return {"adam_generator": self.adam_generator, "adam_critics": self.adam_critics}

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that change with a step, by name."""
        running = {f"running/{axis}": value for axis, value in self.running.items()}
        targets = {f"targets/{axis}": value for axis, value in self.targets.items()}
        return super().tensors() | running | targets

    def restore(self, tensors: dict[str, Tensor], steps: int, rng: dict[str, Any]) -> None:
        """Restore the state of a training: its tensors, its number of steps and the state of `rng`."""
        super().restore(tensors, steps, rng)
        self.running = {int(axis): value.to(self.device) for axis, value in under(tensors, "running").items()}
        self.targets = {int(axis): value.to(self.device) for axis, value in under(tensors, "targets").items()}


def _gradient(loss: Tensor, volume: Tensor) -> Tensor:
    """Return the gradient of a term of the loss by the volume; zero where the term does not depend on it."""
    # The terms share the slices: the graph of the first is still needed for the second.
    return torch.autograd.grad(loss, volume, retain_graph=True)[0] if loss.requires_grad else torch.zeros_like(volume)


def _scores(view: View, pieces: Tensor) -> Tensor:
    assert view.critic is not None
    return view.critic(pieces.contiguous(memory_format=view.order)).float()


def _shift(network: Network) -> Tensor:
    """Return the shift of a U-net's logits; settings refuse `calibrate` for other networks."""
    assert isinstance(network, UNet)
    return network.shift


def _separation(real: Tensor, fake: Tensor) -> float:
    spread = (real.var(correction=0) + fake.var(correction=0)).div(2).sqrt()
    return float((real.mean() - fake.mean()) / (spread + _TINY))
