"""SliceGAN's generator: transposed convolutions of a small latent block, no U-net.

Kench, S. and Cooper, S. J. (2021), Nature Machine Intelligence 3, 299-305.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from microchar_gan.settings import Settings

#: Channels of the latent block, and voxels of the volume per latent cell along each axis.
LATENT, SCALE = 32, 32
#: Latent cells at each side that serve as neighbours only: no voxels are made of them.
MARGIN = 1


class SliceGanNet(nn.Module):
    """(B, 32, a, b, c) of latents → (B, phases, 32(a−2), 32(b−2), 32(c−2)) of logits; a block of 4³ makes 64³.

    Four transposed convolutions k4 s2 p2 (s < k, k mod s = 0, p ≥ k − s, so that
    every voxel is covered by equally many kernels), trilinear upsampling by two and a
    3³ head. There is no padding: more latents make more of the same volume.
    """

    #: Opposite faces of its volumes do not match.
    torus: ClassVar[bool] = False

    def __init__(self, settings: Settings, phases: int):
        super().__init__()
        width = settings.width
        widths = [LATENT, width, width // 2, width // 8, width // 32]
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.ConvTranspose3d(a, b, 4, 2, padding=2, bias=False), nn.BatchNorm3d(b), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.bytes_per_voxel = 4.0 * 4 * (width // 32 + phases)
        self.head = nn.Conv3d(widths[-1], phases, 3)

    def noise_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of the latents of one volume of that shape."""
        return (LATENT, *(n // SCALE + 2 * MARGIN for n in shape))

    def forward(self, latents: Tensor) -> Tensor:
        """Return the logits of the phases."""
        x = functional.interpolate(self.layers(latents), scale_factor=2, mode="trilinear", align_corners=False)
        # The head trims one voxel at each side; the next one depends on the edge of the upsampling.
        return self.head(x)[..., 1:-1, 1:-1, 1:-1]
