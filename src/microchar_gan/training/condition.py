"""Volumes around a given slice: the conditional 2D→3D model of ``input="slice"``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.progress import Progress
from microchar.generation.streaming import Box
from microchar_gan.networks.unet import UNet
from microchar_gan.training.slicing import RealSlices, one_hot

#: Real slices that a model keeps to make volumes around.
KEPT = 8
#: Axis that the slice stands normal to when a volume is generated.
_AXIS = 0


def put(noise: Tensor, images: Tensor, axes: Sequence[int], places: Sequence[int]) -> None:
    """Write the condition into the last channels of the noise, in place.

    (B, C, F, F, F) of noise takes (B, P, F, F) of one-hot slices, each normal to
    its axis at its place: P channels hold the slice, spread along that axis, and
    the last one is 1 where it lies and 0 elsewhere.
    """
    phases = images.shape[1]
    for volume, image, axis, place in zip(noise, images, axes, places, strict=True):
        volume[-1 - phases : -1] = image.unsqueeze(1 + axis)
        volume[-1] = 0
        volume[-1].select(axis, place).fill_(1)


class Conditions:
    """Real slices as large as the volumes of the training, given to the generator at random places.

    Parameters
    ----------
    real : RealSlices
        What they are drawn from.
    field : int
        Edge of the volumes.
    """

    def __init__(self, real: RealSlices, field: int):
        self.real, self.field = real, field
        real.axes_of(field, "field=")
        self.axes: list[int] = []
        self.places: list[int] = []
        self.images = torch.empty(0)

    def draw(self, noise: Tensor, source: torch.Generator) -> None:
        """Give each volume of noise a slice, at an axis and a place that `source` decides."""
        seed = torch.randint(2**62, (1,), generator=source, device=source.device)
        rng = np.random.default_rng(int(seed))
        self.axes = rng.integers(3, size=len(noise)).tolist()
        self.places = rng.integers(self.field, size=len(noise)).tolist()
        labels = torch.cat([self.real.draw(axis, 1, rng, self.field) for axis in self.axes])
        self.images = one_hot(labels, self.real.phases)
        put(noise, self.images, self.axes, self.places)

    def l1(self, volumes: Tensor) -> Tensor:
        """Return the mean |generated slice − given slice| of the volumes made from the noise drawn last."""
        made = [
            volume.select(1 + axis, place) for volume, axis, place in zip(volumes, self.axes, self.places, strict=True)
        ]
        return (torch.stack(made) - self.images).abs().mean()

    def kept(self) -> np.ndarray:
        """Return slices for the model to keep, of the direction that they will stand in."""
        return self.real.draw(_AXIS, KEPT, np.random.default_rng(0), self.field).cpu().numpy()


def around_a_slice(
    network: UNet,
    slices: np.ndarray,
    shape: Triple,
    rng: np.random.Generator,
    periodic: Sequence[int],
    progress: Progress,
) -> Iterator[tuple[Box, np.ndarray]]:
    """Make a volume around one of the slices, which lies in the middle of axis 0: all of it at once."""
    field = slices.shape[-1]
    if max(shape) > field:
        raise InputError(
            f"shape={shape}: with input='slice' a volume is made whole, around a slice of {field} × {field} voxels; "
            f"expected at most {field} along each axis, or a model with input='noise'"
        )
    if periodic:
        raise InputError(
            f"periodic={tuple(periodic)!r}: with input='slice' a volume is made around a real slice, which does not "
            "repeat; leave periodic out, or use a model with input='noise'"
        )
    phases = len(network.shift)
    if slices.max() >= phases:
        raise InputError(f"slices: found label {slices.max()}, the model has {phases} phases; its file is damaged")
    image = one_hot(torch.from_numpy(slices[rng.integers(len(slices))])[None], phases)
    return _whole(network, image, shape, rng, progress)


def _whole(
    network: UNet, image: Tensor, shape: Triple, rng: np.random.Generator, progress: Progress
) -> Iterator[tuple[Box, np.ndarray]]:
    progress(0.0, "volume around a slice")
    device = next(network.parameters()).device
    cells = network.noise_shape((image.shape[-1],) * 3)
    noise = torch.from_numpy(rng.standard_normal((1, *cells), np.float32)).to(device)
    put(noise, image.to(device), [_AXIS], [shape[_AXIS] // 2])
    with torch.inference_mode():
        labels = network(noise)[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
    a, b, c = (slice(n) for n in shape)
    yield (a, b, c), labels[a, b, c]
    progress(1.0, "volume around a slice")
