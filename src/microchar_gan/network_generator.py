"""`NetworkGenerator`: what all generators share whose fit is a training."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import numpy as np
import torch
from torch import nn

from microchar.core.errors import InputError
from microchar.generation.fitted_state import Dimensions
from microchar.generation.streaming import StreamingGenerator
from microchar_gan.networks.devices import Device, Precision
from microchar_gan.settings import setting

PRESET = "settings to start from; parameters that are given replace them"


@dataclass(kw_only=True)
class NetworkGenerator(StreamingGenerator):
    """Base of the generators that are trained: the budget, the device, and the settings as parameters.

    The subclasses take the fields of their settings as further parameters, see
    `microchar_gan.settings.takes_settings`.
    """

    preset: str = setting("default", PRESET)
    minutes: float = setting(30.0, "time budget of the fit")
    steps: int | None = setting(None, "number of training steps, instead of the time budget")
    device: Device = setting("auto", "device for training and generation; auto uses an accelerator if there is one")
    precision: Precision = setting(
        "auto", "precision of the convolutions; auto uses bfloat16 where the hardware has it"
    )

    if TYPE_CHECKING:
        # Type checkers cannot follow parameters that are made from settings.
        def __init__(self, **parameters: Any) -> None: ...

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for name in ("preset", "device", "precision"):
            value, allowed = getattr(self, name), get_args(hints[name])
            if value not in allowed:
                raise InputError(f"{name}={value!r}: expected {' or '.join(allowed)}")
        if not isinstance(self.minutes, int | float) or not self.minutes > 0:
            raise InputError(f"minutes={self.minutes!r}: expected a number greater than 0")
        if self.steps is not None and (not isinstance(self.steps, int) or self.steps < 1):
            raise InputError(f"steps={self.steps!r}: expected a whole number of at least 1, or None to use minutes")
        self.settings()

    @abstractmethod
    def settings(self) -> Any:
        """Return the settings of the preset with those that were given."""

    def given(self) -> dict[str, Any]:
        """Return all parameters by name, as the functions take them that make settings."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def when_unset(cls) -> Mapping[str, Any]:
        """Return the settings of the default preset."""
        return asdict(cls().settings())

    def save(self, path: str | Path) -> None:
        """Write the model as `microchar.Generator.save` does, with ``device="auto"`` for other machines."""
        portable = copy.copy(self)
        portable.device = "auto"
        super(NetworkGenerator, portable).save(path)

    def use_threads(self, threads: int) -> None:
        """Use that many threads of this process, which makes nothing but tiles."""
        torch.set_num_threads(threads)

    def identity(self, seed: int) -> dict[str, Any]:
        """Return what must be unchanged for a training to be resumed."""
        return {
            "revision": self.spec.revision,
            "settings": _plain(asdict(self.settings())),
            "data": self.history["data"]["sha256"],
            "seed": seed,
        }


def layout_of(network: nn.Module) -> dict[str, tuple[str, Dimensions]]:
    """Return the arrays of a network in a model file: weights in half precision, statistics in single."""
    layout: dict[str, tuple[str, Dimensions]] = {
        key: ("float16", tuple(value.shape)) for key, value in network.named_parameters()
    }
    # Variances may exceed half precision. The step counters of batch norm are not needed after training.
    return layout | {
        key: ("float32", tuple(value.shape)) for key, value in network.named_buffers() if value.dtype.is_floating_point
    }


def arrays_of(network: nn.Module, weights: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Return weights as the arrays that `layout_of` declares: in the precision of the file, so that saving is exact."""
    halves = {key for key, _ in network.named_parameters()}
    return {
        key: (value.half() if key in halves else value).cpu().numpy()
        for key, value in weights.items()
        if value.is_floating_point()
    }


def load_arrays(network: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Load those of the arrays that are the network's."""
    known = network.state_dict()
    weights = {key: torch.from_numpy(array).float() for key, array in arrays.items() if key in known}
    # The step counters of batch norm are missing; only training needs them.
    network.load_state_dict(weights, strict=False)


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as they are after a round trip through JSON."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}
