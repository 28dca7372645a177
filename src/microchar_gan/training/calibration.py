"""Volume fractions of a network that has not learnt anything yet."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_ROUNDS = 100
#: Places that are looked at: with so many, fractions are right to two in a thousand, and rounds take milliseconds.
_PLACES = 2**16
#: How near is near enough: far below that.
_CLOSE = 2e-4


def shift_to(logits: Tensor, fractions: np.ndarray) -> Tensor:
    """Return what to add to the logits (P, n) so that phases win in the given fractions of the places: (P,)."""
    # An odd stride meets all places of a lattice whose places of even and of odd number differ.
    logits = logits[:, :: logits.shape[1] // _PLACES | 1].contiguous()
    target = torch.from_numpy(fractions).to(logits)
    shift = torch.zeros_like(target)
    step = logits.std()
    for _ in range(_ROUNDS):
        found = torch.bincount((logits + shift[:, None]).argmax(dim=0), minlength=len(target)) / logits.shape[1]
        missing = target - found
        if missing.abs().max() < _CLOSE:
            break
        shift += missing * step
    return shift
