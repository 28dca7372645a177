"""A U-net that makes a part of its volume: the same map to rounding, in fewer and cheaper operations.

The finest stage of the decoder does most of the work, and sees a few voxels only. A tile's halo, which the coarse
levels need, is cut off before it, down to what this stage sees.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from microchar_gan.networks.layers import CircularConv3d, wrap
from microchar_gan.networks.unet import DecoderStage, UNet

#: Start and stop along an axis.
Range = tuple[int, int]


class PartialUNet:
    r"""A U-net in evaluation mode: (B, channels, D, H, W) of noise and a box → (B, phases, \*box) of logits.

    Convolutions take the normalisations behind them in, those of 1³ are products of
    matrices, and on CPUs the others are oneDNN's, whose results do not depend on the number of threads.

    Parameters
    ----------
    network : UNet
        In evaluation mode; is not modified.
    """

    def __init__(self, network: UNet):
        self._closed = prepared(network)
        self._reaches = [stage.reach for stage in network.stages if isinstance(stage, DecoderStage)]
        # A stage that is made with all that its voxels see needs nothing from beyond its faces.
        self._open = nn.ModuleList(copy.deepcopy(self._closed.stages))
        for module in self._open.modules():
            if isinstance(module, _Convolution):
                module.closed = False

    def __call__(self, noise: Tensor, box: Sequence[slice]) -> Tensor:
        """Return the logits in a box of the noise, which is taken as one period."""
        network, asked = self._closed, [(s.start, s.stop) for s in box]
        *skips, x = network.encoded(noise)
        x = network.bottom(x)
        present = _whole(x)
        for number, (made, enough) in enumerate(self._boxes(asked, noise.shape[-3:])):
            stage, skip = (self._open if enough else network.stages)[number], skips.pop()
            x = stage(_part(x, [(a // 2, b // 2) for a, b in made], present), _part(skip, made, _whole(skip)))
            present = made
        return _part(network.logits(x), asked, present)

    def bytes_needed(self, shape: Sequence[int], box: Sequence[slice]) -> float:
        """Return about the peak memory of a call: of the finest level of the encoder, or of a stage of the decoder."""
        network = self._closed
        # Noise and features, both as they are and wrapped.
        encoder = 8.0 * (network.channels + network.stem.convolution.out_channels) * math.prod(shape)
        boxes = reversed(self._boxes([(s.start, s.stop) for s in box], shape))
        voxels = (math.prod(b - a for a, b in made) * 2**level for level, (made, _) in enumerate(boxes))
        return max(encoder, network.bytes_per_voxel * max(voxels))

    def _boxes(self, asked: Sequence[Range], shape: Sequence[int]) -> list[tuple[list[Range], bool]]:
        """Return the box that each stage makes, in its own voxels, and if it holds all that is seen; coarsest first."""
        needed, reach = asked, int(self._closed.head.width)
        boxes: list[tuple[list[Range], bool]] = []
        for level, seen_by_stage in enumerate(reversed(self._reaches)):
            reach += seen_by_stage
            # In whole voxels of the next level.
            seen = [((a - reach) // 2 * 2, -((b + reach) // -2) * 2) for a, b in needed]
            # What is seen across a face lies behind the opposite one: the axis is made as a whole.
            within = [a >= 0 and b <= n >> level for (a, b), n in zip(seen, shape, strict=True)]
            made = [one if ok else (0, n >> level) for one, ok, n in zip(seen, within, shape, strict=True)]
            boxes.insert(0, (made, all(within)))
            needed, reach = [(a // 2, b // 2) for a, b in made], 0
        return boxes


def _whole(x: Tensor) -> list[Range]:
    return [(0, n) for n in x.shape[-3:]]


def _part(x: Tensor, wanted: Sequence[Range], present: Sequence[Range]) -> Tensor:
    """Return a box of features that are present in another one."""
    for axis, ((a, b), (first, _)) in enumerate(zip(wanted, present, strict=True), 2):
        x = x.narrow(axis, a - first, b - a)
    return x


def prepared(network: UNet) -> UNet:
    """Return a copy of a U-net in evaluation mode that makes the same logits to rounding, faster."""
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for module in network.modules():
        _fold(module)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, CircularConv3d):
                setattr(module, name, _Convolution(child.convolution, child.width))
            elif isinstance(child, nn.Conv3d) and not isinstance(module, CircularConv3d):
                setattr(module, name, _Pointwise(child))
    return network


def _fold(module: nn.Module) -> None:
    """Let the convolution of a module, or of a pair of modules, do what the frozen batch norm behind it does."""
    norm, before = ("1", "0") if isinstance(module, nn.Sequential) else ("norm", None)
    frozen = getattr(module, norm, None)
    convolution = getattr(module, before or ("fuse" if hasattr(module, "fuse") else "convolution"), None)
    if not isinstance(frozen, nn.BatchNorm3d) or convolution is None:
        return
    inner = convolution.convolution if isinstance(convolution, CircularConv3d) else convolution
    assert isinstance(inner, nn.Conv3d)
    mean, variance = frozen.running_mean, frozen.running_var
    assert inner.bias is not None
    assert mean is not None
    assert variance is not None
    scale = frozen.weight / (variance + frozen.eps).sqrt()
    inner.weight.mul_(scale[:, None, None, None, None])
    inner.bias.sub_(mean).mul_(scale).add_(frozen.bias)
    setattr(module, norm, nn.Identity())


class _Convolution(nn.Module):
    """`CircularConv3d` without gradients; if not `closed`, what lies beyond the faces is zero, which copies nothing."""

    def __init__(self, convolution: nn.Conv3d, width: int):
        super().__init__()
        self.convolution, self.width, self.closed = convolution, width, True

    def forward(self, x: Tensor) -> Tensor:
        """Apply the convolution."""
        of, width = self.convolution, [0 if self.closed else self.width] * 3
        if self.closed:
            x = wrap(x, self.width)
        if x.device.type == "cpu" and x.dtype == torch.float32 and torch.backends.mkldnn.is_available():
            # Without this, PyTorch takes a slower one, of other rounding, for small inputs.
            return torch.mkldnn_convolution(x, of.weight, of.bias, width, of.stride, of.dilation, 1)
        return functional.conv3d(x, of.weight, of.bias, of.stride, width, of.dilation)


class _Pointwise(nn.Module):
    """Convolution of 1³: a product of matrices, seven times as fast on a CPU, where channels come last."""

    def __init__(self, convolution: nn.Conv3d):
        super().__init__()
        self.weight, self.bias = nn.Parameter(convolution.weight[:, :, 0, 0, 0].clone(), False), convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        """Apply the convolution."""
        return functional.linear(x.permute(0, 2, 3, 4, 1), self.weight, self.bias).permute(0, 4, 1, 2, 3)
