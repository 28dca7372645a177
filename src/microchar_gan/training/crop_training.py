"""The trainings of ``dcgan-3d`` and ``vae-gan``, step by step.

Mosser, L., Dubrule, O. and Blunt, M. J. (2017), Phys. Rev. E 96, 043309. Larsen, A. B. L. et al. (2016), ICML.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from microchar_gan.crop_settings import CELL, DcganSettings, VaeGanSettings
from microchar_gan.networks.crop_networks import CropCritic, Decoder, Encoder
from microchar_gan.networks.devices import exact_float32, to_device
from microchar_gan.training.crop_places import LabelCrops
from microchar_gan.training.learner import Learner

#: Volumes for the statistics of the averaged decoder, and the seed of their latents.
_SETTLING, _SETTLE_SEED = 16, 2
#: Features of the critic at each face that are not compared: a decoder on a torus cannot give both faces of a crop.
_EDGE = 2
_Module = TypeVar("_Module", bound=nn.Module)


class DcganTrainer(Learner):
    """A decoder of noise against a critic of crops, with the original losses.

    The critic learns to say 1 of real crops (`real_label`, if labels are smoothed) and 0 of
    generated ones; the decoder, to make it say 1 of its own. Volumes are a cell longer
    than the crops, so that the critic does not see that they repeat.

    Parameters
    ----------
    settings : DcganSettings
    crops : LabelCrops
    device, half, seed
        See `Learner`.
    """

    def __init__(self, settings: DcganSettings, crops: LabelCrops, *, device: torch.device, half: bool, seed: int):
        super().__init__(device=device, half=half, seed=seed)
        self.settings, self.crops = settings, crops
        self.decoder = self._placed(lambda: Decoder(settings, crops.phases))
        self.critic = self._placed(lambda: CropCritic(settings, crops.phases))
        self.average = copy.deepcopy(self.decoder).requires_grad_(False).eval()
        self.adams: dict[str, torch.optim.Optimizer] = {
            "adam_decoder": self._adam(self.decoder, settings.rate),
            "adam_critic": self._adam(self.critic, settings.critic_rate),
        }

    def modules(self) -> dict[str, nn.Module]:
        """Return all networks by name."""
        return {"decoder": self.decoder, "critic": self.critic, "average": self.average}

    def optimisers(self) -> dict[str, torch.optim.Optimizer]:
        """Return all optimisers by name."""
        return self.adams

    def step(self, fraction: float) -> dict[str, float]:
        """Update all networks once and return their losses."""
        del fraction
        with exact_float32(self.device):
            losses = self._step(self.crops.draw(self.settings.batch, self.rng).to(self.device))
        self.follow(self.average, self.decoder, self.settings.ema)
        self.steps += 1
        return losses

    def _step(self, real: Tensor) -> dict[str, float]:
        made = self._drawn(len(real))
        critic = self._critic_step(real, [made.detach()])
        decoder = self._fooling(made)
        self._update(["adam_decoder"], decoder)
        return {"critic": critic, "generator": float(decoder.detach())}

    def _drawn(self, count: int) -> Tensor:
        """Make crops of noise, as probabilities, cut anywhere from volumes that are one cell longer."""
        edge = self.settings.crop_size
        latents = self.latents(count, (edge + CELL,) * 3, self.noise)
        with self.autocast():
            volume = self.decoder(latents).float().softmax(dim=1)
        shifts = tuple(int(n) for n in self.rng.integers(edge + CELL, size=3))
        return volume.roll(shifts, (2, 3, 4))[..., :edge, :edge, :edge]

    def latents(self, count: int, shape: Sequence[int], source: torch.Generator) -> Tensor:
        """Return latents of volumes, drawn from the prior."""
        size = (count, *self.decoder.cells(shape))
        return torch.randn(size, generator=source, device=self.device).contiguous(memory_format=torch.channels_last_3d)

    def _critic_step(self, real: Tensor, fakes: Sequence[Tensor]) -> float:
        """Update the critic and return its loss."""
        loss = self._says(real, self.settings.real_label)
        loss = loss + torch.stack([self._says(fake, 0.0) for fake in fakes]).mean()
        self._update(["adam_critic"], loss)
        return float(loss.detach())

    def _fooling(self, made: Tensor) -> Tensor:
        return self._says(made, 1.0)

    def _says(self, crops: Tensor, label: float) -> Tensor:
        """Return the cross-entropy of what the critic says of crops."""
        logits, _ = self._judged(crops)
        return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))

    def _judged(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and features; noise hides from the critic that probabilities are no labels."""
        noise = torch.randn(crops.shape, generator=self.noise, device=self.device)
        seen = (crops + self.settings.input_noise * noise).contiguous(memory_format=torch.channels_last_3d)
        with self.autocast():
            logits, features = self.critic(seen)
        return logits.float(), features.float()

    def _placed(self, make: Callable[[], _Module]) -> _Module:
        return to_device(self.drawn(make), self.device, torch.channels_last_3d).train()

    def _adam(self, module: nn.Module, rate: float) -> torch.optim.Adam:
        return torch.optim.Adam(module.parameters(), rate, (self.settings.beta1, self.settings.beta2))

    def _update(self, names: Sequence[str], loss: Tensor) -> None:
        # Gradients that a loss leaves in the other networks are dropped before their own step.
        for adam in self.adams.values():
            adam.zero_grad(set_to_none=True)
        loss.backward()
        for name in names:
            self.adams[name].step()

    @torch.no_grad()
    def settled(self) -> Decoder:
        """Return the averaged decoder with the statistics of its own volumes.

        Those that the latest decoder gathered fit its own weights only.
        """
        decoder = copy.deepcopy(self.average)
        for module in decoder.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.reset_running_stats()
                module.momentum = None  # the plain mean over batches
        decoder.train()
        source = torch.Generator(self.device).manual_seed(_SETTLE_SEED)
        edge = self.settings.crop_size + CELL
        for _ in range(-(-_SETTLING // self.settings.batch)):
            with self.autocast():
                decoder(self.latents(self.settings.batch, (edge,) * 3, source))
        return decoder.eval()


class VaeGanTrainer(DcganTrainer):
    """The same with an encoder of crops, whose latents the decoder shall turn into what the critic finds alike.

    The encoder minimises the divergence of its latents from the prior and the mean square
    difference of the critic's features of a crop and of its reconstruction; the
    decoder, that difference and what the critic says of reconstructions and of noise.

    Parameters
    ----------
    settings : VaeGanSettings
    crops, device, half, seed
        See `DcganTrainer`.
    """

    settings: VaeGanSettings

    def __init__(self, settings: VaeGanSettings, crops: LabelCrops, *, device: torch.device, half: bool, seed: int):
        super().__init__(settings, crops, device=device, half=half, seed=seed)
        self.encoder = self._placed(lambda: Encoder(settings, crops.phases))
        self.adams["adam_encoder"] = self._adam(self.encoder, settings.rate)

    def modules(self) -> dict[str, nn.Module]:
        """Return all networks by name."""
        return super().modules() | {"encoder": self.encoder}

    def _step(self, real: Tensor) -> dict[str, float]:
        # The encoder is small and stays in float32: in bfloat16, fits of one seed differed on an AMD CPU (torch 2.13),
        # and some became nan.
        mean, log_variance = self.encoder(real)
        noise = torch.randn(mean.shape, generator=self.noise, device=self.device)
        with self.autocast():
            again = self.decoder(mean + (log_variance / 2).exp() * noise).float().softmax(dim=1)
        made = self._drawn(len(real))
        critic = self._critic_step(real, [again.detach(), made.detach()])
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).mean() / 2
        difference = self._difference(real, again)
        fooling = (self._fooling(made) + self._fooling(again)) / 2
        s = self.settings
        # The critic's word is not the encoder's business (Larsen et al.): its gradient goes to the decoder alone.
        for_encoder = s.prior_weight * divergence + difference
        gradients = torch.autograd.grad(for_encoder, list(self.encoder.parameters()), retain_graph=True)
        self._update(["adam_decoder"], s.likeness_weight * difference + fooling)
        for weight, gradient in zip(self.encoder.parameters(), gradients, strict=True):
            weight.grad = gradient
        self.adams["adam_encoder"].step()
        return {
            "critic": critic,
            "generator": float(fooling.detach()),
            "difference": float(difference.detach()),
            "divergence": float(divergence.detach()),
        }

    def _difference(self, real: Tensor, again: Tensor) -> Tensor:
        """Return the mean square difference of the critic's features, in units of their mean square, off the faces."""
        inner = slice(_EDGE, -_EDGE)
        _, of_real = self._judged(real)
        _, of_again = self._judged(again)
        of_real = of_real.detach()[..., inner, inner, inner]
        return (of_real - of_again[..., inner, inner, inner]).square().mean() / of_real.square().mean()
