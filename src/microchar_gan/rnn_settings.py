"""The settings of ``rnn``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from microchar.core.errors import InputError
from microchar_gan.settings import check_fields, given_settings, setting

RnnPreset = Literal["default", "tiny"]


@dataclass(frozen=True, kw_only=True)
class RnnSettings:
    """Everything that defines the network of ``rnn``, its training and its sampling."""

    width: int = setting(32, "channels of the memory and of all features", least=1)
    blocks: int = setting(3, "residual blocks that say how probable the phases are", least=1)
    anisotropic: bool = setting(False, "neither flip crops nor exchange their axes")
    crop_size: int = setting(
        32, "edge of the crops that are learnt from, and so the slices in a row, in voxels", least=1
    )
    batch: int = setting(4, "crops per step", least=1)
    passes_per_step: int = setting(2, "passes of each slice that a step learns from, drawn at random", least=1)
    rate: float = setting(2e-3, "learning rate (AdamW); falls to 3 % along a cosine over the budget")
    warm_up: int = setting(20, "steps over which the learning rate rises from 0")
    largest_gradient: float = setting(1.0, "norm that longer gradients are shortened to")
    ema: float = setting(0.99, "decay of the average of the weights", below=1)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.crop_size % 4 or self.crop_size < 16:
            raise InputError(f"crop_size={self.crop_size}: expected a multiple of 4 of at least 16")


#: ``tiny`` is a small network for tests.
_PRESETS: Mapping[RnnPreset, Mapping[str, Any]] = {
    "default": {},
    "tiny": {"width": 8, "blocks": 1, "crop_size": 16, "batch": 2, "ema": 0.9, "warm_up": 2},
}


def rnn_settings_of(preset: RnnPreset, changes: Mapping[str, Any]) -> RnnSettings:
    """Return the settings of a preset with some changed; see `microchar_gan.settings.settings_of`."""
    return RnnSettings(**{**_PRESETS[preset], **given_settings(RnnSettings, changes)})
