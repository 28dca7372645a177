"""The training of flow matching, step by step; its state can be saved and restored.

Lipman, Y. et al. (2023), ICLR; Liu, X., Gong, C. and Liu, Q. (2023), ICLR.
"""

from __future__ import annotations

import copy
import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from microchar_gan.networks.building import build_flow
from microchar_gan.networks.devices import exact_float32, to_device
from microchar_gan.networks.flow_unet import shifted
from microchar_gan.settings import FlowSettings
from microchar_gan.training.distance_crops import DistanceCrops
from microchar_gan.training.optimiser_state import optimiser_tensors, restore_optimiser, under

#: Share of the learning rate at the end of the budget.
_LAST_RATE = 0.03
#: Steps after which the average of the weights has its full memory.
_YOUNG = 10


class FlowTrainer:
    r"""The network of one training, and everything that changes with a step.

    Crops :math:`x` are mixed with noise :math:`z` as :math:`x_t = (1 - t) z + t x`, and the
    network learns the velocity :math:`x - z` from :math:`x_t`, :math:`t` and the local
    volume fractions by least squares.

    Parameters
    ----------
    settings : FlowSettings
    crops : DistanceCrops
    device : torch.device
    half : bool
        Whether convolutions run in bfloat16.
    seed : int
        Seed of weights, noise and crops. PyTorch's global random state does not change.
    """

    def __init__(self, settings: FlowSettings, crops: DistanceCrops, *, device: torch.device, half: bool, seed: int):
        self.settings, self.crops, self.device, self.half = settings, crops, device, half
        self.rng = np.random.default_rng(seed)
        self.noise = torch.Generator(device).manual_seed(int(self.rng.integers(2**62)))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(self.rng.integers(2**62)))
            network = build_flow(settings, crops.phases)
        self.network = to_device(network, device, torch.channels_last_3d).train()
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        betas = (settings.beta1, settings.beta2)
        self.adam = torch.optim.AdamW(self.network.parameters(), settings.rate, betas)
        self.steps = 0

    def step(self, fraction: float) -> dict[str, float]:
        """Update the weights once and return the loss; `fraction` of the budget is spent."""
        crops, local = (
            one.to(self.device, memory_format=torch.channels_last_3d)
            for one in self.crops.draw(self.settings.batch, self.rng)
        )
        noise = torch.randn(crops.shape, generator=self.noise, device=self.device)
        times = self._times(len(crops))
        at = times[:, None, None, None, None]
        for group in self.adam.param_groups:
            group["lr"] = self.settings.rate * self._share(fraction)
        with exact_float32(self.device):
            with self._autocast():
                velocity = self.network(torch.cat([torch.lerp(noise, crops, at), local], dim=1), times).float()
            loss = (velocity - (crops - noise)).square().mean()
            self.adam.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.largest_gradient)
            self.adam.step()
        self._update_average()
        self.steps += 1
        return {"loss": float(loss.detach())}

    def finite(self) -> bool:
        """Return whether all weights are finite."""
        return bool(torch.stack([weight.detach().sum() for weight in self.network.parameters()]).isfinite().all())

    def _times(self, count: int) -> Tensor:
        """Draw times: logistic-normal, shifted towards noise, where the structure is decided."""
        even = torch.randn(count, generator=self.noise, device=self.device).sigmoid()
        return shifted(even, self.settings.late)

    def _share(self, fraction: float) -> float:
        rising = min(1.0, (self.steps + 1) / self.settings.warm_up) if self.settings.warm_up else 1.0
        return rising * (_LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * fraction)) / 2)

    @torch.no_grad()
    def _update_average(self) -> None:
        # The first weights are drawn, not learnt: a young average forgets them sooner.
        memory = min(self.settings.ema, (1 + self.steps) / (_YOUNG + self.steps))
        weights = zip(self.average.parameters(), self.network.parameters(), strict=True)
        for average, latest in weights:
            average.lerp_(latest, 1 - memory)

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16) if self.half else nullcontext()

    # --- the state ---

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that change with a step, by name."""
        modules = {"network": self.network, "average": self.average}
        tensors = {
            f"{name}/{key}": value for name, module in modules.items() for key, value in module.state_dict().items()
        }
        return tensors | optimiser_tensors("adam", self.adam) | {"noise": self.noise.get_state()}

    def restore(self, tensors: dict[str, Tensor], steps: int, rng: dict[str, Any]) -> None:
        """Restore the state of a training: its tensors, its number of steps and the state of `rng`."""
        self.network.load_state_dict(under(tensors, "network"))
        self.average.load_state_dict(under(tensors, "average"))
        restore_optimiser(self.adam, under(tensors, "adam"))
        self.noise.set_state(tensors["noise"].cpu())
        self.rng.bit_generator.state = rng
        self.steps = steps
