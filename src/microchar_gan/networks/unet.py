"""The U-net generator: noise on the output grid goes through an encoder and a decoder with skips."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from microchar_gan.networks.aggregation import MHFA, MSCA
from microchar_gan.networks.attention import CBAM
from microchar_gan.networks.layers import (
    BatchRenorm3d,
    CircularConv3d,
    CircularUp3d,
    KernelImpl,
    Norm,
    activate,
    normalisation,
)


class DecoderStage(nn.Module):
    """(B, 2C, D, H, W) and the skip (B, C, 2D, 2H, 2W) → (B, C, 2D, 2H, 2W)."""

    def __init__(self, channels: int, extras: Sequence[nn.Module], norm: Norm, even_up: bool, skip_start: float):
        super().__init__()
        self.up = CircularUp3d(2 * channels, channels, even_up)
        self.fuse = nn.Conv3d(2 * channels, channels, 1)
        with torch.no_grad():
            # What skips carry at first is noise: a volume that begins smooth need not learn to be rid of its specks.
            self.fuse.weight[:, channels:] *= skip_start
        self.norm = normalisation(norm, channels)
        self.extras = nn.Sequential(*extras)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Upsample, take the skip in, aggregate and attend."""
        return self.extras(activate(self.norm(self.fuse(torch.cat([self.up(x), skip], dim=1)))))


class UNet(nn.Module):
    """The generator: (B, channels, D, H, W) of noise → (B, phases, D, H, W) of logits.

    D, H and W are multiples of ``2**depth``. All padding is circular: rolling the
    noise by a multiple of ``2**depth`` rolls the volume.

    Parameters
    ----------
    channels : int
        Of the noise (and of the condition, if any).
    phases : int
        Of the material.
    width : int
        Channels at full resolution, doubled at each of the `depth` levels.
    mhfa_kernels, msca_kernels : sequence of int
        Kernel sizes; empty leaves the modules out.
    cbam : bool
        Attention at the end of each stage of the decoder.
    norm : {"renorm", "batch", "none"}
    norm_within : bool
        Whether MHFA, MSCA and spatial attention are normalised, too.
    even_up : bool
        Whether odd and even voxels are upsampled alike.
    skip_start : float
        Share of their strength that skips begin with.
    logit_scale : float
        Standard deviation that each phase's logits are normalised to (as batch norm
        does), so that they cannot saturate everywhere, where a softmax has no
        gradient to learn from; 0 leaves them as they are.
    """

    #: Volumes of training repeat seamlessly: slices may begin anywhere.
    torus: ClassVar[bool] = True

    def __init__(
        self,
        *,
        channels: int,
        phases: int,
        width: int,
        depth: int,
        mhfa_kernels: Sequence[int],
        msca_kernels: Sequence[int],
        kernel_impl: KernelImpl,
        cbam: bool,
        norm: Norm,
        norm_within: bool,
        even_up: bool,
        skip_start: float,
        logit_scale: float,
    ):
        super().__init__()
        self.channels, self.align = channels, 2**depth
        # The widest kernel wraps three voxels around at the lowest level.
        self.shortest = 4 * self.align
        # Peak of a pass in float32, as measured for widths 8 and 16: mostly features of the last stage.
        self.bytes_per_voxel = 4.0 * (8 * width + 64)
        within: Norm = norm if norm_within else "none"
        widths = [width * 2**level for level in range(depth + 1)]
        self.stem = CircularConv3d(channels, width)
        self.down = nn.ModuleList(
            nn.Sequential(CircularConv3d(a, b, 4, 2), normalisation(norm, b)) for a, b in pairwise(widths)
        )
        self.bottom = MSCA(widths[-1], msca_kernels, kernel_impl, within) if msca_kernels else nn.Identity()
        self.stages = nn.ModuleList()
        for level in reversed(range(depth)):
            extras: list[nn.Module] = [MHFA(widths[level], mhfa_kernels, kernel_impl, within)] if mhfa_kernels else []
            if msca_kernels and level == depth - 1:
                extras.append(MSCA(widths[level], msca_kernels, kernel_impl, within))
            extras += [CBAM(widths[level], within)] if cbam else []
            self.stages.append(DecoderStage(widths[level], extras, norm, even_up, skip_start))
        self.head = CircularConv3d(width, phases)
        self.logit_scale = logit_scale
        kind = BatchRenorm3d if norm == "renorm" else nn.BatchNorm3d
        self.logit_norm = kind(phases, affine=False) if logit_scale else nn.Identity()
        self.shift = nn.Parameter(torch.zeros(phases))

    def noise_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of the noise for a volume of that shape, without the batch."""
        return (self.channels, *shape)

    def forward(self, noise: Tensor) -> Tensor:
        """Return the logits of the phases."""
        x = activate(self.stem(noise))
        skips = [x]
        for down in self.down:
            x = activate(down(x))
            skips.append(x)
        x = self.bottom(skips.pop())
        for stage in self.stages:
            x = stage(x, skips.pop())
        logits = self.head(x).float()
        if self.logit_scale:
            # What is common to all phases decides nothing, and could be all that there is to scale.
            logits = self.logit_norm(logits - logits.mean(dim=1, keepdim=True)) * self.logit_scale
        return logits + self.shift[:, None, None, None]
