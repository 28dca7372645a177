"""Distribution of the local volume fraction in windows at every position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Self

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Grid, LengthLike, Triple
from microchar.core.result import Profile, Result, Status, Value
from microchar.core.volume import OUTSIDE, Volume
from microchar.kernels.windows import count_windows
from microchar.measurement.blocks import Block, Counts
from microchar.measurement.metric import AdditiveMetric

#: Number of points of the distribution function; fewer if a window has fewer voxels.
_SAMPLES = 201
#: Quantiles in percent.
_PERCENT = (5, 25, 50, 75, 95)
#: Edge of the default window if the volume is large enough, in voxels of the axis with the smallest voxel size.
_EDGE = 32


@dataclass(frozen=True)
class LocalPorosity(AdditiveMetric):
    r"""Distribution of the local volume fraction (local porosity) of each phase.

    A window :math:`K` of :math:`|K|` voxels is placed at every position
    :math:`x`; the local volume fraction of phase :math:`i` is

    .. math:: \varphi_i(x; K) = \frac{1}{|K|} \sum_{y \in K} I_i(x + y),

    and its distribution function over the positions is
    :math:`F_i(\varphi) = P[\varphi_i(x; K) \le \varphi]`. Box windows show how
    homogeneous the volume is at the scale of the window. Flat windows, one voxel
    thick, lie in the slices normal to each direction and show whether the
    homogeneity depends on direction.

    Parameters
    ----------
    window : int, str, or three of them, optional
        Edge of the window, for all axes or for each: a number of voxels, or a string
        with a unit. The default is the smaller of 32 voxels and a quarter of the
        shortest axis, but at least 2 voxels. If the voxel sizes differ, the default
        is the same length on every axis.
    periodic : tuple of int
        Axes along which the volume repeats. Windows wrap around these boundaries.

    Raises
    ------
    InputError
        If the window is larger than the volume or smaller than a voxel.

    Notes
    -----
    *Results*, for each phase: the distribution function at 201 local volume
    fractions from 0 to 1 (or at all possible ones, if they are fewer), exact at each
    of them; the mean, the standard deviation (of the population of windows), and the
    quantiles :math:`\min\{\varphi: F(\varphi) \ge q\}`. All are dimensionless. Direction
    "all" is the box; "0", "1" and "2" are the flat windows in the slices normal to
    that axis. The feature gives the window. For a 2D image there are only the flat
    windows in its plane.

    *Denominator*: the windows that lie inside the volume and inside the mask.

    *Bias*: voxels near a non-periodic boundary, or near the boundary of the mask, lie
    in fewer windows. The mean therefore differs from the volume fraction if the
    material near the boundary differs. Windows at neighbouring positions overlap
    and are strongly correlated. Only equal windows may be compared.

    References
    ----------
    .. [1] R. Hilfer, "Geometric and dielectric characterization of porous media",
       Physical Review B 44, 60-75 (1991). https://doi.org/10.1103/PhysRevB.44.60
    .. [2] B. Biswal, C. Manwart, R. Hilfer, "Three-dimensional local porosity
       analysis of porous media", Physica A 255, 221-241 (1998).

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> layers = np.repeat([0, 0, 1, 1], 16).reshape(4, 4, 4)
    >>> result = mc.metrics.LocalPorosity(window=2)(mc.as_volume(layers))
    >>> box = result.profile(phase="1", direction="all")
    >>> box.x[box.y >= 0.5][0], box.y[-1]
    (np.float64(0.5), np.float64(1.0))
    >>> result.value(phase="1", direction="0", feature="mean_window_2x2").value
    0.5
    """

    id = "local_porosity"
    title = "Local porosity"
    symbol = r"F(\varphi)"
    summary = "distribution of the volume fraction in windows at every position"
    kind = "distribution"
    min_ndim = 2

    _: KW_ONLY
    window: LengthLike | None = None

    def resolved(self, grid: Grid) -> Self:
        """Return the metric with the window converted to voxels per axis (1 on axes of length one)."""
        voxels = _default_window(grid) if self.window is None else grid.to_voxels(self.window, "window")
        w0, w1, w2 = (max(w, 1) for w in voxels)
        if any(w > n for w, n in zip((w0, w1, w2), grid.shape, strict=True)):
            raise InputError(
                f"window={self.window!r}: {_named((w0, w1, w2))} voxels are larger than the volume of "
                f"{_named(grid.shape)} voxels; choose a smaller window"
            )
        return replace(self, window=(w0, w1, w2))

    def halo(self, grid: Grid) -> Triple:
        """Return the extent of a window that begins at the last voxel of the core, beyond that voxel."""
        del grid
        w0, w1, w2 = self._shape
        return (w0 - 1, w1 - 1, w2 - 1)

    def count(self, block: Block) -> Counts:
        """Count the windows that begin in the core by their number of voxels of each phase."""
        return {name: array[0, 0, 0] for name, array in self.count_cells(replace(block, cuts=None)).items()}

    def count_cells(self, block: Block) -> Counts:
        """Count per cell; the sums over windows run through all cells, unless axis 2 is cut."""
        if len(block.cell_edges[2]) > 2:
            return super().count_cells(block)
        size = int(np.prod(self._shape))
        bins = {"all": size + 1} | {str(axis): size // w + 1 for axis, w in enumerate(self._shape)}
        cells = tuple(len(line) - 1 for line in block.cell_edges)
        counts = {direction: np.zeros((*cells, block.n_phases, length), np.int64) for direction, length in bins.items()}
        labels = np.ascontiguousarray(block.labels)
        of_voxels = [np.repeat(np.arange(len(line) - 1), np.diff(line)) for line in block.cell_edges[:2]]
        mirrored = block.n_phases == 2
        for phase in range(1 if mirrored else block.n_phases):
            weights = np.zeros(256, np.int64)
            weights[phase] = 1
            weights[OUTSIDE] = size + 1
            plane, columns, rows = np.zeros((3, *labels.shape[1:]), np.int64)
            running = np.empty(labels.shape[2], np.int64)
            work = (weights, *of_voxels, plane, columns, rows, running)
            histograms = [np.zeros((*cells[:2], length), np.int64) for length in bins.values()]
            count_windows(labels, block.core, self._shape, *work, *histograms)
            for of_all, of_phase in zip(counts.values(), histograms, strict=True):
                of_all[:, :, 0, phase] = of_phase
        if mirrored:
            for of_both in counts.values():
                of_both[..., 1, :] = of_both[..., 0, ::-1]
        return counts

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Compute distribution functions, moments and quantiles from the histograms."""
        values: list[Value] = []
        profiles: list[Profile] = []
        for direction, feature in self._windows(volume.grid).items():
            for phase, histogram in zip(volume.phases, counts[direction], strict=True):
                key: dict[str, Any] = {"phase": phase, "direction": direction}
                values += self._scalars(histogram, volume.grid, feature, key)
                if histogram.any():
                    x, y = _distribution_function(histogram)
                    profiles.append(self.curve(volume.grid, x, y, feature=feature, **key))
        return self.result(
            volume,
            values,
            profiles,
            window=f"{_named(self._shape)} voxels, at every position",
            denominator="windows inside the volume whose voxels all count",
            quantile="smallest local volume fraction at which the distribution function reaches it",
        )

    @property
    def _shape(self) -> Triple:
        assert isinstance(self.window, tuple), "resolved() comes first"
        w0, w1, w2 = (int(w) for w in self.window)
        return (w0, w1, w2)

    def _windows(self, grid: Grid) -> dict[str, str]:
        """Name the window of each direction: the box and three flat windows, or the window in the plane of an image."""
        if grid.ndim == 3:
            flat, box = [0, 1, 2], {"all": f"window_{_named(self._shape)}"}
        else:
            flat, box = [axis for axis in range(3) if axis not in grid.axes], {}
        return box | {str(axis): f"window_{_named(np.delete(self._shape, axis))}" for axis in flat}

    def _scalars(self, histogram: np.ndarray, grid: Grid, window: str, key: dict[str, Any]) -> Iterator[Value]:
        names = ["mean", "standard_deviation", *(f"quantile_{percent / 100:g}" for percent in _PERCENT)]
        if histogram.any():
            numbers = [float(number) for number in _moments_and_quantiles(histogram)]
            for name, number in zip(names, numbers, strict=True):
                yield self.scalar(grid, number, feature=f"{name}_{window}", **key)
        else:
            why = "no window lies entirely inside the mask; choose a smaller window"
            for name in names:
                yield self.scalar(grid, None, feature=f"{name}_{window}", status=Status.UNDEFINED, message=why, **key)


