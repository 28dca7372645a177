"""What all trainings of networks share: random states, precision, averaged weights, and the state of a checkpoint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from microchar_gan.training.optimiser_state import optimiser_tensors, restore_optimiser, under

#: Steps after which the average of the weights has its full memory.
_YOUNG = 10
_T = TypeVar("_T")


class Learner(ABC):
    """Networks that learn step by step; a subclass makes them in its constructor and does the steps.

    Parameters
    ----------
    device : torch.device
    half : bool
        Whether convolutions run in bfloat16.
    seed : int
        Seed of `rng` and of `noise`. PyTorch's global random state does not change.
    """

    def __init__(self, *, device: torch.device, half: bool, seed: int):
        self.device, self.half = device, half
        self.rng = np.random.default_rng(seed)
        self.noise = torch.Generator(device).manual_seed(int(self.rng.integers(2**62)))
        self.steps = 0

    @abstractmethod
    def modules(self) -> Mapping[str, nn.Module]:
        """Return everything with weights that changes with a step, by the name it has in a checkpoint."""

    @abstractmethod
    def optimisers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Return the optimisers, by the name that they have in a checkpoint."""

    def finite(self) -> bool:
        """Return whether all weights are finite; the losses of a step do not show the effect of its own updates."""
        weights = [weight for module in self.modules().values() for weight in module.parameters()]
        return bool(torch.stack([weight.detach().sum() for weight in weights]).isfinite().all())

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that change with a step, by name."""
        tensors = {
            f"{name}/{key}": value
            for name, module in self.modules().items()
            for key, value in module.state_dict().items()
        }
        for name, optimiser in self.optimisers().items():
            tensors |= optimiser_tensors(name, optimiser)
        return tensors | {"noise": self.noise.get_state()}

    def restore(self, tensors: dict[str, Tensor], steps: int, rng: dict[str, Any]) -> None:
        """Restore the state of a training: its tensors, its number of steps and the state of `rng`."""
        for name, module in self.modules().items():
            module.load_state_dict(under(tensors, name))
        for name, optimiser in self.optimisers().items():
            restore_optimiser(optimiser, under(tensors, name))
        self.noise.set_state(tensors["noise"].cpu())
        self.rng.bit_generator.state = rng
        self.steps = steps

    # --- for the steps ---

    def drawn(self, make: Callable[[], _T]) -> _T:
        """Return the networks that `make` makes, with weights drawn from the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(self.rng.integers(2**62)))
            return make()

    def autocast(self) -> AbstractContextManager[Any]:
        """Return a context in which convolutions run in bfloat16, if they do."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.half else nullcontext()

    @torch.no_grad()
    def follow(self, average: nn.Module, network: nn.Module, memory: float) -> None:
        """Move averaged weights towards the present ones, faster in the first steps: those are drawn, not learnt."""
        memory = min(memory, (1 + self.steps) / (_YOUNG + self.steps))
        for mean, weight in zip(average.parameters(), network.parameters(), strict=True):
            mean.lerp_(weight, 1 - memory)
