"""Shared code of the correlation functions: lags along the axes, their range, and their profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, cast

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Grid, LengthLike, Triple, triple
from microchar.core.result import Profile, Status
from microchar.core.volume import OUTSIDE, Volume
from microchar.measurement.blocks import Block
from microchar.measurement.metric import AdditiveMetric, Kind

#: Upper limit of the default largest lag, in voxels.
_DEFAULT_R_MAX = 100


@dataclass(frozen=True, kw_only=True)
class DirectionalMetric(AdditiveMetric):
    """A function of the lag along each axis, counted in boxes whose halo is the largest lag.

    Parameters
    ----------
    r_max : int, str, or three of them, optional
        Largest lag, see `resolve_r_max`. A resolved metric holds a triple of voxels.
    """

    kind: ClassVar[Kind] = "profile"
    abscissa_power: ClassVar[int] = 1

    r_max: LengthLike | None = None

    def resolved(self, grid: Grid) -> Self:
        """Return the metric with `r_max` converted to voxels per axis."""
        return replace(self, r_max=resolve_r_max(grid, self.r_max))

    @property
    def reach(self) -> Triple:
        """Largest lag per axis in voxels; only for a resolved metric."""
        return cast(Triple, self.r_max)

    def halo(self, grid: Grid) -> Triple:
        """Return the largest lag per axis in voxels."""
        return resolve_r_max(grid, self.r_max)

    def convention(self, volume: Volume) -> dict[str, str]:
        """Add the largest lag to the record."""
        lags = ", ".join(f"{self.reach[axis]} along axis {axis}" for axis in volume.grid.axes)
        return super().convention(volume) | {"largest lag in voxels": lags}

    def profiles(self, grid: Grid, by_axis: Mapping[int, np.ndarray], **key: Any) -> list[Profile]:
        """Make the profiles along each axis, and their mean, from the values at lag 0, 1, …

        Undefined values are nan.
        """
        curves = {str(axis): (np.arange(len(y)) * grid.voxel_size[axis], y) for axis, y in by_axis.items()}
        curves["mean"] = mean_of_directions(grid, by_axis)
        return [self.defined_curve(grid, x, y, direction=direction, **key) for direction, (x, y) in curves.items()]

    def defined_curve(self, grid: Grid, x: np.ndarray, y: np.ndarray, **key: Any) -> Profile:
        """Make a profile; its status is "undefined" if all values are nan, unless another status is passed."""
        if not np.isfinite(y).any():
            key = {"status": Status.UNDEFINED, "message": "no pair or segment lies inside the mask at any lag"} | key
        return self.curve(grid, x, y, **key)


def resolve_r_max(grid: Grid, r_max: LengthLike | None) -> Triple:
    """Return the largest lag per axis in voxels; 0 on axes of length one.

    Parameters
    ----------
    grid : Grid
    r_max : int, str, or three of them, or None
        Largest lag: a number of voxels, or a string with a unit. None stands for
        half of each axis, at most 100 voxels.

    Raises
    ------
    InputError
        If `r_max` is less than a voxel or does not fit into the volume.
    """
    if r_max is None:
        half = [min(n // 2, _DEFAULT_R_MAX) for n in grid.shape]
        return triple(half)
    voxels = grid.to_voxels(r_max, "r_max")
    for axis in grid.axes:
        longest = grid.shape[axis] - 1
        if voxels[axis] > longest:
            raise InputError(
                f"r_max={r_max!r}: {voxels[axis]} voxels along axis {axis}, which has {grid.shape[axis]}; "
                f"expected at most {longest} (r_max takes three values too, one for each axis)"
            )
    return voxels


def mean_of_directions(grid: Grid, by_axis: Mapping[int, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return lengths, and the mean over the directions at these lengths, ignoring nan.

    The lengths are the multiples of the largest voxel size, up to the end of the
    shortest range. Each direction is interpolated linearly between its lags.
    """
    sizes = [grid.voxel_size[axis] for axis in by_axis]
    reach = min((len(y) - 1) * size for y, size in zip(by_axis.values(), sizes, strict=True))
    # The tolerance keeps the last step: 5 voxels of size 0.1 must give 5 steps of 0.1 in spite of rounding.
    lengths = np.arange(int(reach / max(sizes) + 1e-9) + 1) * max(sizes)
    # Rounding makes a lag of the direction an exact integer, so that the value there is not mixed with a nan beside it.
    lags = [np.round(lengths / size, 9) for size in sizes]
    rows = [np.interp(lag, np.arange(len(y)), y) for lag, y in zip(lags, by_axis.values(), strict=True)]
    known = np.isfinite(rows)
    return lengths, ratio(np.where(known, rows, 0.0).sum(axis=0), known.sum(axis=0))


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide two arrays; the result is nan where the denominator is zero."""
    out = np.full(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)), np.nan)
    return np.divide(numerator, denominator, out=out, where=np.asarray(denominator) > 0)


def starts(block: Block, axis: int, reach: int) -> np.ndarray:
    """Count the pairs at lag 0, 1, …, `reach` along `axis` whose first voxel is in the core, ignoring the mask."""
    area = np.prod(block.core, dtype=np.int64) // block.core[axis]
    return np.clip(block.labels.shape[axis] - np.arange(reach + 1), 0, block.core[axis]) * area


def is_masked(block: Block) -> bool:
    """Return whether any voxel of the block lies outside the mask."""
    return bool((block.labels == OUTSIDE).any())
