"""States of optimisers as flat, named tensors, for checkpoints."""

from __future__ import annotations

import torch
from torch import Tensor


def optimiser_tensors(name: str, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the tensors of an optimiser under a name: ``name/parameter/what``."""
    return {
        f"{name}/{index}/{key}": value
        for index, state in optimiser.state_dict()["state"].items()
        for key, value in state.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore the state of an optimiser from what `optimiser_tensors` returned, without the name."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, what = key.partition("/")
        state.setdefault(int(index), {})[what] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def under(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the tensors under a name, without it."""
    return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}
