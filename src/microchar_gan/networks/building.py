"""The generator network that settings describe."""

from __future__ import annotations

from microchar_gan.networks.conditioning import condition_channels
from microchar_gan.networks.slicegan import SliceGanNet
from microchar_gan.networks.unet import UNet
from microchar_gan.settings import Settings

Network = UNet | SliceGanNet


def build(settings: Settings, phases: int) -> Network:
    """Return the generator, with weights drawn from PyTorch's default random state."""
    if settings.architecture == "slicegan":
        return SliceGanNet(settings, phases)
    given = condition_channels(phases) if settings.input == "slice" else 0
    return UNet(settings, channels=settings.noise_channels + given, phases=phases)
