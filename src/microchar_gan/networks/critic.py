"""The critics: one scores 2D slices, the other 3D crops."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from microchar_gan.settings import Settings

#: Strided convolutions; each halves the piece. The last convolution sees all that remains.
STRIDES = 4


class _Critic(nn.Module):
    """A 3-wide stem, then five blocks [norm, rectifier, convolution k4].

    Four convolutions of stride 2 double the channels, one goes over all that remains.

    Parameters
    ----------
    settings : Settings
        Of these the critic uses `slice_size` (the edge c of a piece), `critic_width`,
        `critic_norm` and `critic_slope`: 64, 32, "batch" and 0 in the source. Batch norm
        makes the gradient of a score depend on the other pieces, and so breaks a gradient
        penalty.
    phases : int
    """

    convolution: ClassVar[type[nn.Conv2d | nn.Conv3d]]
    norm: ClassVar[type[nn.BatchNorm2d | nn.BatchNorm3d]]

    def __init__(self, settings: Settings, phases: int):
        super().__init__()
        self._settings = settings
        channels = settings.critic_width
        layers: list[nn.Module] = [self.convolution(phases, channels, 3, padding=1)]
        for _ in range(STRIDES):
            layers += self._entry(channels)
            layers.append(self.convolution(channels, 2 * channels, 4, 2, padding=1))
            channels *= 2
        layers += self._entry(channels)
        layers.append(self.convolution(channels, 1, settings.slice_size // 2**STRIDES, 2, padding=0))
        self.layers = nn.Sequential(*layers)

    def _entry(self, channels: int) -> list[nn.Module]:
        normed = [self.norm(channels)] if self._settings.critic_norm == "batch" else []
        return [*normed, nn.LeakyReLU(self._settings.critic_slope)]

    def forward(self, pieces: Tensor) -> Tensor:
        """Return the score of each piece."""
        return self.layers(pieces).flatten()


class SliceCritic(_Critic):
    """(B, phases, c, c) of slices → (B,) of scores: the critic of the source."""

    convolution, norm = nn.Conv2d, nn.BatchNorm2d


class VolumeCritic(_Critic):
    """(B, phases, c, c, c) of crops → (B,) of scores: the same with kernels of one more dimension."""

    convolution, norm = nn.Conv3d, nn.BatchNorm3d
