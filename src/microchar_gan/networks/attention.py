"""Attention over channels, over space, and both (CBAM), with pooled statistics that can be frozen.

Woo, S. et al. (2018), ECCV, 3-19.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from microchar_gan.networks.layers import CircularConv3d, normalisation
from microchar_gan.settings import Norm

#: Weight of a new volume in the running average of the pooled statistics.
MOMENTUM = 0.02
#: Channels per hidden unit of the perceptron of channel attention, as in the source.
REDUCTION = 16
#: Initial scale of spatial attention, where it is normalised: nearly uniform.
BEGINNING = 0.1


class GlobalPools(nn.Module):
    """Mean and maximum of each channel over the volume: (B, C, D, H, W) → two of (B, C).

    In training they are those of each volume, so that attention follows the content of
    the volume. In generation that would make every voxel depend on the size of the
    volume: they are frozen at an average over volumes, so that a tile equals the same
    part of the whole volume.
    """

    mean: Tensor
    maximum: Tensor
    seen: Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("maximum", torch.zeros(channels))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def reset(self) -> None:
        """Restart the average."""
        self.seen.zero_()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and maximum: of each volume in training, frozen in evaluation."""
        if not self.training:
            return self.mean.expand(x.shape[0], -1), self.maximum.expand(x.shape[0], -1)
        mean, maximum = x.mean(dim=(2, 3, 4)), x.amax(dim=(2, 3, 4))
        with torch.no_grad():
            self.seen += 1
            weight = (1 / self.seen).clamp(min=MOMENTUM)
            self.mean.lerp_(mean.mean(dim=0).to(self.mean.dtype), weight)
            self.maximum.lerp_(maximum.mean(dim=0).to(self.maximum.dtype), weight)
        return mean, maximum


class CAM(nn.Module):
    """Channel attention: sigmoid(MLP(mean) + MLP(max)) times the features; (B, C, D, H, W) → the same."""

    def __init__(self, channels: int, reduction: int = REDUCTION):
        super().__init__()
        hidden = max(channels // reduction, 4)
        self.pools = GlobalPools(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply each channel by its weight."""
        mean, maximum = self.pools(x)
        weight = torch.sigmoid(self.mlp(mean) + self.mlp(maximum))
        return x * weight[:, :, None, None, None]


class SAM(nn.Module):
    """Spatial attention: sigmoid(conv 7³([mean; max over channels])) times the features; shape unchanged.

    With a `norm`, the input of the sigmoid is normalised, as in the authors' code.
    """

    def __init__(self, kernel: int = 7, norm: Norm = "none"):
        super().__init__()
        self.convolution = CircularConv3d(2, 1, kernel)
        self.norm = normalisation(norm, 1, BEGINNING)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply each voxel by its weight."""
        pooled = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.norm(self.convolution(pooled)))


class CBAM(nn.Module):
    """Channel attention, then spatial attention; (B, C, D, H, W) → the same."""

    def __init__(self, channels: int, norm: Norm = "none", reduction: int = REDUCTION):
        super().__init__()
        self.channel, self.spatial = CAM(channels, reduction), SAM(norm=norm)
        self.reach = self.spatial.convolution.width

    def forward(self, x: Tensor) -> Tensor:
        """Apply channel attention, then spatial attention."""
        return self.spatial(self.channel(x))
