"""Crops for the volume critic, from the training data and from generated volumes."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from microchar.core.errors import InputError
from microchar.core.volume import OUTSIDE
from microchar_gan.networks.conditioning import one_hot

#: Crops that are drawn before concluding that a mask leaves no room.
_TRIES = 200
_ORDERS = tuple(permutations(range(3)))


class RealCrops:
    """Random cubes of one volume.

    Parameters
    ----------
    volume : Tensor or None
        uint8; `OUTSIDE` marks voxels that the training must not see. None, of a training on images, is refused.
    phases : int
    edge : int
    """

    def __init__(self, volume: Tensor | None, phases: int, edge: int):
        if volume is None:
            raise InputError("critic='volume' or 'both': needs a volume to learn from, found images; use 'slices'")
        if min(volume.shape) < edge:
            raise InputError(
                f"training data of shape {tuple(volume.shape)}: smaller than crops of {edge} × {edge} × {edge} voxels; "
                "use a larger volume, a smaller slice_size=, or critic='slices'"
            )
        self.volume, self.phases, self.edge = volume, phases, edge

    def draw(self, count: int, rng: np.random.Generator, *, turn: bool) -> Tensor:
        """Return that many crops as phase indicators, (K, P, c, c, c); each is turned in its own way if wanted."""
        crops = [self._crop(rng) for _ in range(count)]
        return one_hot(torch.stack([turned_cube(crop, rng) for crop in crops] if turn else crops), self.phases)

    def _crop(self, rng: np.random.Generator) -> Tensor:
        for _ in range(_TRIES):
            a, b, c = (int(rng.integers(n - self.edge + 1)) for n in self.volume.shape)
            crop = self.volume[a : a + self.edge, b : b + self.edge, c : c + self.edge]
            if not bool((crop == OUTSIDE).any()):
                return crop
        raise InputError(
            f"training data: found no crop of {self.edge} × {self.edge} × {self.edge} voxels inside the mask in "
            f"{_TRIES} tries; use a larger part of the volume, a smaller slice_size=, or critic='slices'"
        )


def turned_cube(crop: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a cube in one of its 48 orientations, as is valid for isotropic materials."""
    order = _ORDERS[int(rng.integers(len(_ORDERS)))]
    return crop.permute(order).flip([axis for axis in range(3) if rng.integers(2)])


def volume_crops(volume: Tensor, count: int, edge: int, rng: np.random.Generator, periodic: bool) -> Tensor:
    """Cut cubes from generated volumes: (B, P, F, F, F) → (B·count, P, c, c, c).

    Crops of periodic volumes may begin anywhere and continue at the opposite side.
    """
    size = volume.shape[2]
    crops = []
    for _ in range(count):
        crop = volume
        for axis in (2, 3, 4):
            start = int(rng.integers(size if periodic else size - edge + 1)) if edge < size else 0
            crop = crop.roll(-start, axis).narrow(axis, 0, edge) if start else crop.narrow(axis, 0, edge)
        crops.append(crop)
    return torch.stack(crops, dim=1).flatten(0, 1)
