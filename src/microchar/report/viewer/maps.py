"""Where a volume differs from the reference: windows whose local values leave the range of the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microchar.core.grid import Grid, Triple, triple
from microchar.core.numbers import number
from microchar.core.text import by
from microchar.core.volume import OUTSIDE, Volume
from microchar.report.viewer.packing import block_sums

#: About how many windows the reference is divided into.
_WINDOWS = 500
#: Quantiles of the local values of the reference that limit its range.
_QUANTILES = (0.005, 0.995)
#: A window at the edge of the volume or of the mask counts if at least this share of its voxels does.
_COUNTING = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """A local quantity of all volumes, compared with its range in the reference.

    Parameters
    ----------
    title, sentence : str
        What is shown, in a few words and in full.
    window : tuple of int
        Edges of the windows in voxels. The windows tile a volume from its first voxel on.
    maps : tuple of ndarray of int8
        Of each volume a number for each window: -1 below the range, 1 above it, else 0.
    shares : tuple of float
        Of each volume the share of its windows that lie outside the range.
    """

    title: str
    sentence: str
    window: Triple
    maps: tuple[np.ndarray, ...]
    shares: tuple[float, ...]


def difference_layers(volumes: Sequence[Volume]) -> list[Layer]:
    """Return the layers of volumes of the same phases and voxel size, the reference first.

    There is a layer for the local volume fraction of each phase (of two phases, of the
    rarer one), and one for the local share of neighbours that differ in phase.
    """
    reference = volumes[0]
    window = window_of(reference.grid)
    local = [_local_values(volume, window) for volume in volumes]
    known = [_known(fractions) for fractions in local[0][0]]
    phases = [label for label, fractions in enumerate(known) if fractions.any()]
    if len(phases) < 2:
        return []
    if len(phases) == 2:
        phases = [min(phases, key=lambda label: float(known[label].mean()))]
    layers = []
    for label in phases:
        what = f"local fraction of {reference.phases[label]}"
        layers.append(_layer(what, what, window, reference.name, [fractions[label] for fractions, _ in local]))
    what = "share of neighbouring voxels that differ in phase"
    return [*layers, _layer("local interface", what, window, reference.name, [unlike for _, unlike in local])]


def window_of(grid: Grid) -> Triple:
    """Return the edges, in voxels, of windows that are about equally long along each axis."""
    extents = [grid.shape[axis] * grid.voxel_size[axis] for axis in grid.axes]
    edge = (np.prod(extents) / _WINDOWS) ** (1 / max(grid.ndim, 1))
    voxels = (
        int(np.clip(round(edge / size), 2, max(n, 2))) for size, n in zip(grid.voxel_size, grid.shape, strict=True)
    )
    return triple(w if axis in grid.axes else 1 for axis, w in enumerate(voxels))


def _layer(title: str, what: str, window: Triple, reference: str, values: Sequence[np.ndarray]) -> Layer:
    low, high = np.nanquantile(values[0], _QUANTILES)
    return Layer(
        title=title,
        sentence=f"Marked are windows of {by(window)} voxels whose {what} is below (−) or above (+) that of 99 % of "
        f"the windows of {reference}: {number(low, 2)} to {number(high, 2)}.",
        window=window,
        maps=tuple((of_one > high).astype(np.int8) - (of_one < low) for of_one in values),
        shares=tuple(_share_outside(_known(of_one), low, high) for of_one in values),
    )


def _known(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _share_outside(values: np.ndarray, low: float, high: float) -> float:
    return np.count_nonzero((values < low) | (values > high)) / max(values.size, 1)


def _local_values(volume: Volume, window: Triple) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each window, the fraction of each phase (axis 0: phases) and the share of unlike neighbours.

    A window that has too few voxels is nan.
    """
    planes, rows, columns = volume.shape
    slabs = []
    for first in range(0, planes, window[0]):
        labels = volume.read((first, 0, 0), (min(first + window[0] + 1, planes), rows, columns))
        slabs.append(_counts_of_slab(labels, volume.n_phases, window))
    *of_phases, pairs, unlike = np.concatenate(slabs, axis=1)
    counted = sum(of_phases)
    unknown = counted < _COUNTING * np.prod(window)
    values = np.array([*of_phases, unlike]) / np.maximum([*([counted] * volume.n_phases), pairs], 1)
    values[:, unknown] = np.nan
    return values[:-1], values[-1]


def _counts_of_slab(labels: np.ndarray, n_phases: int, window: Triple) -> np.ndarray:
    """Return, for the windows of one plane of windows, the voxels of each phase, the pairs, and the unlike pairs.

    The labels have one plane more than the windows, unless the volume ends: a pair of
    neighbours belongs to the window of its first voxel.
    """
    core = labels[: window[0]]
    counts = [block_sums(core == label, window) for label in range(n_phases)]
    pairs, unlike = np.zeros((2, *counts[0].shape), np.int32)
    for axis in range(3):
        here = np.moveaxis(labels if axis == 0 else core, axis, 0)
        valid, differ = np.zeros((2, *core.shape), bool)
        both = (here[:-1] != OUTSIDE) & (here[1:] != OUTSIDE)
        first = np.s_[: len(both)]
        np.moveaxis(valid, axis, 0)[first] = both
        np.moveaxis(differ, axis, 0)[first] = both & (here[:-1] != here[1:])
        pairs += block_sums(valid, window)
        unlike += block_sums(differ, window)
    return np.array([*counts, pairs, unlike])
