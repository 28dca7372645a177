"""Crops for the volume critic, from the training data and from generated volumes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from microchar.core.errors import InputError
from microchar_gan.training.crop_places import LabelCrops


def real_crops(volume: Tensor | None, phases: int, edge: int, *, turn: bool) -> LabelCrops:
    """Return what draws random cubes of a volume, each turned in its own way if wanted; refuse images (None)."""
    if volume is None:
        raise InputError("critic='volume' or 'both': needs a volume to learn from, found images; use 'slices'")
    advice = "a smaller slice_size=, or critic='slices'"
    return LabelCrops(volume.cpu().numpy(), phases, edge, isotropic=turn, voxel_size=(1, 1, 1), advice=advice)


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
