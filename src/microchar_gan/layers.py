"""Convolutions on a torus, and the one normalisation that does not look beyond its voxel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

KernelImpl = Literal["stacked", "dense", "dilated"]
Norm = Literal["batch", "pixel", "none"]
#: Slope of the leaky rectifiers of the generators.
SLOPE = 0.2


def activate(x: Tensor) -> Tensor:
    """Leaky rectifier."""
    return functional.leaky_relu(x, SLOPE)


class _Wrap(torch.autograd.Function):
    """Circular padding whose gradient is folded back in place: PyTorch's own copies it whole for every face."""

    @staticmethod
    def forward(context: Any, x: Tensor, width: int) -> Tensor:
        context.width = width
        return functional.pad(x, [width] * 6, mode="circular")

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        width: int = context.width
        gradient = gradients[0].clone()
        for axis in (2, 3, 4):
            n = gradient.shape[axis] - 2 * width
            gradient.narrow(axis, n, width).add_(gradient.narrow(axis, 0, width))
            gradient.narrow(axis, width, width).add_(gradient.narrow(axis, n + width, width))
            gradient = gradient.narrow(axis, width, n)
        return gradient, None


def wrap(x: Tensor, width: int) -> Tensor:
    """Pad the last three axes with what lies on the other side: (B, C, D, H, W) → (B, C, D+2w, H+2w, W+2w)."""
    return _Wrap.apply(x, width) if width else x


class CircularConv3d(nn.Module):
    """Convolution on a torus: (B, C, D, H, W) → (B, C', D/s, H/s, W/s).

    Odd kernels with stride 1, or kernel 4 with stride 2.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1):
        super().__init__()
        self.width = dilation * (kernel - 1) // 2
        self.convolution = nn.Conv3d(inputs, outputs, kernel, stride, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        return self.convolution(wrap(x, self.width))


class CircularUp3d(nn.Module):
    """Transposed convolution k4 s2 on a torus: (B, C, D, H, W) → (B, C', 2D, 2H, 2W).

    It begins as trilinear interpolation of mixed channels: from random kernels
    odd and even voxels differ, and a generator may never leave that chequerboard.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        # One wrapped voxel on each side adds two to each side of the output, which padding 1 + 2 takes off again.
        self.convolution = nn.ConvTranspose3d(inputs, outputs, 4, 2, padding=3)
        with torch.no_grad():
            line = torch.tensor([0.25, 0.75, 0.75, 0.25])
            kernel = line[:, None, None] * line[:, None] * line
            mixing = torch.empty(inputs, outputs).uniform_(-1, 1) * (3 / inputs) ** 0.5
            self.convolution.weight.copy_(mixing[:, :, None, None, None] * kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Upsample."""
        return self.convolution(wrap(x, 1))


class PixelNorm(nn.Module):
    """Divide each voxel's channels by their root mean square: the same in a tile and in the whole volume."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise: (B, C, …) → (B, C, …)."""
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-6)


def normalisation(kind: Norm, channels: int) -> nn.Module:
    """Return the normalisation of that name for 3D features."""
    makers: dict[Norm, Callable[[], nn.Module]] = {
        "batch": lambda: nn.BatchNorm3d(channels),
        "pixel": PixelNorm,
        "none": nn.Identity,
    }
    return makers[kind]()


class Branches(nn.Module):
    """Parallel convolutions of several kernel sizes: (B, C, D, H, W) → one (B, C', D, H, W) for each size.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    kernels : sequence of int
        Among 3, 5 and 7, ascending.
    impl : {"stacked", "dense", "dilated"}
        A 5³ (7³) is a 3³ on the output of the 3³ (5³) branch, the literal kernel, or a 3³ of
        dilation 2 (3). All see the same neighbourhood.
    """

    def __init__(self, inputs: int, outputs: int, kernels: Sequence[int], impl: KernelImpl):
        super().__init__()
        self.kernels, self.impl = tuple(kernels), impl
        if impl == "stacked":
            sizes = range(3, max(kernels) + 1, 2)
            self.convolutions = nn.ModuleDict(
                {str(k): CircularConv3d(inputs if k == 3 else outputs, outputs) for k in sizes}
            )
        elif impl == "dense":
            self.convolutions = nn.ModuleDict({str(k): CircularConv3d(inputs, outputs, k) for k in kernels})
        else:
            self.convolutions = nn.ModuleDict(
                {str(k): CircularConv3d(inputs, outputs, dilation=k // 2) for k in kernels}
            )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features of each kernel size, in their order."""
        found, below = {}, x
        for size, convolution in self.convolutions.items():
            features = activate(convolution(below if self.impl == "stacked" else x))
            found[int(size)] = below = features
        return [found[size] for size in self.kernels]
