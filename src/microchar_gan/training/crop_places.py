"""Random places of crops inside the mask of a volume, and random orientations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from microchar.core.errors import InputError
from microchar.core.volume import OUTSIDE
from microchar_gan.networks.conditioning import one_hot

#: Crops that are drawn before concluding that a mask leaves no room.
_TRIES = 200


class CropPlaces:
    """Where crops of one volume may lie, and how they may be turned.

    Parameters
    ----------
    labels : ndarray
        uint8; `OUTSIDE` marks voxels that the training must not see.
    phases : int
    edge : int
        Edge of a crop in voxels.
    isotropic : bool
        Whether crops are flipped and their axes exchanged.
    voxel_size : sequence of float
        Only axes of equal voxels are exchanged.
    advice : str
        What a user can do, besides taking more of the volume, if there is no such crop.

    Attributes
    ----------
    fractions : ndarray
        Volume fraction of each phase.
    """

    def __init__(
        self,
        labels: np.ndarray,
        phases: int,
        edge: int,
        *,
        isotropic: bool,
        voxel_size: Sequence[float],
        advice: str = "or a smaller crop_size=",
    ):
        self.phases, self.edge, self.isotropic, self._advice = phases, edge, isotropic, advice
        if min(labels.shape) < edge:
            raise InputError(
                f"training data of shape {labels.shape}: smaller than crops of {edge} × {edge} × {edge} voxels; "
                f"use a larger volume, {advice}"
            )
        self._shape, self._inside = labels.shape, labels != OUTSIDE
        counted = labels[self._inside]
        self.fractions = np.bincount(counted, minlength=phases)[:phases] / len(counted)
        self._outside = None if self._inside.all() else ~self._inside
        self._orders = [
            order
            for order in permutations(range(3))
            if all(voxel_size[a] == voxel_size[b] for a, b in enumerate(order))
        ]

    def _start(self, rng: np.random.Generator) -> tuple[int, int, int]:
        for _ in range(_TRIES):
            a, b, c = (int(rng.integers(n - self.edge + 1)) for n in self._shape)
            box = tuple(slice(n, n + self.edge) for n in (a, b, c))
            if self._outside is None or not self._outside[box].any():
                return a, b, c
        raise InputError(
            f"training data: found no crop of {self.edge} × {self.edge} × {self.edge} voxels inside the mask in "
            f"{_TRIES} tries; use a larger part of the volume, {self._advice}"
        )

    def _orientation(self, rng: np.random.Generator) -> tuple[tuple[int, ...], list[int]]:
        """Return an order of the axes of a crop, and the axes to flip."""
        if not self.isotropic:
            return (0, 1, 2, 3), []
        order = self._orders[int(rng.integers(len(self._orders)))]
        return (0, *(1 + axis for axis in order)), [1 + axis for axis in range(3) if rng.integers(2)]


class LabelCrops(CropPlaces):
    """Random crops of the labels of one volume; the parameters are those of `CropPlaces`."""

    def __init__(self, labels: np.ndarray, phases: int, edge: int, **options: Any):
        super().__init__(labels, phases, edge, **options)
        self._labels = torch.from_numpy(labels)[None]

    def draw(self, count: int, rng: np.random.Generator) -> Tensor:
        """Return that many crops as phase indicators, (count, phases, e, e, e)."""
        return one_hot(torch.cat([self._crop(rng) for _ in range(count)]), self.phases)

    def _crop(self, rng: np.random.Generator) -> Tensor:
        a, b, c = self._start(rng)
        crop = self._labels[:, a : a + self.edge, b : b + self.edge, c : c + self.edge]
        order, flipped = self._orientation(rng)
        return crop.permute(order).flip(flipped)
