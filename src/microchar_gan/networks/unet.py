"""The U-net generator: noise on the output grid, through an encoder and a decoder with skip connections."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from microchar_gan.networks.aggregation import MHFA, MSCA
from microchar_gan.networks.attention import CBAM
from microchar_gan.networks.layers import BatchRenorm3d, CircularConv3d, CircularUp3d, activate, normalisation
from microchar_gan.settings import Norm, Settings


class DecoderStage(nn.Module):
    """(B, 2C, D, H, W) and the skip (B, C, 2D, 2H, 2W) → (B, C, 2D, 2H, 2W)."""

    def __init__(self, channels: int, extras: Sequence[MHFA | MSCA | CBAM], settings: Settings):
        super().__init__()
        s = settings
        self.slope = s.slope
        self.up = CircularUp3d(2 * channels, channels, s.even_up, s.up_start)
        self.fuse = nn.Conv3d(2 * channels, channels, 1)
        with torch.no_grad():
            # Skips carry mostly noise at first. Weak skips start from a smooth volume without specks to unlearn.
            self.fuse.weight[:, channels:] *= s.skip_start
        self.norm = normalisation(s.norm, channels)
        self.extras = nn.Sequential(*extras)
        #: Voxels around a voxel that its features depend on, the one of the upsampling included.
        self.reach = 1 + sum(extra.reach for extra in extras)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Upsample, fuse with the skip, aggregate and attend."""
        return self.extras(activate(self.norm(self.fuse(torch.cat([self.up(x), skip], dim=1))), self.slope))


class UNet(nn.Module):
    """The generator: (B, channels, D, H, W) of noise → (B, phases, D, H, W) of logits.

    D, H and W are multiples of ``2**depth``. All padding is circular: rolling the
    noise by a multiple of ``2**depth`` rolls the volume. Channels double at each
    level. With ``logit_scale`` the logits of each phase are normalised, as by batch
    norm, so that they cannot saturate everywhere, where a softmax has no gradient.

    Parameters
    ----------
    settings : Settings
    channels : int
        Channels of the noise, and of the condition if there is one.
    phases : int
        Phases of the material.
    """

    #: Volumes are periodic: slices may begin anywhere.
    torus: ClassVar[bool] = True

    def __init__(self, settings: Settings, *, channels: int, phases: int):
        super().__init__()
        s = settings
        self.channels, self.align = channels, 2**s.depth
        # The widest kernel wraps three voxels around at the lowest level.
        self.shortest = 4 * self.align
        # Peak of a pass in float32, as measured for widths 8 and 16: mostly features of the last stage.
        self.bytes_per_voxel = 4.0 * (8 * s.width + 64)
        widths = [s.width * 2**level for level in range(s.depth + 1)]
        self.stem = CircularConv3d(channels, s.width)
        self.down = nn.ModuleList(
            nn.Sequential(CircularConv3d(a, b, 4, 2), normalisation(s.norm, b)) for a, b in pairwise(widths)
        )
        self.slope = s.slope
        self.bottom = _msca(s, widths[-1]) if s.msca_kernels and s.msca_levels else nn.Identity()
        self.stages = nn.ModuleList(
            DecoderStage(widths[level], _extras(s, widths[level], level), s) for level in reversed(range(s.depth))
        )
        self.head = CircularConv3d(s.width, phases)
        self.logit_scale = s.logit_scale
        kind = BatchRenorm3d if s.norm == "renorm" else nn.BatchNorm3d
        self.logit_norm = kind(phases, affine=False) if s.logit_scale else nn.Identity()
        self.shift = nn.Parameter(torch.zeros(phases))

    def noise_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of the noise of one volume of that shape."""
        return (self.channels, *shape)

    def forward(self, noise: Tensor) -> Tensor:
        """Return the logits of the phases."""
        *skips, x = self.encoded(noise)
        x = self.bottom(x)
        for stage in self.stages:
            x = stage(x, skips.pop())
        return self.logits(x)

    def encoded(self, noise: Tensor) -> list[Tensor]:
        """Return the features of all levels, the finest first."""
        features = [activate(self.stem(noise), self.slope)]
        for down in self.down:
            features.append(activate(down(features[-1]), self.slope))
        return features

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits of the phases from the features of the last stage."""
        logits = self.head(x).float()
        if self.logit_scale:
            # The part common to all phases decides nothing, but could dominate the scale.
            logits = self.logit_norm(logits - logits.mean(dim=1, keepdim=True)) * self.logit_scale
        return logits + self.shift[:, None, None, None]


def _within(s: Settings) -> Norm:
    """Return the normalisation inside of aggregation and attention."""
    return s.norm if s.norm_within else "none"


def _msca(s: Settings, channels: int) -> MSCA:
    return MSCA(
        channels,
        s.msca_kernels,
        s.kernel_impl,
        _within(s),
        slope=s.slope,
        share=s.msca_share,
        reduction=s.reduction,
        residual=s.residual,
    )


def _extras(s: Settings, channels: int, level: int) -> list[MHFA | MSCA | CBAM]:
    """Return the aggregation and the attention at the end of a stage of the decoder."""
    extras: list[MHFA | MSCA | CBAM] = []
    if s.mhfa_kernels:
        extras.append(
            MHFA(
                channels,
                s.mhfa_kernels,
                s.kernel_impl,
                _within(s),
                slope=s.slope,
                share=s.mhfa_share,
                residual=s.residual,
            )
        )
    # The bottom is the first of the lowest levels.
    if s.msca_kernels and level > s.depth - s.msca_levels:
        extras.append(_msca(s, channels))
    if s.cbam:
        extras.append(CBAM(channels, _within(s), s.reduction))
    return extras
