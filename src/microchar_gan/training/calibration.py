"""Shifts of logits that give a network the volume fractions of the material."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_ROUNDS = 100
#: Voxels that are counted: with so many, fractions are right to 0.002, and a round takes milliseconds.
_VOXELS = 2**16
#: Largest difference of a fraction that ends the rounds: far below that precision.
_CLOSE = 2e-4


def shift_to(logits: Tensor, fractions: np.ndarray) -> Tensor:
    """Return the shift (P,) of the logits (P, n) that makes phases win in the given fractions of the voxels."""
    # An odd stride meets even and odd voxels alike; they may differ.
    logits = logits[:, :: logits.shape[1] // _VOXELS | 1].contiguous()
    target = torch.from_numpy(fractions).to(logits)
    shift = torch.zeros_like(target)
    step = logits.std().expand_as(target).clone()
    before = torch.zeros_like(target)
    for _ in range(_ROUNDS):
        present = torch.bincount((logits + shift[:, None]).argmax(dim=0), minlength=len(target)) / logits.shape[1]
        missing = target - present
        if missing.abs().max() < _CLOSE:
            break
        # Where all logits are nearly alike, a step this long changes a phase from none to all: it is halved after that.
        step[missing * before < 0] /= 2
        before = missing
        shift += missing * step
    return shift
