"""The settings of the generators that learn from crops of one volume: ``dcgan-3d`` and ``vae-gan``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from microchar.core.errors import InputError
from microchar_gan.settings import check_fields, given_settings, setting

CropPreset = Literal["default", "tiny"]
#: Voxels along each axis for one cell of latents.
CELL = 16


@dataclass(frozen=True, kw_only=True)
class DcganSettings:
    """Everything that defines the networks of ``dcgan-3d`` and their training."""

    latents: int = setting(32, "channels of the latents; one cell of them makes 16³ voxels", least=1)
    width: int = setting(
        16, "channels of the generator's last hidden layer; the first has eight times as many", least=1
    )
    critic_width: int = setting(16, "channels of the critic's first layer; the last has eight times as many", least=1)
    anisotropic: bool = setting(False, "neither flip crops nor exchange their axes")
    crop_size: int = setting(48, "edge of the crops that the critic sees, in voxels", least=1)
    batch: int = setting(4, "crops per step", least=1)
    rate: float = setting(2e-4, "learning rate of the generator (Adam)")
    critic_rate: float = setting(2e-4, "learning rate of the critic (Adam)")
    beta1: float = setting(0.5, "decay of Adam's mean of gradients", below=1)
    beta2: float = setting(0.999, "decay of Adam's mean of squared gradients", below=1)
    real_label: float = setting(0.9, "what the critic shall say of real crops; less than 1 smooths labels", below=1.01)
    input_noise: float = setting(0.1, "standard deviation of the noise on what the critic sees")
    ema: float = setting(0.99, "decay of the average of the generator's weights; 0 uses the latest weights", below=1)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.crop_size % CELL or self.crop_size < 2 * CELL:
            raise InputError(f"crop_size={self.crop_size}: expected a multiple of {CELL} of at least {2 * CELL}")


@dataclass(frozen=True, kw_only=True)
class VaeGanSettings(DcganSettings):
    """Everything that defines the networks of ``vae-gan`` and their training."""

    encoder_width: int = setting(16, "channels of the encoder's first layer; the last has eight times as many", least=1)
    prior_weight: float = setting(0.02, "weight of the divergence of the latents from the prior")
    likeness_weight: float = setting(1.0, "weight of the reconstruction in the decoder's loss, beside the critic")


#: ``tiny`` is a small network for tests.
PRESETS: Mapping[CropPreset, Mapping[str, Any]] = {
    "default": {},
    "tiny": {"latents": 4, "width": 4, "critic_width": 4, "crop_size": 32, "batch": 2, "ema": 0.9},
}


def dcgan_settings_of(preset: CropPreset, changes: Mapping[str, Any]) -> DcganSettings:
    """Return the settings of a preset with some changed; see `microchar_gan.settings.settings_of`."""
    return DcganSettings(**{**PRESETS[preset], **given_settings(DcganSettings, changes)})


def vae_gan_settings_of(preset: CropPreset, changes: Mapping[str, Any]) -> VaeGanSettings:
    """Return the settings of a preset with some changed; see `microchar_gan.settings.settings_of`."""
    narrow = {"encoder_width": 4} if preset == "tiny" else {}
    return VaeGanSettings(**{**PRESETS[preset], **narrow, **given_settings(VaeGanSettings, changes)})
