"""The U-net of flow matching: noised distances in cells and the time, to their velocity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from microchar_gan.networks.distances import CELL

#: Sines and cosines of the time, and features made of them.
_WAVES, _FEATURES = 32, 128
#: Cells of a slab of the highest level, along the first axis.
_SLAB = 16
#: Frequency of the fastest wave of the time, which runs from 0 to 1.
_FASTEST = 100.0


class EdgedConv3d(nn.Conv3d):
    """Convolution 3³: zeros beyond the edges in training, where inputs are crops; a torus in evaluation."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the convolution."""
        return super().forward(x) if self.training else functional.conv3d(_on_torus(x), self.weight, self.bias)


class RmsNorm(nn.Module):
    """Division by the root mean square of the channels of each voxel: no voxel sees another."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, D, H, W)."""
        last = x.movedim(1, -1)
        return functional.rms_norm(last, last.shape[-1:], self.weight.to(x.dtype), 1e-6).movedim(-1, 1)


class TimedBlock(nn.Module):
    """Two convolutions beside a shortcut; the time scales and shifts the features between them."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.norm, self.first = RmsNorm(inputs), EdgedConv3d(inputs, outputs)
        self.inner_norm, self.second = RmsNorm(outputs), EdgedConv3d(outputs, outputs)
        self.timing = nn.Linear(_FEATURES, 2 * outputs)
        self.shortcut = nn.Conv3d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        # Every block begins as its shortcut, whatever the time.
        _begin_at_zero(self.second)
        _begin_at_zero(self.timing)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """(B, C, D, H, W) and the features of the time (B, 128) → (B, C', D, H, W)."""
        scale, shift = self.timing(time)[:, :, None, None, None].chunk(2, dim=1)
        inner = self.inner_norm(self.first(functional.silu(self.norm(x))))
        inner = self.second(functional.silu(inner * (1 + scale) + shift))
        return self.shortcut(x) + inner


class TimedStage(nn.ModuleList):
    """Blocks at one resolution, one after the other."""

    def __init__(self, inputs: int, outputs: int, blocks: int):
        super().__init__(TimedBlock(inputs if i == 0 else outputs, outputs) for i in range(blocks))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Apply the blocks."""
        for block in self:
            x = block(x, time)
        return x


class FlowUNet(nn.Module):
    """(B, channels, D, H, W) and times (B,) → velocities (B, outputs, D, H, W).

    Lengths are multiples of ``align``. Nothing is global: shifting the input by
    ``align`` cells shifts the result, and what is more than ``reach`` cells away has
    no effect. In evaluation the input is one period.

    Parameters
    ----------
    channels, outputs : int
        Channels of the input and of the result.
    widths : sequence of int
        Channels at each level; every level has half the resolution of the one above.
    blocks : sequence of int
        Blocks at each level, on the way down and on the way up; the lowest level is passed once.
    """

    def __init__(self, channels: int, outputs: int, widths: Sequence[int], blocks: Sequence[int]):
        super().__init__()
        self.channels, self.outputs = channels, outputs
        self.align = 2 ** (len(widths) - 1)
        self.reach = reach_of(blocks)
        # Estimate of the peak of a pass in float32 per voxel of a volume: features of the highest level, a slab of it,
        # and the level below. Measured at 64³ cells: 1.6 kB per cell; the share of a slab falls with the size.
        self.bytes_per_voxel = 4.0 * (5 * widths[0] + 4 * channels) / CELL**3
        self.stem = EdgedConv3d(channels, widths[0])
        self.time = nn.Sequential(
            nn.Linear(2 * _WAVES, _FEATURES), nn.SiLU(), nn.Linear(_FEATURES, _FEATURES), nn.SiLU()
        )
        self.encoder = nn.ModuleList(TimedStage(width, width, n) for width, n in zip(widths, blocks, strict=True))
        self.down = nn.ModuleList(nn.Conv3d(a, b, 2, 2) for a, b in pairwise(widths))
        self.up = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, 2) for a, b in pairwise(widths))
        self.decoder = nn.ModuleList(
            TimedStage(2 * width, width, n) for width, n in zip(widths[:-1], blocks, strict=False)
        )
        self.norm, self.head = RmsNorm(widths[0]), EdgedConv3d(widths[0], outputs)
        _begin_at_zero(self.head)

    def forward(self, x: Tensor, times: Tensor) -> Tensor:
        """Return the velocities."""
        time = self.time(_waves(times))
        x = self._in_slabs(lambda part: self.encoder[0](self.stem(part), time), x)
        skips = []
        for level, down in enumerate(self.down, 1):
            skips.append(x)
            x = self.encoder[level](down(x), time)
        for level in reversed(range(1, len(self.up))):
            x = self.decoder[level](torch.cat([self.up[level](x), skips.pop()], dim=1), time)
        if not skips:
            return self._end(x)
        return self._in_slabs(
            lambda below, skip: self._end(self.decoder[0](torch.cat([below, skip], dim=1), time)),
            self.up[0](x),
            skips.pop(),
        )

    def _end(self, x: Tensor) -> Tensor:
        return self.head(functional.silu(self.norm(x)))

    def _in_slabs(self, part: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """Apply what the highest level does, in evaluation slab by slab: its features would fill the memory.

        Slabs overlap by the reach of the blocks of that level and of the convolution before or behind them.
        """
        n, margin = inputs[0].shape[2], 2 * len(self.encoder[0]) + 1  # type: ignore[arg-type]
        if self.training or n <= _SLAB + 2 * margin:
            return part(*inputs)
        slabs = []
        for start in range(0, n, _SLAB):
            stop = min(start + _SLAB, n)
            around = torch.arange(start - margin, stop + margin, device=inputs[0].device) % n
            cut = (one.index_select(2, around).contiguous(memory_format=torch.channels_last_3d) for one in inputs)
            slabs.append(part(*cut).narrow(2, margin, stop - start))
        return torch.cat(slabs, dim=2)


def reach_of(blocks: Sequence[int]) -> int:
    """Return how many cells away an input acts, in whole units of the lowest level.

    Each block has two convolutions 3³, which reach one voxel of their level each; the
    first and the last convolution add one cell each. On the way down, a voxel that is
    reached in part is reached.
    """
    reach = 1 + 2 * blocks[0]
    for n in blocks[1:]:
        reach = -(-reach // 2) + 2 * n
    for n in reversed(blocks[:-1]):
        reach = 2 * reach + 2 * n
    align = 2 ** (len(blocks) - 1)
    return -(-(reach + 1) // align) * align


def _on_torus(x: Tensor) -> Tensor:
    """Pad by one circularly, without a gradient; unlike PyTorch's own padding this keeps the memory format."""
    batch, channels, *lengths = x.shape
    padded = torch.empty(
        (batch, channels, *(n + 2 for n in lengths)),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last_3d,
    )
    padded[:, :, 1:-1, 1:-1, 1:-1] = x
    for axis in (2, 3, 4):
        n = padded.shape[axis]
        padded.select(axis, 0).copy_(padded.select(axis, n - 2))
        padded.select(axis, n - 1).copy_(padded.select(axis, 1))
    return padded


def _begin_at_zero(layer: nn.Conv3d | nn.Linear) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


def _waves(times: Tensor) -> Tensor:
    frequencies = torch.logspace(0, 1, _WAVES, base=_FASTEST, device=times.device)
    phases = times[:, None] * frequencies
    return torch.cat([phases.sin(), phases.cos()], dim=1)


def shifted(times: Tensor, late: float) -> Tensor:
    """Shift times from 0 (noise) to 1 (data) towards noise: t / (t + late (1 − t))."""
    return times / (times + late * (1 - times))
