"""The training of flow matching, step by step; its state can be saved and restored.

Lipman, Y. et al. (2023), ICLR; Liu, X., Gong, C. and Liu, Q. (2023), ICLR.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from microchar_gan.networks.building import build_flow
from microchar_gan.networks.devices import exact_float32, to_device
from microchar_gan.settings import FlowSettings
from microchar_gan.training.distance_crops import DistanceCrops
from microchar_gan.training.learner import Learner
from microchar_gan.training.rates import cosine


class FlowTrainer(Learner):
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
        super().__init__(device=device, half=half, seed=seed)
        self.settings, self.crops = settings, crops
        network = self.drawn(lambda: build_flow(settings, crops.phases))
        self.network = to_device(network, device, torch.channels_last_3d).train()
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        betas = (settings.beta1, settings.beta2)
        self.adam = torch.optim.AdamW(self.network.parameters(), settings.rate, betas)

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
            group["lr"] = self.settings.rate * cosine(fraction, self.steps, self.settings.warm_up)
        with exact_float32(self.device):
            with self.autocast():
                velocity = self.network(torch.cat([torch.lerp(noise, crops, at), local], dim=1), times).float()
            loss = (velocity - (crops - noise)).square().mean()
            self.adam.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.largest_gradient)
            self.adam.step()
        self.follow(self.average, self.network, self.settings.ema)
        self.steps += 1
        return {"loss": float(loss.detach())}

    def _times(self, count: int) -> Tensor:
        """Draw times evenly from 0 to 1, one in each of `count` equal parts.

        Every step sees early times, at which large shapes are decided, and late ones:
        thin throats are weak against the noise, and are decided close to the end.
        """
        parts = torch.arange(count, device=self.device)
        return (parts + torch.rand(count, generator=self.noise, device=self.device)) / count

    def modules(self) -> dict[str, nn.Module]:
        """Return the network and its average."""
        return {"network": self.network, "average": self.average}

    def optimisers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimiser."""
        return {"adam": self.adam}
