"""Real slices that the generator is given in training, for ``input="slice"``."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from microchar_gan.networks.conditioning import KEPT_SLICES, SLICE_AXIS, one_hot, write_condition
from microchar_gan.training.slicing import RealSlices


class Conditions:
    """Real slices as large as the training volumes, given to the generator at random positions.

    Parameters
    ----------
    real : RealSlices
        Source of the slices.
    edge : int
        Edge of the training volumes.
    """

    def __init__(self, real: RealSlices, edge: int):
        self.real, self.edge = real, edge
        real.axes_of(edge, "field=")
        self.axes: list[int] = []
        self.positions: list[int] = []
        self.images = torch.empty(0)

    def draw(self, noise: Tensor, source: torch.Generator) -> None:
        """Write a slice into each volume of noise; `source` decides on its axis and position."""
        seed = torch.randint(2**62, (1,), generator=source, device=source.device)
        rng = np.random.default_rng(int(seed))
        self.axes = rng.integers(3, size=len(noise)).tolist()
        self.positions = rng.integers(self.edge, size=len(noise)).tolist()
        labels = torch.cat([self.real.draw(axis, 1, rng, self.edge) for axis in self.axes])
        self.images = one_hot(labels, self.real.phases)
        write_condition(noise, self.images, self.axes, self.positions)

    def l1(self, volumes: Tensor) -> Tensor:
        """Return the mean |generated slice − given slice| of the volumes made from the latest noise."""
        made = [
            volume.select(1 + axis, position)
            for volume, axis, position in zip(volumes, self.axes, self.positions, strict=True)
        ]
        return (torch.stack(made) - self.images).abs().mean()

    def kept(self) -> np.ndarray:
        """Return the slices that the model stores, normal to the axis they are used along in generation."""
        return self.real.draw(SLICE_AXIS, KEPT_SLICES, np.random.default_rng(0), self.edge).cpu().numpy()
