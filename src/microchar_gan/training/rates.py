"""Learning rates over a budget."""

from __future__ import annotations

import math

#: Share of the learning rate at the end of the budget.
_LAST = 0.03


def cosine(fraction: float, steps: int, warm_up: int) -> float:
    """Return the share of the learning rate after some steps and a fraction of the budget: a rise, then a cosine."""
    rising = min(1.0, (steps + 1) / warm_up) if warm_up else 1.0
    return rising * (_LAST + (1 - _LAST) * (1 + math.cos(math.pi * fraction)) / 2)
