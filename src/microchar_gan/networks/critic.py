"""The critic: scores 2D slices."""

from __future__ import annotations

from torch import Tensor, nn

from microchar_gan.settings import CriticNorm, Settings

#: Strided convolutions; each halves the slice. The last convolution sees all that remains.
STRIDES = 4


class SliceCritic(nn.Module):
    """(B, phases, c, c) of slices → (B,) of scores.

    A 3×3 stem, then five blocks [norm, rectifier, convolution k4]: four of
    stride 2 that double the channels, and one over all that remains.

    Parameters
    ----------
    settings : Settings
        Of these the critic uses `slice_size` (the edge c), `critic_width` and
        `critic_norm`: 64, 32 and "batch" in the source. Batch norm makes the gradient
        of a score depend on the other slices, and so breaks a gradient penalty.
    phases : int
    """

    def __init__(self, settings: Settings, phases: int):
        super().__init__()
        width, norm = settings.critic_width, settings.critic_norm
        slope = 0.0 if norm == "batch" else 0.2
        layers: list[nn.Module] = [nn.Conv2d(phases, width, 3, padding=1)]
        channels = width
        for _ in range(STRIDES):
            layers += self._entry(channels, norm, slope)
            layers.append(nn.Conv2d(channels, 2 * channels, 4, 2, padding=1))
            channels *= 2
        layers += self._entry(channels, norm, slope)
        layers.append(nn.Conv2d(channels, 1, settings.slice_size // 2**STRIDES, 2, padding=0))
        self.layers = nn.Sequential(*layers)

    @staticmethod
    def _entry(channels: int, norm: CriticNorm, slope: float) -> list[nn.Module]:
        return [*([nn.BatchNorm2d(channels)] if norm == "batch" else []), nn.LeakyReLU(slope)]

    def forward(self, slices: Tensor) -> Tensor:
        """Return the score of each slice."""
        return self.layers(slices).flatten()
