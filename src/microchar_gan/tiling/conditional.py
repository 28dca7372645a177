"""Volumes around a real slice, for ``input="slice"``: made at once, as they are no larger than the slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.progress import Progress
from microchar.generation.streaming import Box
from microchar_gan.networks.conditioning import SLICE_AXIS, one_hot, write_condition
from microchar_gan.networks.unet import UNet


def around_a_slice(
    network: UNet,
    slices: np.ndarray,
    shape: Triple,
    rng: np.random.Generator,
    periodic: Sequence[int],
    progress: Progress,
) -> Iterator[tuple[Box, np.ndarray]]:
    """Make a volume around one of the slices, which lies in the middle of axis 0; yield it as one block."""
    edge = slices.shape[-1]
    if max(shape) > edge:
        raise InputError(
            f"shape={shape}: with input='slice' a volume is made at once, around a slice of {edge} × {edge} voxels; "
            f"expected at most {edge} along each axis, or a model with input='noise'"
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
    return _at_once(network, image, shape, rng, progress)


def _at_once(
    network: UNet, image: Tensor, shape: Triple, rng: np.random.Generator, progress: Progress
) -> Iterator[tuple[Box, np.ndarray]]:
    progress(0.0, "volume around a slice")
    device = next(network.parameters()).device
    cells = network.noise_shape((image.shape[-1],) * 3)
    noise = torch.from_numpy(rng.standard_normal((1, *cells), np.float32)).to(device)
    write_condition(noise, image.to(device), [SLICE_AXIS], [shape[SLICE_AXIS] // 2])
    with torch.inference_mode():
        labels = network(noise)[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
    a, b, c = (slice(n) for n in shape)
    yield (a, b, c), labels[a, b, c]
    progress(1.0, "volume around a slice")
