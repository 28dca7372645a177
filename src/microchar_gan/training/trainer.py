"""One training: networks, optimisers and random states, step by step; its state can be saved and restored."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from microchar_gan.networks.attention import GlobalPools
from microchar_gan.networks.building import Network, build
from microchar_gan.networks.critic import SliceCritic
from microchar_gan.networks.devices import exact_float32, to_device
from microchar_gan.networks.unet import UNet
from microchar_gan.settings import Settings
from microchar_gan.training import losses
from microchar_gan.training.calibration import shift_to
from microchar_gan.training.conditions import Conditions
from microchar_gan.training.optimiser_state import optimiser_tensors, restore_optimiser, under
from microchar_gan.training.slicing import RealSlices, as_labels, turned, volume_slices, with_gumbel_noise
from microchar_gan.training.statistics import slice_descriptors

#: Weight of a step in the running mean of the generated descriptors that the L1 term compares with the real ones.
_MEMORY = 0.05
#: Real windows for the descriptors of the material.
_WINDOWS = 1024
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
    #: Difference between the critic's mean scores of real and generated slices, in their standard deviations.
    separation: float


class Trainer:
    """The networks of one training, and everything that changes with a step.

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
        self.settings, self.real, self.device, self.half = settings, real, device, half
        self.rng = np.random.default_rng(seed)
        self.noise = torch.Generator(device).manual_seed(int(self.rng.integers(2**62)))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(self.rng.integers(2**62)))
            generator = build(settings, real.phases)
            critics = nn.ModuleList(SliceCritic(settings, real.phases) for _ in range(3 if settings.anisotropic else 1))
        self.generator = to_device(generator, device, torch.channels_last_3d)
        self.critics = to_device(critics, device, torch.channels_last)
        self.conditions = Conditions(real, settings.field) if settings.input == "slice" else None
        if settings.calibrate:
            self._calibrate()
        self.average = copy.deepcopy(self.generator).requires_grad_(False).eval()
        betas = (settings.beta1, settings.beta2)
        self.adam_generator = torch.optim.Adam(self.generator.parameters(), settings.rate, betas)
        self.adam_critics = torch.optim.Adam(self.critics.parameters(), settings.critic_rate, betas)
        self.steps = 0
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
            with self._autocast():
                logits.append(network(noise)[0].float().flatten(1))
        _shift(network).add_(shift_to(torch.cat(logits, dim=1), self.real.fractions))

    # --- a step ---

    def step(self) -> Losses:
        """Update the critics `n_critic` times, then the generator once."""
        with exact_float32(self.device):
            return self._step()

    def finite(self) -> bool:
        """Return whether all weights are finite; the losses of a step do not show the effect of its own updates."""
        weights = [weight for module in (self.generator, self.critics) for weight in module.parameters()]
        return bool(torch.stack([weight.detach().sum() for weight in weights]).isfinite().all())

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
        generator, l1 = self._generator_step(volume)
        if self.settings.calibrate:
            self._hold_fractions(volume)
        self._average()
        self.steps += 1
        return Losses(critic, penalty, generator, l1, separation)

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
        with self._autocast():
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

    def _axes(self) -> list[tuple[int, nn.Module]]:
        return [(axis, self.critics[axis if self.settings.anisotropic else 0]) for axis in range(3)]

    def _fakes(self, volume: Tensor) -> list[tuple[int, nn.Module, Tensor]]:
        """Return the slices for each critic; a single critic gets those of all axes together."""
        s = self.settings
        per_axis = [
            (axis, critic, volume_slices(volume, axis, s.slices_per_axis, s.slice_size, self.rng, self.generator.torus))
            for axis, critic in self._axes()
        ]
        if s.anisotropic:
            return per_axis
        return [(0, self.critics[0], torch.cat([slices for _, _, slices in per_axis]))]

    def _reals(self, axis: int, count: int) -> Tensor:
        slices = self.real.one_hot(self.real.draw(axis, count, self.rng))
        return turned(slices, self.rng) if self.settings.augment and not self.settings.anisotropic else slices

    def _critic_step(self, volume: Tensor) -> tuple[float, float, float]:
        s = self.settings
        loss_sum = penalty_sum = separation = 0.0
        self.adam_critics.zero_grad(set_to_none=True)
        for axis, critic, fake in self._fakes(volume):
            real = self._reals(axis, len(fake))
            with self._autocast():
                if s.critic_norm == "batch":
                    # Normalise real and generated slices apart: the generator's step has no real ones.
                    of_real, of_fake = self._scores(critic, real), self._scores(critic, fake)
                else:
                    of_real, of_fake = self._scores(critic, torch.cat([real, fake])).split(len(real))
            loss = losses.critic_loss(of_real, of_fake)
            # The penalty is the most expensive part; a third of the slices estimates the slope as well.
            few = slice(None, None, 3 if s.lipschitz == "gp" and len(real) >= 24 else 1)
            share = torch.rand((len(real[few]), 1, 1, 1), generator=self.noise, device=self.device)
            penalty = losses.lipschitz_penalty(s.lipschitz, critic, real[few], fake[few], share)
            (loss + s.penalty_weight * penalty).backward()
            loss_sum, penalty_sum = loss_sum + float(loss.detach()), penalty_sum + float(penalty.detach())
            separation = max(separation, _separation(of_real.detach(), of_fake.detach()))
        self.adam_critics.step()
        if s.lipschitz == "clip":
            losses.clip_weights(self.critics, s.clip)
        return loss_sum, penalty_sum, separation

    def _scores(self, critic: nn.Module, slices: Tensor) -> Tensor:
        return critic(slices.contiguous(memory_format=torch.channels_last)).float()

    def _generator_step(self, volume: Tensor) -> tuple[float, float]:
        s = self.settings
        self.critics.requires_grad_(False)
        fakes = self._fakes(volume)
        score, l1 = volume.new_zeros(()), volume.new_zeros(())
        for axis, critic, fake in fakes:
            with self._autocast():
                score = score + losses.generator_loss(self._scores(critic, fake))
            if s.uses_l1 and s.l1_match != "conditional":
                l1 = l1 + self._l1(axis, fake)
        if self.conditions is not None and s.uses_l1 and s.l1_match == "conditional":
            l1 = self.conditions.l1(volume)
        self.adam_generator.zero_grad(set_to_none=True)
        share = min(1.0, (self.steps + 1) / s.warm_up) if s.warm_up and s.uses_l1 else 1.0
        (share * s.lambda_w * score + s.lambda_l1 * l1).backward()
        self.adam_generator.step()
        self.critics.requires_grad_(True)
        return float(score.detach()), float(l1.detach())

    # --- the L1 term ---

    def _l1(self, axis: int, fake: Tensor) -> Tensor:
        if self.settings.l1_match == "index":
            return (fake - self._reals(axis, len(fake))).abs().mean()
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

    # --- averages, precision ---

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averaged generator towards the present one, faster in the first steps."""
        decay = min(self.settings.ema, (1 + self.steps) / (10 + self.steps))
        for mean, weight in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(weight, 1 - decay)

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
            with self._autocast():
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

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16) if self.half else nullcontext()

    @torch.no_grad()
    def samples(self, count: int, seed: int, network: Network | None = None) -> list[np.ndarray]:
        """Return the labels of cubes of the training's size, made by a network; default: `settled`."""
        network = network or self.settled()
        edge = self.settings.field
        made: list[np.ndarray] = []
        for noise in self._noise_for_use(count, torch.Generator(self.device).manual_seed(seed)):
            with self._autocast():
                labels = network(noise)[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
            corners = product(range(0, len(labels), edge), repeat=3)
            made += [labels[a : a + edge, b : b + edge, c : c + edge].copy() for a, b, c in corners]
        return made[:count]

    # --- the state ---

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that change with a step, by name."""
        modules = {"generator": self.generator, "average": self.average, "critics": self.critics}
        tensors = {
            f"{name}/{key}": value for name, module in modules.items() for key, value in module.state_dict().items()
        }
        for name, adam in self._optimisers().items():
            tensors |= optimiser_tensors(name, adam)
        tensors |= {f"running/{axis}": value for axis, value in self.running.items()}
        tensors |= {f"targets/{axis}": value for axis, value in self.targets.items()}
        return tensors | {"noise": self.noise.get_state()}

    def restore(self, tensors: dict[str, Tensor], steps: int, rng: dict[str, Any]) -> None:
        """Restore the state of a training: its tensors, its number of steps and the state of `rng`."""
        for name, module in (("generator", self.generator), ("average", self.average), ("critics", self.critics)):
            module.load_state_dict(under(tensors, name))
        for name, adam in self._optimisers().items():
            restore_optimiser(adam, under(tensors, name))
        self.running = {int(axis): value.to(self.device) for axis, value in under(tensors, "running").items()}
        self.targets = {int(axis): value.to(self.device) for axis, value in under(tensors, "targets").items()}
        self.noise.set_state(tensors["noise"].cpu())
        self.rng.bit_generator.state = rng
        self.steps = steps

    def _optimisers(self) -> dict[str, torch.optim.Adam]:
        return {"adam_generator": self.adam_generator, "adam_critics": self.adam_critics}


def _shift(network: Network) -> Tensor:
    """Return the shift of a U-net's logits; settings refuse `calibrate` for other networks."""
    assert isinstance(network, UNet)
    return network.shift


def _separation(real: Tensor, fake: Tensor) -> float:
    spread = (real.var(correction=0) + fake.var(correction=0)).div(2).sqrt()
    return float((real.mean() - fake.mean()) / (spread + 1e-12))
