"""Random crops of the distances of a volume, for flow matching."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from microchar_gan.networks.distances import CELL, middles, signed_distances, spread_of_values, to_cells
from microchar_gan.training.crop_places import CropPlaces
from microchar_gan.training.local_fractions import LocalFractions


class DistanceCrops(CropPlaces):
    """Random crops of one volume as standardised distances in cells; the parameters are those of `CropPlaces`.

    Attributes
    ----------
    mean : ndarray
        Of each distance, in voxels.
    std : ndarray
        Of each value of a cell, in voxels. Small details are the last that flow matching tells from
        noise: standardised each by itself, they are learnt as well as large shapes.
    local : LocalFractions
    """

    def __init__(self, labels: np.ndarray, phases: int, edge: int, *, isotropic: bool, voxel_size: Sequence[float]):
        super().__init__(labels, phases, edge, isotropic=isotropic, voxel_size=voxel_size)
        inside = self._inside
        fields = signed_distances(_filled(labels, inside), phases)
        self.mean = np.array([field[inside].mean(dtype=np.float64) for field in fields])
        for field, mean in zip(fields, self.mean, strict=True):
            field -= mean
        # One more voxel before the volume and two behind it: so there are as many middles as voxels.
        padded = np.pad(fields, [(0, 0), (1, 2), (1, 2), (1, 2)], mode="edge")
        self._middles = torch.stack([middles(field) for field in torch.from_numpy(padded)])
        self.std = spread_of_values(to_cells(_even(self._middles[:, ::2, ::2, ::2])), isotropic)
        self._scale = torch.from_numpy(self.std).float()[:, None, None, None]
        self.local = LocalFractions.of(labels, phases)
        self._local = torch.from_numpy(self.local.values)

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
        return to_cells(crop.permute(order).flip(flipped)) / self._scale, local.permute(order).flip(flipped)


def _even(fields: torch.Tensor) -> torch.Tensor:
    """Return the fields without the last plane of each axis of odd length."""
    a, b, c = (n // 2 * 2 for n in fields.shape[1:])
    return fields[:, :a, :b, :c]


def _filled(labels: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Give voxels outside the mask the label of the nearest one inside: the face of a mask is no surface of a phase."""
    if inside.all():
        return labels
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(~inside, return_distances=False, return_indices=True)
    return labels[tuple(nearest)]
