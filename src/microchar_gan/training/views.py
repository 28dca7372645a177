"""What the critics and the L1 term of a training are shown: pieces of generated volumes and of the material."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from microchar_gan.networks.critic import SliceCritic, VolumeCritic
from microchar_gan.networks.devices import to_device
from microchar_gan.settings import Settings
from microchar_gan.training.crops import real_crops, volume_crops
from microchar_gan.training.slicing import RealSlices, turned, volume_slices


@dataclass(frozen=True)
class View:
    """Pieces of one kind, and their critic.

    Parameters
    ----------
    generated : callable
        Cuts pieces from generated volumes: (B, P, F, F, F) → (K, P, …).
    real : callable
        Draws a number of real pieces: (K, P, …).
    order : torch.memory_format
        Of the pieces and of the critic's weights.
    critic : nn.Module or None
        None if only the L1 term is shown these pieces.
    axis : int or None
        Of slices, the axis that they are normal to; 0 stands for all of them if the material is isotropic.
    """

    generated: Callable[[Tensor], Tensor]
    real: Callable[[int], Tensor]
    order: torch.memory_format
    critic: nn.Module | None
    axis: int | None = None


def critics_of(settings: Settings, phases: int) -> list[nn.Module]:
    """Return the critics: one of slices, or one for each axis; and one of crops."""
    kinds = {"slices": (SliceCritic,), "volume": (VolumeCritic,), "both": (SliceCritic, VolumeCritic)}
    critics: list[nn.Module] = []
    for kind in kinds[settings.critic]:
        count = 3 if settings.anisotropic and kind is SliceCritic else 1
        critics += [kind(settings, phases) for _ in range(count)]
    return critics


def views_of(
    settings: Settings,
    critics: Iterable[nn.Module],
    real: RealSlices,
    rng: np.random.Generator,
    *,
    periodic: bool,
) -> list[View]:
    """Return what is shown to the critics of `critics_of` and to the L1 term; moves the critics to the device."""
    waiting = iter(critics)
    views: list[View] = []
    for axis in (0, 1, 2) if settings.anisotropic else (0,):
        critic = None if settings.critic == "volume" else next(waiting)
        if critic is not None or settings.compares_slices:
            views.append(_slices(settings, critic, real, rng, axis, periodic))
    if settings.critic != "slices":
        views.append(_crops(settings, next(waiting), real, rng, periodic))
    for view in views:
        if view.critic is not None:
            to_device(view.critic, real.device, view.order)
    return views


def _slices(
    settings: Settings, critic: nn.Module | None, real: RealSlices, rng: np.random.Generator, axis: int, periodic: bool
) -> View:
    s = settings
    normals = (axis,) if s.anisotropic else (0, 1, 2)

    def generated(volume: Tensor) -> Tensor:
        return torch.cat(
            [volume_slices(volume, normal, s.slices_per_axis, s.slice_size, rng, periodic) for normal in normals]
        )

    def drawn(count: int) -> Tensor:
        labels = real.draw(axis, count, rng)
        return real.one_hot(turned(labels, rng) if s.turns else labels)

    return View(generated, drawn, torch.channels_last, critic, axis)


def _crops(settings: Settings, critic: nn.Module, real: RealSlices, rng: np.random.Generator, periodic: bool) -> View:
    s = settings
    source = real_crops(real.volume, real.phases, s.slice_size, turn=s.turns)
    return View(
        lambda volume: volume_crops(volume, s.crops, s.slice_size, rng, periodic),
        lambda count: source.draw(count, rng).to(real.device),
        torch.channels_last_3d,
        critic,
    )