def _default_window(grid: Grid) -> Triple:
    length = min((min(_EDGE, grid.shape[a] // 4) * grid.voxel_size[a] for a in grid.axes), default=0.0)
    w0, w1, w2 = (min(n, max(2, round(length / h))) for n, h in zip(grid.shape, grid.voxel_size, strict=True))
    return (w0, w1, w2)


def _named(shape: np.ndarray | Triple) -> str:
    return "x".join(str(int(n)) for n in shape)


def _distribution_function(histogram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    size = len(histogram) - 1
    sums = np.unique(np.linspace(0, size, _SAMPLES).round().astype(np.int64))
    cumulative = np.cumsum(histogram)
    return sums / size, cumulative[sums] / cumulative[-1]


def _moments_and_quantiles(histogram: np.ndarray) -> np.ndarray:
    size = len(histogram) - 1
    cumulative = np.cumsum(histogram)
    fractions = np.arange(size + 1) / size
    # Not with `@`: BLAS would wake its threads for every histogram, which takes milliseconds where the cores are busy.
    mean = np.einsum("i,i", fractions, histogram) / cumulative[-1]
    deviation = np.sqrt(np.einsum("i,i", (fractions - mean) ** 2, histogram) / cumulative[-1])
    # Integer arithmetic, so that rounding cannot shift a quantile.
    quantiles = [fractions[np.searchsorted(100 * cumulative, percent * cumulative[-1])] for percent in _PERCENT]
    return np.array([mean, deviation, *quantiles])
