"""Real slices as input of the U-net, for ``input="slice"``: their channels in the noise."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

#: Real slices that a model stores, to generate volumes around them.
KEPT_SLICES = 8
#: Axis that the stored slices are normal to.
SLICE_AXIS = 0


def one_hot(labels: Tensor, phases: int) -> Tensor:
    """Turn labels into phase indicators: (K, …) → (K, P, …), float32."""
    return functional.one_hot(labels.long(), phases).movedim(-1, 1).float()


def condition_channels(phases: int) -> int:
    """Return how many channels a slice takes: its phases, and a mask of its position."""
    return phases + 1


def write_condition(noise: Tensor, images: Tensor, axes: Sequence[int], positions: Sequence[int]) -> None:
    """Write slices into the last channels of the noise, in place.

    (B, C, F, F, F) of noise takes (B, P, F, F) of one-hot slices, each normal to
    its axis at its position. P channels hold the slice, spread along that axis; the
    last channel is 1 at the position of the slice and 0 elsewhere.
    """
    phases = images.shape[1]
    for volume, image, axis, position in zip(noise, images, axes, positions, strict=True):
        volume[-1 - phases : -1] = image.unsqueeze(1 + axis)
        volume[-1] = 0
        volume[-1].select(axis, position).fill_(1)
