"""Slices for the critics, from the training data and from generated volumes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from microchar.core.errors import InputError
from microchar.core.volume import OUTSIDE
from microchar_gan.networks.conditioning import one_hot
from microchar_gan.training.statistics import slice_s2

#: The two axes in the plane of a slice, by the axis it is normal to.
PLANES = ((1, 2), (0, 2), (0, 1))
#: Windows that are drawn before concluding that a mask leaves no room.
_TRIES = 200
#: Windows for S2 of the material.
_WINDOWS = 512


class RealSlices:
    """Random windows of slices, from one volume or from 2D images.

    Parameters
    ----------
    labels : ndarray or mapping of axis to sequence of ndarray
        uint8; `OUTSIDE` marks voxels that the training must not see.
    phases : int
    crop : int
        Edge of a window.
    device : torch.device
        Device that holds the labels.
    isotropic : bool
        Whether slices of all axes are interchangeable.
    """

    def __init__(
        self,
        labels: np.ndarray | dict[int, Sequence[np.ndarray]],
        phases: int,
        crop: int,
        device: torch.device,
        isotropic: bool,
    ):
        self.phases, self.crop, self.isotropic, self.device = phases, crop, isotropic, device
        self.volume = torch.from_numpy(labels).to(device) if isinstance(labels, np.ndarray) else None
        self.images = (
            {}
            if isinstance(labels, np.ndarray)
            else {axis: [torch.from_numpy(image).to(device) for image in group] for axis, group in labels.items()}
        )
        self.axes = self.axes_of(crop, "slice_size=")
        if not isotropic and len(self.axes) < 3:
            raise InputError(
                f"anisotropic=True: found slices normal to axis {', '.join(map(str, self.axes))} only, "
                "expected some normal to each of the three, or anisotropic=False"
            )

    def axes_of(self, edge: int, setting: str) -> tuple[int, ...]:
        """Return the axes that windows of an edge can be normal to; if there are none, raise an InputError."""
        if self.volume is not None:
            largest = tuple(self.volume.shape)
            axes = [axis for axis in range(3) if all(largest[a] >= edge for a in PLANES[axis])]
        else:
            smallest = min(min(image.shape) for group in self.images.values() for image in group)
            largest = (smallest, smallest)
            axes = sorted(self.images) if smallest >= edge else []
        if not axes or (not self.isotropic and self.volume is not None and len(axes) < 3):
            raise InputError(
                f"training data of shape {largest}: smaller than slices of {edge} × {edge} voxels; "
                f"use a larger volume, or a smaller {setting} (a multiple of 16)"
            )
        return tuple(axes)

    @cached_property
    def fractions(self) -> np.ndarray:
        """Volume fraction of each phase."""
        pieces = (
            [self.volume] if self.volume is not None else [image for group in self.images.values() for image in group]
        )
        counts = np.sum([np.bincount(piece.cpu().numpy().ravel(), minlength=256)[: self.phases] for piece in pieces], 0)
        return counts / counts.sum()

    @cached_property
    def s2(self) -> Tensor:
        """S2 of slices normal to the first axis available, drawn with a separate random state."""
        windows = self.draw(self.axes[0], _WINDOWS, np.random.default_rng(0))
        return slice_s2(self.one_hot(windows)).cpu()

    def draw(self, axis: int, count: int, rng: np.random.Generator, edge: int | None = None) -> Tensor:
        """Return `count` windows normal to an axis, or to any axis if isotropic: (K, c, c), uint8.

        Their edge is `crop` by default.
        """
        axes = self.axes if edge is None else self.axes_of(edge, "field=")
        windows: list[Tensor] = []
        for _ in range(count):
            normal = int(rng.choice(axes)) if self.isotropic else axis
            windows.append(self._window(normal, edge or self.crop, rng))
        return torch.stack(windows)

    def one_hot(self, labels: Tensor) -> Tensor:
        """Turn labels into phase indicators: (K, c, c) → (K, P, c, c), float32."""
        return one_hot(labels, self.phases)

    def _window(self, axis: int, edge: int, rng: np.random.Generator) -> Tensor:
        for _ in range(_TRIES):
            if self.volume is not None:
                plane = self.volume.select(axis, int(rng.integers(self.volume.shape[axis])))
            else:
                group = self.images[axis]
                plane = group[int(rng.integers(len(group)))]
            a, b = (int(rng.integers(n - edge + 1)) for n in plane.shape)
            window = plane[a : a + edge, b : b + edge]
            if not bool((window == OUTSIDE).any()):
                return window
        raise InputError(
            f"training data: found no slice of {edge} × {edge} voxels inside the mask in {_TRIES} tries; "
            "use a larger part of the volume, or a smaller slice_size="
        )


def as_labels(probabilities: Tensor) -> Tensor:
    """Return the most probable phase as indicators, with the gradient of the probabilities (B, P, …).

    A phase with a probability of 0.03 everywhere contributes to the volume fraction but
    appears in no label, and a critic tells such probabilities from real labels. The
    gradient of labels is zero; the straight-through estimate (Bengio, Y. et al. (2013),
    arXiv:1308.3432) replaces it.
    """
    labels = one_hot(probabilities.argmax(dim=1), probabilities.shape[1])
    return probabilities + (labels - probabilities).detach()


def with_gumbel_noise(logits: Tensor, scale: float, source: torch.Generator) -> Tensor:
    """Add Gumbel noise: the largest logit is then phase i with probability softmax(logits / scale)_i.

    Labels do not show how narrowly a phase won. Another phase can be nearly as probable
    throughout, at no cost, until a small change produces thousands of specks (Jang, E.,
    Gu, S. and Poole, B. (2017), ICLR; Maddison, C. J. et al. (2017), ICLR).
    """
    if not scale:
        return logits
    waiting = torch.empty_like(logits).exponential_(generator=source)
    return logits - scale * waiting.clamp_min(torch.finfo(waiting.dtype).tiny).log()


def volume_slices(
    volume: Tensor, axis: int, count: int, crop: int, rng: np.random.Generator, periodic: bool = True
) -> Tensor:
    """Cut slices normal to an axis from generated volumes: (B, P, F, F, F) → (B·count, P, c, c).

    Windows of periodic volumes may begin anywhere and continue at the opposite side.
    They are smaller than the volume and do not show that it repeats.
    """
    a, b = PLANES[axis]
    size = volume.shape[2]
    positions = rng.choice(size, count, replace=count > size)
    picked = volume.index_select(2 + axis, torch.from_numpy(np.sort(positions)).to(volume.device))
    for plane in (a, b):
        start = int(rng.integers(size if periodic else size - crop + 1)) if crop < size else 0
        if periodic and start:
            picked, start = picked.roll(-start, 2 + plane), 0
        picked = picked.narrow(2 + plane, start, crop)
    return picked.movedim(2 + axis, 1).flatten(0, 1)


def turned(slices: Tensor, rng: np.random.Generator) -> Tensor:
    """Flip and rotate square slices, each in its own way, as is valid for isotropic materials."""
    ways = rng.integers(8, size=len(slices)).tolist()
    return torch.stack(
        [(one.flip(-1) if way >= 4 else one).rot90(way % 4, (-2, -1)) for one, way in zip(slices, ways, strict=True)]
    )
