"""The generator network that the settings ask for: built, described, and as the tiles see it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from microchar.core.errors import InputError
from microchar.generation.fitted_state import Layout
from microchar_gan.devices import exact_float32
from microchar_gan.networks.slicegan import LATENT, MARGIN, SCALE, SliceGanNet
from microchar_gan.networks.unet import UNet
from microchar_gan.settings import Settings
from microchar_gan.tiling.halo import MAX_HALO, Reach, felt_halo, impulse_halo
from microchar_gan.tiling.tiles import Field
from microchar_gan.training.condition import KEPT

Network = UNet | SliceGanNet


def build(settings: Settings, phases: int) -> Network:
    """Return the generator, its weights as PyTorch's default random state draws them."""
    if settings.architecture == "slicegan":
        return SliceGanNet(phases, settings.width)
    # A slice is given by its phases and a mask of its place.
    given = phases + 1 if settings.input == "slice" else 0
    return UNet(
        channels=settings.noise_channels + given,
        phases=phases,
        width=settings.width,
        depth=settings.depth,
        mhfa_kernels=settings.mhfa_kernels,
        msca_kernels=settings.msca_kernels,
        kernel_impl=settings.kernel_impl,
        cbam=settings.cbam,
        norm=settings.norm,
        norm_within=settings.norm_within,
        even_up=settings.even_up,
        skip_start=settings.skip_start,
        logit_scale=settings.logit_scale,
    )


def described(settings: Settings, phases: int) -> Layout:
    """Return the arrays of a model by name: the network's weights, its halo, and slices to make volumes around."""
    with torch.device("meta"):
        network = build(settings, phases)
    weights = {key: ("float16", tuple(value.shape)) for key, value in network.named_parameters()}
    # Variances may be too large for half precision. How often batch norm averaged is of no use any more.
    weights |= {
        key: ("float32", tuple(value.shape)) for key, value in network.named_buffers() if value.dtype.is_floating_point
    }
    slices = {"slices": ("uint8", (KEPT, settings.field, settings.field))} if settings.input == "slice" else {}
    return {**weights, "halo": ("int64", (1,)), **slices}


def halo_of(network: Network) -> int:
    """Return how many cells of noise beyond a tile its labels depend on, found by trying."""
    return _halo(network, felt_halo)


def reach_of(network: Network) -> int:
    """Return how far noise reaches whatever the weights are: a halo that is soon found, and larger than need be."""
    return _halo(network, impulse_halo)


def _halo(network: Network, find: Callable[..., Reach]) -> int:
    if isinstance(network, SliceGanNet):
        return MARGIN
    device = next(network.parameters()).device
    with exact_float32(device):
        return find(
            lambda noise: network(noise.to(device)).cpu(),
            network.channels,
            align=network.align,
            shortest=network.shortest,
        ).halo


def field_of(network: Network, halo: int) -> Field:
    """Return the network as the tiles see it; a halo that no training finds is an error."""
    if isinstance(network, SliceGanNet):
        possible = range(MARGIN, MARGIN + 1)
    else:
        possible = range(0, max(MAX_HALO, network.align) + 1, network.align)
    if halo not in possible:
        raise InputError(f"halo={halo}: expected {' or '.join(map(str, possible))}; the model's file is damaged")
    device = next(network.parameters()).device

    def forward(noise: np.ndarray) -> np.ndarray:
        tensor = torch.from_numpy(noise)[None].to(device, memory_format=torch.channels_last_3d)
        with torch.inference_mode(), exact_float32(device):
            return network(tensor)[0].argmax(dim=0).to(torch.uint8).cpu().numpy()

    if isinstance(network, SliceGanNet):
        return Field(
            forward, channels=LATENT, scale=SCALE, halo=halo, trims=True, bytes_per_voxel=network.bytes_per_voxel
        )
    return Field(
        forward,
        channels=network.channels,
        halo=halo,
        align=network.align,
        shortest=network.shortest,
        bytes_per_voxel=network.bytes_per_voxel,
    )
