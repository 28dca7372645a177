"""A first state of the generator from which it can learn: volumes as hard, and of such fractions, as the real ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

#: Standard deviation of the logits after calibration: nine voxels in ten are then of one phase to 0.9 and more.
_HARD = 4.0
_ROUNDS = 60


@torch.no_grad()
def calibrate(network: nn.Module, head: nn.Conv3d, noise: Tensor, fractions: np.ndarray) -> None:
    """Scale and shift the head so that the untrained network makes labels of the given volume fractions.

    A new network gives grey volumes, and its critic sees nothing but that they
    are grey; the quickest way out is a single phase, from which hundreds of steps
    lead back. A calibrated one starts as a cut random field of the right fractions.
    """
    head.bias.zero_() if head.bias is not None else None
    logits = network(noise).float()
    scale = _HARD / logits.std()
    head.weight.mul_(scale)
    logits = (logits * scale).transpose(0, 1).flatten(1)
    target = torch.from_numpy(fractions).to(logits)
    shift = torch.zeros_like(target)
    for _ in range(_ROUNDS):
        found = torch.bincount((logits + shift[:, None]).argmax(dim=0), minlength=len(target)) / logits.shape[1]
        shift += (target - found) * _HARD
    if head.bias is not None:
        head.bias.copy_(shift)
