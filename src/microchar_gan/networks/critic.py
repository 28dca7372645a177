"""The critic: scores 2D slices."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

#: Each of the strided convolutions halves the slice; the last one sees what is left of it whole.
STRIDES = 4


class SliceCritic(nn.Module):
    """(B, phases, c, c) of slices → (B,) of scores.

    A 3×3 stem, then five blocks [norm, rectifier, convolution k4]: four of
    stride 2 that double the channels, and one over all that is left.

    Parameters
    ----------
    phases : int
    crop : int
        Edge `c` of a slice, a multiple of 16; 64 in the source.
    width : int
        Channels after the stem; 32 in the source.
    norm : {"none", "batch"}
        Batch norm is the source's; it breaks a gradient penalty of each sample.
    """

    def __init__(self, phases: int, crop: int, width: int = 32, norm: Literal["none", "batch"] = "none"):
        super().__init__()
        slope = 0.0 if norm == "batch" else 0.2
        layers: list[nn.Module] = [nn.Conv2d(phases, width, 3, padding=1)]
        channels = width
        for _ in range(STRIDES):
            layers += self._entry(channels, norm, slope)
            layers.append(nn.Conv2d(channels, 2 * channels, 4, 2, padding=1))
            channels *= 2
        layers += self._entry(channels, norm, slope)
        layers.append(nn.Conv2d(channels, 1, crop // 2**STRIDES, 2, padding=0))
        self.layers = nn.Sequential(*layers)

    @staticmethod
    def _entry(channels: int, norm: str, slope: float) -> list[nn.Module]:
        return [*([nn.BatchNorm2d(channels)] if norm == "batch" else []), nn.LeakyReLU(slope)]

    def forward(self, slices: Tensor) -> Tensor:
        """Score each slice."""
        return self.layers(slices).flatten()
