"""Distances from noise, step by step; each step is made tile by tile, and exchanges halos with the next.

The halo of all steps together is longer than most volumes. A step needs its own only:
the distances so far are kept for the whole volume, eight numbers for 4³ voxels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch

from microchar.core.grid import Triple
from microchar.core.progress import Progress, section, silent
from microchar.generation.streaming import Box
from microchar_gan.networks.devices import exact_float32
from microchar_gan.networks.distances import CELL, DOUBLING_MARGIN, depths, doubled, of_cells
from microchar_gan.networks.flow_unet import FlowUNet, shifted
from microchar_gan.settings import FlowSettings
from microchar_gan.tiling.fraction_field import drawn_fractions
from microchar_gan.tiling.halo import felt_halo
from microchar_gan.tiling.held_slice import HeldSlice
from microchar_gan.tiling.lattice_noise import noise
from microchar_gan.tiling.tiles import Field, check_periods, sweep

#: Voxels that a volume is made longer along axes that are not periodic, so that opposite faces are not alike.
APART = 32
#: Times at which the halo is measured.
_TRIED = (0.0, 0.5, 0.95)
#: Cells of a slab that is labelled at a time.
_SLAB = 8


@dataclass(frozen=True)
class FlowModel:
    """A trained network and what is needed to make labels with it.

    Parameters
    ----------
    network : FlowUNet
        In evaluation mode.
    settings : FlowSettings
    halo : int
        Cells around a tile that a step is made with.
    mean : ndarray
        Of each distance in the training data, in voxels.
    std : ndarray
        Of each value of a cell, in voxels.
    shares, mixing : ndarray
        Variation of the local volume fractions; see `drawn_fractions`.
    shift : ndarray
        Added to the depth in each phase, so that volume fractions are right.
    half : bool
        Whether convolutions run in bfloat16.
    """

    network: FlowUNet
    settings: FlowSettings
    halo: int
    mean: np.ndarray
    std: np.ndarray
    shares: np.ndarray
    mixing: np.ndarray
    shift: np.ndarray
    half: bool = False

    @property
    def unit(self) -> int:
        """Voxels: periods are multiples of it."""
        return CELL * self.network.align

    def cells(self, shape: Sequence[int], periodic: Sequence[int]) -> Triple:
        """Return the lengths of the torus that a volume is cut from, in cells.

        Raises
        ------
        InputError
            If the length of a periodic axis is no multiple of the unit.
        """
        check_periods(shape, periodic, self.unit)
        lengths = []
        for axis, n in enumerate(shape):
            whole = n if axis in periodic else max(n + APART, self.settings.crop_size)
            lengths.append(-(-whole // self.unit) * self.network.align)
        a, b, c = lengths
        return a, b, c


def sampled(
    model: FlowModel,
    cells: Triple,
    *,
    seed: int,
    typical: bool = False,
    held: HeldSlice | None = None,
    tile: int | Sequence[int] | None = None,
    progress: Progress = silent,
) -> np.ndarray:
    r"""Make standardised distances on a torus: (channels, \*cells), float32.

    Each step predicts data and noise; it mixes them as the next time asks for, and
    replaces a part of the noise. Without that, errors of one step stay in all that
    follow, and thin connections break.

    Parameters
    ----------
    model : FlowModel
    cells : tuple of int
    seed : int
        Noise depends on it, on the step and on the position alone.
    typical : bool
        Whether the local volume fractions have the mean of the material in this very volume.
    held : HeldSlice, optional
        A slice that the volume is made around.
    tile : int or sequence of three int, optional
        Edges of a tile in cells; default: as large as memory allows.
    progress : Progress
    """
    steps = model.settings.sampling_steps
    times = shifted(torch.linspace(0, 1, steps + 1, dtype=torch.float64), model.settings.late).tolist()
    channels, everywhere = model.network.outputs, (0, 1, 2)
    local = drawn_fractions(_step_seed(seed, steps), cells, model.shares, model.mixing)
    if typical:
        local -= local.mean(axis=(1, 2, 3), keepdims=True)
    state = noise(_step_seed(seed, 0), (0, 0, 0), cells, channels)
    for step, (time, later) in enumerate(pairwise(times), 1):
        following = np.empty_like(state)
        part = section(progress, (step - 1) / steps, step / steps, f"step {step} of {steps}, ")
        _, fresh = _shares(model, later)
        given = _Wrapped(state, local)
        for where, values in sweep(
            _step_field(model, time, later), cells, given, periodic=everywhere, tile=tile, progress=part
        ):
            if fresh:
                box = [one.start for one in where], [one.stop for one in where]
                values = values + fresh * noise(_step_seed(seed, step), *box, channels)
            following[:, where[0], where[1], where[2]] = values
        if held is not None:
            _hold(model, held, state, following, (time, later), _step_seed(seed, step))
        state = following
    return state


def _hold(
    model: FlowModel,
    held: HeldSlice,
    state: np.ndarray,
    following: np.ndarray,
    times: tuple[float, float],
    step_seed: int,
) -> None:
    """Correct what a step has predicted near a slice that is given; `following` is changed."""
    time, later = times
    kept, fresh = _shares(model, later)
    numbers, along = held.cells(following.shape[1:]), 1 + held.axis
    here: list[slice | np.ndarray] = [slice(None)] * 4
    here[along] = numbers
    near, before = following[tuple(here)], state[tuple(here)]
    for place, number in enumerate(numbers.tolist() if fresh else []):
        start, stop = [0, 0, 0], list(following.shape[1:])
        start[held.axis], stop[held.axis] = number, number + 1
        box: list[slice] = [slice(None)] * 4
        box[along] = slice(place, place + 1)
        near[tuple(box)] -= fresh * noise(step_seed, start, stop, model.network.outputs)
    # A step mixes data and noise in two ways: before it and after it. So both are known.
    data = ((1 - time) * near - kept * before) / ((1 - time) * later - kept * time)
    corrected = held.corrected(data.astype(np.float32), std=model.std, mean=model.mean, shift=model.shift)
    following[tuple(here)] += later * (corrected - data)


def _shares(model: FlowModel, later: float) -> tuple[float, float]:
    """Return the shares of the old noise and of fresh noise at the end of a step."""
    share = model.settings.fresh_noise
    return (1 - later) * (1 - share**2) ** 0.5, (1 - later) * share


def halo_of_flow(network: FlowUNet) -> int:
    """Return the halo in cells beyond which nothing changes a step more than rounding does, by `felt_halo`."""
    halos = [
        felt_halo(
            partial(_velocity, network, time),
            network.channels,
            align=network.align,
            shortest=network.align,
            maximum=network.reach,
        ).halo
        for time in _TRIED
    ]
    return max(halos)


def labelled(
    model: FlowModel, state: np.ndarray, shape: Sequence[int], progress: Progress = silent
) -> Iterator[tuple[Box, np.ndarray]]:
    """Yield the labels of the first voxels of a torus of standardised distances, slab by slab along axis 0."""
    shift = torch.from_numpy(model.shift).float()[:, None, None, None]
    for start in range(0, shape[0], _SLAB * CELL):
        progress(start / shape[0], "labels")
        stop = min(start + _SLAB * CELL, shape[0])
        deep = voxel_depths(model, state, (start, stop))
        labels = (deep + shift).argmax(dim=0).to(torch.uint8).numpy()
        yield (
            (slice(start, stop), slice(0, shape[1]), slice(0, shape[2])),
            labels[: stop - start, : shape[1], : shape[2]],
        )
    progress(1.0, "labels")


def voxel_depths(model: FlowModel, state: np.ndarray, planes: tuple[int, int]) -> torch.Tensor:
    """Return how deep each voxel between two planes of the torus is in each phase, in voxels."""
    margin = DOUBLING_MARGIN * 2 // CELL
    first, last = planes[0] // CELL, -(-planes[1] // CELL)
    start = (first - margin, -margin, -margin)
    stop = (last + margin, state.shape[2] + margin, state.shape[3] + margin)
    std, mean = (torch.from_numpy(array).float()[:, None, None, None] for array in (model.std, model.mean))
    return depths(doubled(of_cells(torch.from_numpy(_box(state, start, stop)) * std) + mean))


class _Wrapped:
    """Boxes of arrays on a torus, the channels of one behind those of the other."""

    def __init__(self, *arrays: np.ndarray):
        self._arrays = arrays

    def __call__(self, start: Sequence[int], stop: Sequence[int], periods: object = None) -> np.ndarray:
        return np.concatenate([_box(array, start, stop) for array in self._arrays])


def _box(values: np.ndarray, start: Sequence[int], stop: Sequence[int]) -> np.ndarray:
    for axis, (a, b) in enumerate(zip(start, stop, strict=True), 1):
        n = values.shape[axis]
        if (a, b) != (0, n):
            values = values.take(np.arange(a, b) % n, axis)
    return values


def _step_field(model: FlowModel, time: float, later: float) -> Field:
    """Return the step from a time to a later one, without its fresh noise, as a map of distances."""
    network = model.network
    kept, _ = _shares(model, later)

    def forward(state: np.ndarray) -> np.ndarray:
        device = next(network.parameters()).device
        with torch.inference_mode():
            x = torch.from_numpy(state)[None]
            with torch.autocast(device.type, torch.bfloat16, enabled=model.half):
                velocity = _velocity(network, time, x).float()
            x = x[:, : network.outputs].to(velocity)
            data, old_noise = x + (1 - time) * velocity, x - time * velocity
            return (later * data + kept * old_noise)[0].cpu().numpy()

    return Field(
        forward,
        channels=network.channels,
        halo=model.halo,
        align=network.align,
        shortest=network.align,
        bytes_per_voxel=network.bytes_per_voxel * CELL**3,
    )


def _velocity(network: FlowUNet, time: float, x: torch.Tensor) -> torch.Tensor:
    device = next(network.parameters()).device
    with exact_float32(device):
        return network(
            x.to(device, memory_format=torch.channels_last_3d), torch.tensor([time], device=device, dtype=torch.float32)
        )


def _step_seed(seed: int, step: int) -> int:
    """Return the seed of the noise of one step."""
    low, high = np.random.SeedSequence(seed, spawn_key=(step,)).generate_state(2, np.uint32).tolist()
    return low + (high << 32)
