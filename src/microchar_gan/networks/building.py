"""The networks that settings describe."""

from __future__ import annotations

from microchar_gan.networks.conditioning import condition_channels
from microchar_gan.networks.distances import VALUES, n_fields
from microchar_gan.networks.flow_unet import FlowUNet
from microchar_gan.networks.slicegan import SliceGanNet
from microchar_gan.networks.unet import UNet
from microchar_gan.settings import FlowSettings, Settings

Network = UNet | SliceGanNet


def build(settings: Settings, phases: int) -> Network:
    """Return the generator, with weights drawn from PyTorch's default random state."""
    if settings.architecture == "slicegan":
        return SliceGanNet(settings, phases)
    given = condition_channels(phases) if settings.input == "slice" else 0
    return UNet(settings, channels=settings.noise_channels + given, phases=phases)


def build_flow(settings: FlowSettings, phases: int) -> FlowUNet:
    """Return the network of flow matching, with weights drawn from PyTorch's default random state."""
    fields = n_fields(phases)
    # Distances, and the local volume fractions that are given.
    return FlowUNet((VALUES + 1) * fields, VALUES * fields, settings.widths, settings.blocks)
