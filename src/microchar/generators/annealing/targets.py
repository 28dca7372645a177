"""The functions that annealing must reach: S2 and L of each phase at lags along the axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Grid, LengthLike, Triple
from microchar.core.material import Material
from microchar.core.progress import Progress, silent
from microchar.core.volume import Volume
from microchar.metrics._directional import resolve_r_max


def tally(
    volume: Volume, lags: Triple, periodic: tuple[int, ...] = (), progress: Progress = silent
) -> tuple[np.ndarray, np.ndarray]:
    """Count the pairs and segments of each phase along each axis.

    Parameters
    ----------
    volume : Volume
    lags : tuple of three int
        Largest lag along each axis.
    periodic : tuple of int
        Axes along which the volume repeats.
    progress : Progress

    Returns
    -------
    counts : int64, (2, phases, 3, lags)
        Pairs with both voxels, and segments with all voxels, in the phase at lags
        0, 1, …; zero beyond the largest lag of the axis.
    valid : int64, (2, 3, lags)
        Numbers of all pairs and segments.
    """
    from microchar.measurement.blocks import thread_pool
    from microchar.measurement.metric import Shared
    from microchar.metrics.lineal_path import LinealPath
    from microchar.metrics.two_point_correlation import TwoPointCorrelation

    counts = np.zeros((2, volume.n_phases, 3, max(lags) + 1), np.int64)
    valid = np.zeros((2, 3, max(lags) + 1), np.int64)

    with thread_pool(None) as pool:
        shared = Shared(pool, 1, progress)
        pairs = TwoPointCorrelation(radial=False, r_max=lags, periodic=periodic).counts(volume, None, shared)
        segments = LinealPath(r_max=lags, periodic=periodic).counts(volume, None, shared)
    for axis in volume.grid.axes:
        used = slice(lags[axis] + 1)
        counts[0, :, axis, used], valid[0, axis, used] = pairs[f"pairs {axis}"], pairs[f"valid {axis}"]
        counts[1, :, axis, used], valid[1, axis, used] = segments[f"segments {axis}"], segments[f"valid {axis}"]
    return counts, valid


def connected_share(volume: Volume, lags: Triple, periodic: tuple[int, ...] = ()) -> np.ndarray:
    """Return the part of the pairs within each phase that lie in one cluster, C2 / S2, at lags 0, 1, … of each axis.

    Returns
    -------
    float64, (phases, 3, lags)
        1 where there are no pairs.
    """
    from microchar.measurement.blocks import thread_pool
    from microchar.measurement.metric import Shared
    from microchar.metrics.two_point_cluster import TwoPointCluster
    from microchar.metrics.two_point_correlation import TwoPointCorrelation

    share = np.ones((volume.n_phases, 3, max(lags) + 1))
    with thread_pool(None) as pool:
        shared = Shared(pool, 1)
        pairs = TwoPointCorrelation(radial=False, r_max=lags, periodic=periodic).counts(volume, None, shared)
        within = TwoPointCluster(r_max=lags, periodic=periodic).counts(volume, None, shared)
    for axis in volume.grid.axes:
        used = share[:, axis, : lags[axis] + 1]
        connected = within[f"pairs {axis}"] + within[f"rest {axis}"]
        np.divide(connected, pairs[f"pairs {axis}"], out=used, where=pairs[f"pairs {axis}"] > 0)
    return share


def functions_of_tallies(
    tallies: Sequence[tuple[np.ndarray, np.ndarray]], voxel_size: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return S2 and L of each phase along each axis from the tallies of volumes or slices.

    An axis along which nothing was counted is given the mean of the others, taken at equal lengths.

    Returns
    -------
    float64, (2, phases, 3, lags)
        Zero beyond the largest lag of an axis.
    int64, (3,)
        Largest lag of each axis.
    """
    length = max(counts.shape[-1] for counts, _ in tallies)
    counts = np.sum([_padded(counts, length) for counts, _ in tallies], axis=0)
    valid = np.sum([_padded(valid, length) for _, valid in tallies], axis=0)
    positions = np.broadcast_to(valid[:, np.newaxis], counts.shape)
    functions = np.divide(counts, positions, out=np.full(counts.shape, np.nan), where=positions > 0)
    return _completed(functions, voxel_size)


def functions_of_descriptors(
    descriptors: Sequence[Mapping[int, np.ndarray]], r_max: LengthLike | None, material: Material
) -> tuple[np.ndarray, np.ndarray]:
    """Return S2 and L by axis like `functions_of_tallies`, up to `r_max` or to the last lag that both have."""
    axes = set.intersection(*(set(by_axis) for by_axis in descriptors))
    if not axes:
        raise InputError("descriptors: S2 and L have no axis in common; expected both along at least one axis")
    lags = [min(by_axis[a].shape[1] for by_axis in descriptors) if a in axes else 1 for a in range(3)]
    if r_max is not None:
        grid = Grid((lags[0], lags[1], lags[2]), material.voxel_size, material.unit)
        lags = [r + 1 for r in resolve_r_max(grid, r_max)]
    functions = np.full((len(descriptors), len(material.phases), 3, max(lags)), np.nan)
    for number, by_axis in enumerate(descriptors):
        for axis in axes:
            functions[number, :, axis, : lags[axis]] = by_axis[axis][:, : lags[axis]]
    return _completed(functions, material.voxel_size)


def _completed(functions: np.ndarray, voxel_size: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Replace the axes without values (nan) by the mean of the others; see `functions_of_tallies`."""
    length = functions.shape[-1]
    known = [axis for axis in range(3) if np.isfinite(functions[0, 0, axis]).any()]
    for axis in set(range(3)) - set(known):
        functions[:, :, axis] = np.mean(
            [_stretched(functions[:, :, a], voxel_size[axis] / voxel_size[a]) for a in known], axis=0
        )
    lags = np.logical_and.accumulate(np.isfinite(functions).all(axis=(0, 1)), axis=-1).sum(axis=-1) - 1
    return np.where(np.arange(length) <= lags[:, np.newaxis], functions, 0.0), lags


def _padded(counts: np.ndarray, length: int) -> np.ndarray:
    more = [(0, 0)] * (counts.ndim - 1) + [(0, length - counts.shape[-1])]
    return np.pad(counts, more)


def _stretched(lines: np.ndarray, factor: float) -> np.ndarray:
    """Interpolate functions at the lags of an axis whose voxels are `factor` times as long."""
    lags = np.arange(lines.shape[-1])
    rows = [np.interp(lags * factor, lags, line, right=np.nan) for line in lines.reshape(-1, len(lags))]
    return np.reshape(rows, lines.shape)
