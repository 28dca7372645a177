"""Aggregation of features of several receptive fields: MHFA in the decoder, MSCA in the low-resolution layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from microchar_gan.networks.attention import CAM, REDUCTION
from microchar_gan.networks.layers import SLOPE, Branches, CircularConv3d, activate, normalisation
from microchar_gan.settings import KernelImpl, Norm

#: Initial scale of what an aggregation adds to its input, where that is normalised. Deep networks learn sooner from
#: near the identity; exactly at the identity the branches would have no gradient.
BEGINNING = 0.1


class MHFA(nn.Module):
    """Multi-scale hierarchical feature aggregation: (B, C, D, H, W) → the same.

    Branches of several kernel sizes give context. Four densely connected 3³
    convolutions follow: the first branch enters at the first of them, the 5³ branch
    at the second and the 7³ branch at the third. A 1³ convolution maps all features
    to C channels, which are added to the input.

    With a `norm`, the added features are normalised. Otherwise they can grow without
    bounds, until the attention after them saturates and learning stops.

    Parameters
    ----------
    channels : int
    kernels, impl, slope
        See `Branches`.
    norm : str
    share : int
        Each branch and each dense convolution has C / share channels.
    residual : bool
        If False, the features replace the input.
    """

    def __init__(
        self,
        channels: int,
        kernels: Sequence[int] = (3, 5, 7),
        impl: KernelImpl = "stacked",
        norm: Norm = "none",
        *,
        slope: float = SLOPE,
        share: int = 4,
        residual: bool = True,
    ):
        super().__init__()
        self.slope, self.residual = slope, residual
        growth = max(channels // share, 1)
        self.branches = Branches(channels, growth, kernels, impl, slope)
        # The layer that each branch enters at: the smallest at the first, 5³ at the second, 7³ at the third.
        self.enters = [{3: 0, 5: 1, 7: 2}[k] if i else 0 for i, k in enumerate(kernels)]
        self.dense = nn.ModuleList()
        for layer in range(4):
            inputs = 1 + layer + sum(1 for at in self.enters[1:] if at == layer)
            self.dense.append(CircularConv3d(inputs * growth, growth))
        #: Voxels around a voxel that its features depend on: of a branch, and of the dense layers from where it enters.
        self.reach = max(k // 2 + len(self.dense) - at for k, at in zip(kernels, self.enters, strict=True))
        self.fuse = nn.Conv3d(5 * growth, channels, 1)
        self.norm = normalisation(norm, channels, BEGINNING)

    def forward(self, x: Tensor) -> Tensor:
        """Aggregate; add the features to the input."""
        first, *others = self.branches(x)
        known = [first]
        for layer, convolution in enumerate(self.dense):
            joining = [branch for branch, at in zip(others, self.enters[1:], strict=True) if at == layer]
            known.append(activate(convolution(torch.cat([*known, *joining], dim=1)), self.slope))
        found = self.norm(self.fuse(torch.cat(known, dim=1)))
        return x + found if self.residual else found


class MSCA(nn.Module):
    """Multi-scale channel aggregation: parallel branches → 1³ → channel attention → added; shape unchanged.

    Parameters as in `MHFA`, with a reduction for the attention.
    """

    def __init__(
        self,
        channels: int,
        kernels: Sequence[int] = (3, 5, 7),
        impl: KernelImpl = "stacked",
        norm: Norm = "none",
        *,
        slope: float = SLOPE,
        share: int = 2,
        reduction: int = REDUCTION,
        residual: bool = True,
    ):
        super().__init__()
        self.residual = residual
        width = max(channels // share, 1)
        self.branches = Branches(channels, width, kernels, impl, slope)
        self.reach = self.branches.reach
        self.fuse = nn.Conv3d(len(kernels) * width, channels, 1)
        self.norm = normalisation(norm, channels, BEGINNING)
        self.attention = CAM(channels, reduction)

    def forward(self, x: Tensor) -> Tensor:
        """Aggregate; add the features to the input."""
        found = self.attention(self.norm(self.fuse(torch.cat(self.branches(x), dim=1))))
        return x + found if self.residual else found
