"""The training of ``rnn``, step by step."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from microchar_gan.networks.devices import exact_float32, to_device
from microchar_gan.networks.slice_network import PASSES, SliceNetwork, passes
from microchar_gan.rnn_settings import RnnSettings
from microchar_gan.training.crop_places import LabelCrops
from microchar_gan.training.learner import Learner
from microchar_gan.training.rates import cosine

#: Voxels at the rim of a crop that are not learnt from: the network works on a torus, and a crop is none.
_RIM = 4


class SliceTrainer(Learner):
    """A `SliceNetwork` that learns the likelihood of crops, slice by slice, with the real slices as the memory.

    A slice is drawn in `PASSES` passes. A step learns from a few of them, drawn for each
    slice and crop, so that its loss is an unbiased estimate of the negative logarithm of the
    likelihood, in nats per voxel.

    Parameters
    ----------
    settings : RnnSettings
    crops : LabelCrops
    device, half, seed
        See `Learner`.
    """

    def __init__(self, settings: RnnSettings, crops: LabelCrops, *, device: torch.device, half: bool, seed: int):
        super().__init__(device=device, half=half, seed=seed)
        self.settings, self.crops = settings, crops
        network = self.drawn(lambda: SliceNetwork(settings, crops.phases))
        self.network = to_device(network, device, torch.channels_last).train()
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.adam = torch.optim.AdamW(self.network.parameters(), settings.rate)

    def modules(self) -> dict[str, nn.Module]:
        """Return the networks by name."""
        return {"network": self.network, "average": self.average}

    def optimisers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimiser."""
        return {"adam": self.adam}

    def step(self, fraction: float) -> dict[str, float]:
        """Update the weights once and return the loss."""
        s = self.settings
        crops = self.crops.draw(s.batch, self.rng).to(self.device)
        for group in self.adam.param_groups:
            group["lr"] = s.rate * cosine(fraction, self.steps, s.warm_up)
        with exact_float32(self.device):
            with self.autocast():
                loss = self._loss(crops)
            self.adam.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), s.largest_gradient)
            self.adam.step()
        self.follow(self.average, self.network, s.ema)
        self.steps += 1
        return {"loss": float(loss.detach())}

    def _loss(self, crops: Tensor) -> Tensor:
        """Return the mean negative logarithm of the probability of the voxels that passes draw."""
        count, _, edge = crops.shape[:3]
        memory, memories = self.network.blank(count, (edge, edge)), []
        for position in range(edge):
            memories.append(memory)
            if position + 1 < edge:
                memory = self.network.remember(memory, crops[:, :, position])
        order = passes(edge, edge, self.device)
        # All slices at once: the head needs their memories only.
        wanted = crops.movedim(2, 1).flatten(0, 1)
        told = torch.stack(memories, dim=1).flatten(0, 1)
        total = told.new_zeros((), dtype=torch.float32)
        for _ in range(self.settings.passes_per_step):
            number = torch.from_numpy(self.rng.integers(PASSES, size=len(wanted))).to(self.device)
            logits = self.network(told, wanted, order, number).float()
            loss = functional.cross_entropy(logits, wanted.argmax(dim=1), reduction="none")
            total = total + (loss * _learnt(order, number)).sum() / _learnt(order, number).sum()
        return total / self.settings.passes_per_step


def _learnt(order: Tensor, number: Tensor) -> Tensor:
    """Mark the voxels of the pass off the rim, (B, H, W)."""
    inside = torch.zeros_like(order, dtype=torch.bool)
    inside[_RIM:-_RIM, _RIM:-_RIM] = True
    return (order == number[:, None, None]) & inside
