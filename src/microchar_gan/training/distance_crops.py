"""Random crops of the distances of a volume, for flow matching."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from microchar.core.errors import InputError
from microchar.core.volume import OUTSIDE
from microchar_gan.networks.distances import CELL, middles, signed_distances, to_cells
from microchar_gan.training.local_fractions import LocalFractions

#: Crops that are drawn before concluding that a mask leaves no room.
_TRIES = 200


class DistanceCrops:
    """Random crops of one volume as standardised distances in cells.

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

    Attributes
    ----------
    fractions : ndarray
        Volume fraction of each phase.
    mean, std : ndarray
        Of each distance; standardised ones have 0 and 1.
    local : LocalFractions
    """

    def __init__(self, labels: np.ndarray, phases: int, edge: int, *, isotropic: bool, voxel_size: Sequence[float]):
        self.phases, self.edge, self.isotropic = phases, edge, isotropic
        if min(labels.shape) < edge:
            raise InputError(
                f"training data of shape {labels.shape}: smaller than crops of {edge} × {edge} × {edge} voxels; "
                "use a larger volume, or a smaller crop_size="
            )
        inside = labels != OUTSIDE
        self.fractions = np.bincount(labels[inside], minlength=phases)[:phases] / np.count_nonzero(inside)
        fields = signed_distances(_filled(labels, inside), phases)
        self.mean = np.array([field[inside].mean(dtype=np.float64) for field in fields])
        self.std = np.array([field[inside].std(dtype=np.float64) or 1.0 for field in fields])
        for field, mean, std in zip(fields, self.mean, self.std, strict=True):
            field -= mean
            field /= std
        # One more voxel before the volume and two behind it: so there are as many middles as voxels.
        padded = np.pad(fields, [(0, 0), (1, 2), (1, 2), (1, 2)], mode="edge")
        self._middles = torch.stack([middles(field) for field in torch.from_numpy(padded)])
        self.local = LocalFractions.of(labels, phases)
        self._local = torch.from_numpy(self.local.values)
        self._outside = None if inside.all() else ~inside
        self._orders = [
            order
            for order in permutations(range(3))
            if all(voxel_size[a] == voxel_size[b] for a, b in enumerate(order))
        ]

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return that many crops, (count, 8 · fields, e/4, e/4, e/4), and the local fractions of their cells."""
        pairs = [self._pair(rng) for _ in range(count)]
        crops, local = zip(*pairs, strict=True)
        return torch.stack(crops), torch.stack(local)

    def _pair(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        a, b, c = self._start(rng)
        crop = self._middles[:, a : a + self.edge : 2, b : b + self.edge : 2, c : c + self.edge : 2]
        # Local fractions hardly change within a cell: those of the nearest cells will do.
        cells = self.edge // CELL
        i, j, k = (
            min(round(n / CELL), length - cells) for n, length in zip((a, b, c), self._local.shape[1:], strict=True)
        )
        local = self._local[:, i : i + cells, j : j + cells, k : k + cells]
        order, flipped = self._orientation(rng)
        return to_cells(crop.permute(order).flip(flipped)), local.permute(order).flip(flipped)

    def _start(self, rng: np.random.Generator) -> tuple[int, int, int]:
        for _ in range(_TRIES):
            a, b, c = (int(rng.integers(n - self.edge + 1)) for n in self._middles.shape[1:])
            box = tuple(slice(n, n + self.edge) for n in (a, b, c))
            if self._outside is None or not self._outside[box].any():
                return a, b, c
        raise InputError(
            f"training data: found no crop of {self.edge} × {self.edge} × {self.edge} voxels inside the mask in "
            f"{_TRIES} tries; use a larger part of the volume, or a smaller crop_size="
        )

    def _orientation(self, rng: np.random.Generator) -> tuple[tuple[int, ...], list[int]]:
        """Return an order of the axes of a crop, and the axes to flip."""
        if not self.isotropic:
            return (0, 1, 2, 3), []
        order = self._orders[int(rng.integers(len(self._orders)))]
        return (0, *(1 + axis for axis in order)), [1 + axis for axis in range(3) if rng.integers(2)]


def _filled(labels: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Give voxels outside the mask the label of the nearest one inside: the face of a mask is no surface of a phase."""
    if inside.all():
        return labels
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(~inside, return_distances=False, return_indices=True)
    return labels[tuple(nearest)]
