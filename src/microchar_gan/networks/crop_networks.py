"""The networks of ``dcgan-3d`` and ``vae-gan``: a decoder of latents, a critic and an encoder of crops.

Mosser, L., Dubrule, O. and Blunt, M. J. (2017), Phys. Rev. E 96, 043309. Larsen, A. B. L. et al. (2016), ICML.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from microchar_gan.crop_settings import CELL, DcganSettings, VaeGanSettings
from microchar_gan.networks.layers import SLOPE, CircularConv3d, CircularUp3d

#: Cells of latents around a tile that act on it: one by the first convolution, the rest by what follows.
HALO = 3
#: Convolutions of critic and encoder that halve a crop: together a cell.
_HALVINGS = 4


class Decoder(nn.Module):
    """(B, L, a, b, c) of latents → (B, phases, 16a, 16b, 16c) of logits, on a torus.

    Four transposed convolutions k4 s2 and one 3³ convolution before the last of them, batch
    norm and rectifiers, as in the source. Its first layer makes 4³ voxels of one
    latent cell; here it is a 3³ convolution of a grid of cells, so that every voxel of a
    volume of any size is made in the same way.
    """

    def __init__(self, settings: DcganSettings, phases: int):
        super().__init__()
        w = settings.width
        layers: list[nn.Module] = [CircularConv3d(settings.latents, 8 * w), nn.BatchNorm3d(8 * w), nn.ReLU()]
        for a, b in pairwise((8 * w, 4 * w, 2 * w, w)):
            layers += [CircularUp3d(a, b), nn.BatchNorm3d(b), nn.ReLU()]
        layers += [CircularConv3d(w, w), nn.BatchNorm3d(w), nn.ReLU(), CircularUp3d(w, phases)]
        self.layers = nn.Sequential(*layers)
        self.latents = settings.latents
        self.bytes_per_voxel = 4.0 * (w + 6 * phases)

    def forward(self, latents: Tensor) -> Tensor:
        """Return the logits of the phases."""
        return self.layers(latents)

    def cells(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of the latents of one volume."""
        return (self.latents, *(n // CELL for n in shape))


class CropCritic(nn.Module):
    """(B, phases, e, e, e) of crops → (B,) of logits, the larger the more real, and features of a hidden layer."""

    def __init__(self, settings: DcganSettings, phases: int):
        super().__init__()
        halvings = _halvings(phases, settings.critic_width)
        # Larsen et al. compare crops by a layer from the middle.
        self.low, self.high = nn.Sequential(*halvings[:2]), nn.Sequential(*halvings[2:])
        self.last = nn.Conv3d(8 * settings.critic_width, 1, settings.crop_size // CELL)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logit and the features of each crop."""
        features = self.low(crops)
        return self.last(self.high(features)).flatten(), features


class Encoder(nn.Module):
    """(B, phases, e, e, e) of crops → mean and logarithm of the variance of their latents, (B, L, e/16, e/16, e/16)."""

    def __init__(self, settings: VaeGanSettings, phases: int):
        super().__init__()
        self.layers = nn.Sequential(*_halvings(phases, settings.encoder_width))
        self.last = nn.Conv3d(8 * settings.encoder_width, 2 * settings.latents, 3, padding=1)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the variance."""
        mean, log_variance = self.last(self.layers(crops)).chunk(2, dim=1)
        return mean, log_variance.clamp(-10, 10)


def _halvings(phases: int, width: int) -> list[nn.Module]:
    """Return four convolutions k4 s2, each with a leaky rectifier and all but the first with batch norm."""
    layers: list[nn.Module] = []
    channels = (phases, *(width * 2**level for level in range(_HALVINGS)))
    for a, b in pairwise(channels):
        norm = [nn.BatchNorm3d(b)] if layers else []
        layers.append(nn.Sequential(nn.Conv3d(a, b, 4, 2, padding=1), *norm, nn.LeakyReLU(SLOPE)))
    return layers
