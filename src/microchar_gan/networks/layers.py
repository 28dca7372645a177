"""Convolutions on a torus, and normalisations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from microchar_gan.settings import KernelImpl, Norm, UpStart

#: Slope of leaky rectifiers below zero, if none is given.
SLOPE = 0.2


def activate(x: Tensor, slope: float = SLOPE) -> Tensor:
    """Apply a leaky rectifier; a plain one for slope 0. Where no gradient is recorded, in place: x is overwritten."""
    inplace = not torch.is_grad_enabled()
    return functional.leaky_relu(x, slope, inplace) if slope else functional.relu(x, inplace)


class _Wrap(torch.autograd.Function):
    """Circular padding whose gradient is folded back in place; PyTorch's own copies the whole array for every face."""

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
    """Pad the last three axes circularly: (B, C, D, H, W) → (B, C, D+2w, H+2w, W+2w)."""
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
        """Apply the convolution."""
        return self.convolution(wrap(x, self.width))


class CircularUp3d(nn.Module):
    """Transposed convolution k4 s2 on a torus: (B, C, D, H, W) → (B, C', 2D, 2H, 2W).

    Parameters
    ----------
    inputs, outputs : int
    start : {"interpolation", "random"}
        Initial kernels: a trilinear interpolation of mixed channels, or PyTorch's own. With
        random kernels odd and even voxels differ, and a training may never remove that
        chequerboard.
    even : bool
        Build the kernel 4³ as the convolution of a 3³ kernel and a box of 2³ (Sugawara, Y.
        et al. (2019), APSIPA Transactions on Signal and Information Processing 8, e9). Odd
        and even voxels then have equal sums of weights, and a uniform input stays uniform.
        If False, the 64 weights are free, and the chequerboard returns in wide pores.
    """

    def __init__(self, inputs: int, outputs: int, even: bool = True, start: UpStart = "interpolation"):
        super().__init__()
        self.even = even
        # One wrapped voxel on each side adds two voxels to each side of the output; padding 1 + 2 removes them.
        self.convolution = nn.ConvTranspose3d(inputs, outputs, 3 if even else 4, 2, padding=3)
        if start == "random":
            return
        with torch.no_grad():
            line = torch.tensor([0.25, 0.5, 0.25] if even else [0.25, 0.75, 0.75, 0.25])
            kernel = line[:, None, None] * line[:, None] * line
            mixing = torch.empty(inputs, outputs).uniform_(-1, 1) * (3 / inputs) ** 0.5
            self.convolution.weight.copy_(mixing[:, :, None, None, None] * kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Upsample."""
        weight = self.convolution.weight
        if self.even:
            for axis in (2, 3, 4):
                weight = _boxed(weight, axis)
        return functional.conv_transpose3d(wrap(x, 1), weight, self.convolution.bias, 2, 3)


def _boxed(kernel: Tensor, axis: int) -> Tensor:
    """Convolve a kernel with (1, 1) along an axis; it becomes one longer."""
    zeros = torch.zeros_like(kernel.narrow(axis, 0, 1))
    return torch.cat([kernel, zeros], dim=axis) + torch.cat([zeros, kernel], dim=axis)


class BatchRenorm3d(nn.BatchNorm3d):
    """Batch renormalisation: batch norm that gradually uses its running statistics in training; shape unchanged.

    Batch norm of a single volume gives every volume the same mean and variance, and so
    nearly the same volume fractions. With frozen statistics, as in generation, the
    fractions scatter, and critics have never seen that. This layer scales and shifts a
    volume to where the running statistics would put it; its gradient is that of batch
    norm. The correction is bounded by about the difference between two pieces of one
    material. The running statistics lag behind the weights, and a larger correction
    would make generator and critic oscillate. With ``momentum=None`` the layer is
    plain batch norm, for gathering new statistics.

    Ioffe, S. (2017), NeurIPS 30.
    """

    #: Steps until the bounds of the correction are reached; the bounds: a factor, and standard deviations.
    COMING, FACTOR, SHIFT = 200, 1.1, 0.1
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        if not self.training or self.momentum is None:
            return super().forward(x)
        with torch.no_grad():
            variance, mean = torch.var_mean(x.float(), dim=(0, 2, 3, 4), correction=0)
            known = (self.running_var + self.eps).sqrt()
            share = (self.num_batches_tracked / self.COMING).clamp(max=1)
            most, furthest = 1 + share * (self.FACTOR - 1), share * self.SHIFT
            weight = ((variance + self.eps).sqrt() / known).clamp(1 / most, most)
            bias = ((mean - self.running_mean) / known).clamp(-furthest, furthest)
            self.num_batches_tracked.add_(1)
        if self.affine:
            weight, bias = weight * self.weight, bias * self.weight + self.bias
        running = self.running_mean, self.running_var
        return functional.batch_norm(x, *running, weight, bias, True, self.momentum, self.eps)


def normalisation(kind: Norm, channels: int, beginning: float = 1.0) -> nn.Module:
    """Return the normalisation of that name for 3D features; `beginning` is its initial scale."""
    makers: dict[Norm, Callable[[], nn.Module]] = {
        "renorm": lambda: BatchRenorm3d(channels),
        "batch": lambda: nn.BatchNorm3d(channels),
        "none": nn.Identity,
    }
    module = makers[kind]()
    if isinstance(module, nn.BatchNorm3d):
        nn.init.constant_(module.weight, beginning)
    return module


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
    slope : float
        Slope of the rectifiers below zero.
    """

    def __init__(
        self, inputs: int, outputs: int, kernels: Sequence[int], impl: KernelImpl = "stacked", slope: float = SLOPE
    ):
        super().__init__()
        self.kernels, self.impl, self.slope = tuple(kernels), impl, slope
        #: Voxels around a voxel that its features depend on.
        self.reach = max(kernels) // 2
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
        by_size, below = {}, x
        for size, convolution in self.convolutions.items():
            features = activate(convolution(below if self.impl == "stacked" else x), self.slope)
            by_size[int(size)] = below = features
        return [by_size[size] for size in self.kernels]
