"""Networks as `Field` for tiling, and the halos that their tiles need."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch

from microchar.core.errors import InputError
from microchar_gan.networks.building import Network
from microchar_gan.networks.devices import exact_float32
from microchar_gan.networks.inference import PartialUNet
from microchar_gan.networks.slicegan import LATENT, MARGIN, SCALE, SliceGanNet
from microchar_gan.tiling.halo import MAX_HALO, Reach, felt_halo, impulse_halo
from microchar_gan.tiling.tiles import Field, Slices


def halo_of(network: Network) -> int:
    """Return the halo that the tiles of a network need, measured by `felt_halo`.

    Warns if noise beyond the longest halo still changes labels: tiles then differ from
    the volume made at once.
    """
    reach = _reach(network, felt_halo)
    if not reach.exact:
        warnings.warn(
            f"noise more than {reach.halo} cells away still changes the labels: a volume made tile by tile differs "
            "from one made at once; choose a smaller depth= or smaller kernels",
            stacklevel=2,
        )
    return reach.halo


def reach_of(network: Network) -> int:
    """Return a halo that suffices whatever the weights are, by `impulse_halo`: faster to find, and longer."""
    return _reach(network, impulse_halo).halo


def _reach(network: Network, find: Callable[..., Reach]) -> Reach:
    if isinstance(network, SliceGanNet):
        return Reach(MARGIN, True)
    device = next(network.parameters()).device
    with exact_float32(device):
        return find(
            lambda noise: network(noise.to(device)).cpu(),
            network.channels,
            align=network.align,
            shortest=network.shortest,
        )


def field_of(network: Network, halo: int) -> Field:
    """Return a network as a `Field`.

    Raises
    ------
    InputError
        If no training can have resulted in that halo.
    """
    if isinstance(network, SliceGanNet):
        possible = range(MARGIN, MARGIN + 1)
    else:
        possible = range(0, max(MAX_HALO, network.align) + 1, network.align)
    if halo not in possible:
        raise InputError(f"halo={halo}: expected {' or '.join(map(str, possible))}; the model's file is damaged")
    device = next(network.parameters()).device

    def labels(run: Callable[[torch.Tensor], torch.Tensor], noise: np.ndarray) -> np.ndarray:
        tensor = torch.from_numpy(noise)[None].to(device, memory_format=torch.channels_last_3d)
        with torch.inference_mode(), exact_float32(device):
            return run(tensor)[0].argmax(dim=0).to(torch.uint8).cpu().numpy()

    def forward(noise: np.ndarray) -> np.ndarray:
        return labels(network, noise)

    if isinstance(network, SliceGanNet):
        return Field(
            forward, channels=LATENT, scale=SCALE, halo=halo, trims=True, bytes_per_voxel=network.bytes_per_voxel
        )
    partial_network = PartialUNet(network)

    def part(noise: np.ndarray, box: Slices) -> np.ndarray:
        return labels(lambda tensor: partial_network(tensor, box), noise)

    return Field(
        forward,
        channels=network.channels,
        halo=halo,
        align=network.align,
        shortest=network.shortest,
        bytes_per_voxel=network.bytes_per_voxel,
        part=part,
        part_bytes=partial_network.bytes_needed,
    )
