"""Chord-length distribution of each phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from microchar.core.grid import Grid
from microchar.core.result import Profile, Result, Status, Value
from microchar.core.volume import Volume
from microchar.kernels.runs import INSIDE
from microchar.measurement.blocks import Block, Counts
from microchar.measurement.metric import AdditiveMetric
from microchar.metrics._directional import mean_of_directions, ratio
from microchar.metrics._runs import runs_along

_QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, kw_only=True)
class ChordLengthDistribution(AdditiveMetric):
    r"""Chord-length distribution of each phase.

    A chord is the part of a straight line between the point where the line enters
    the phase and the point where it leaves the phase. On voxels it is a maximal run
    of voxels of the phase along an axis. :math:`p(z)\,\mathrm dz` is the share of the
    chords, by number, with a length between :math:`z` and :math:`z + \mathrm dz`. The
    mean chord length of an isotropic medium is :math:`4\phi/s`, where :math:`s` is the
    specific surface area.

    Parameters
    ----------
    periodic : tuple of int
        Axes along which the volume repeats. Chords continue across these boundaries.

    Notes
    -----
    *Profiles*: ``density`` is :math:`p` at lengths of 0, 1, 2, … voxels, that is, the
    share of the chords of that length divided by the voxel size. ``cdf`` is the share
    of the chords of that length or shorter.

    *Values*: ``mean_length`` and ``standard_deviation`` of the distribution, its
    quantiles (the shortest length at which the cdf reaches the given share), and
    ``cut_fraction``.

    *Estimator*: number-weighted; every chord counts once.

    *Denominator*: chords with both ends inside the volume. Chords that are cut by
    the boundary or touch a masked voxel are left out, and so are lines along a
    periodic axis that never leave the phase. ``cut_fraction`` is the share of these
    among all chords.

    *Bias*: a chord of :math:`\ell` voxels lies inside a line of :math:`N` voxels, with
    both ends, at only :math:`N - 1 - \ell` positions. Long chords are therefore
    underrepresented unless :math:`N` is much larger than :math:`\ell`, and volumes are
    compared at equal shape.

    *Direction* ``mean`` is the mean over the axes, for values and profiles. If the
    voxel sizes differ, its abscissa is the multiples of the largest voxel size, and
    the profiles are interpolated linearly.

    References
    ----------
    Torquato, S. and Lu, B. (1993), "Chord-length distribution function for
    two-phase random media", Phys. Rev. E 47, 2950.
    https://doi.org/10.1103/PhysRevE.47.2950

    Examples
    --------
    >>> import microchar as mc
    >>> volume = mc.as_volume([[1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 1]], phases=["pore", "solid"])
    >>> chords = mc.metrics.ChordLengthDistribution()(volume)
    >>> chords.value(phase="pore", direction="2", feature="mean_length").value
    2.0
    >>> chords.value(phase="solid", direction="2", feature="cut_fraction").value
    0.5
    """

    id = "chord_length_distribution"
    title = "Chord lengths"
    symbol = "p(z)"
    summary = "distribution of the lengths of straight segments of the phase between interfaces"
    kind = "distribution"
    length_power = 1
    abscissa_power = 1
    size_dependent = True
    layout = "columns"
    cost = 4.0

    def count(self, block: Block) -> Counts:
        """Count the runs along the axis of the block by kind, phase and length."""
        return {name: array[0, 0, 0] for name, array in self.count_cells(replace(block, cuts=None)).items()}

    def count_cells(self, block: Block) -> Counts:
        """Count per cell; a column is cut only along its axis. A chord belongs to the cell of its middle."""
        axis = block.axis
        assert axis is not None
        numbers = [len(line) - 1 for line in block.cell_edges]
        counts = {
            f"runs {a}": np.zeros((*numbers, 3, block.n_phases, n + 1), np.int64)
            for a, n in enumerate(block.shape)
            if n > 1
        }
        edges, periodic = block.cell_edges[axis], axis in self.periodic
        runs = runs_along(block.labels, axis, edges, block.n_phases, split=False, periodic=periodic)
        counts[f"runs {axis}"][...] = runs.reshape(*numbers, *runs.shape[1:])
        return counts

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Compute the distribution of the chords with both ends inside, and its moments and quantiles."""
        values: list[Value] = []
        profiles: list[Profile] = []
        for phase, name in enumerate(volume.phases):
            runs = {axis: counts[f"runs {axis}"][:, phase] for axis in volume.grid.axes}
            values += self._values(volume.grid, runs, name)
            profiles += self._profiles(volume.grid, runs, name)
        return self.result(
            volume,
            values,
            profiles,
            estimator="number-weighted maximal runs along the axes",
            denominator="runs with both ends inside the volume and its mask",
        )

    def distance(self, a: Result, b: Result) -> float:
        """Return the largest difference between the cumulative distributions."""
        a, b = (replace(r, profiles=tuple(p for p in r.profiles if p.matches(feature="cdf"))) for r in (a, b))
        return super().distance(a, b)

    def _values(self, grid: Grid, runs: Mapping[int, np.ndarray], phase: str) -> list[Value]:
        by_axis = {str(axis): _statistics(n, grid.voxel_size[axis]) for axis, n in runs.items()}
        values = []
        for feature in by_axis[str(grid.axes[0])]:
            by_direction = {direction: statistics[feature] for direction, statistics in by_axis.items()}
            defined = [value for value in by_direction.values() if np.isfinite(value)]
            by_direction["mean"] = float(np.mean(defined)) if defined else np.nan
            power = 0 if feature == "cut_fraction" else 1
            for direction, value in by_direction.items():
                key = {"phase": phase, "direction": direction, "feature": feature}
                if np.isfinite(value):
                    values.append(self.scalar(grid, value, power=power, **key))
                else:
                    values.append(self.scalar(grid, None, power=power, **key, **_why_not(runs, phase)))
        return values

    def _profiles(self, grid: Grid, runs: Mapping[int, np.ndarray], phase: str) -> list[Profile]:
        share = {axis: ratio(n[INSIDE], n[INSIDE].sum()) for axis, n in runs.items()}
        density = {axis: y / grid.voxel_size[axis] for axis, y in share.items()}
        cdf = {axis: np.cumsum(y) for axis, y in share.items()}
        profiles = []
        for feature, by_axis, power in (("density", density, -1), ("cdf", cdf, 0)):
            curves = {str(axis): (np.arange(len(y)) * grid.voxel_size[axis], y) for axis, y in by_axis.items()}
            curves["mean"] = mean_of_directions(grid, _to_one_range(grid, by_axis))
            for direction, (x, y) in curves.items():
                key = {"phase": phase, "direction": direction, "feature": feature}
                why_not = {} if np.isfinite(y).any() else _why_not(runs, phase)
                profiles.append(self.curve(grid, x, y, power=power, **key, **why_not))
        return profiles


def _statistics(runs: np.ndarray, voxel_size: float) -> dict[str, float]:
    """Return the features of one direction from its runs by kind and length; nan if there are no chords."""
    inside = runs[INSIDE]
    number = inside.sum()
    lengths = np.arange(len(inside))
    mean = float(ratio(inside @ lengths, number))
    variance = float(ratio(inside @ (lengths - mean) ** 2, number))
    statistics = {"mean_length": mean, "standard_deviation": np.sqrt(variance)}
    reached = np.cumsum(inside)
    for q in _QUANTILES:
        # The tolerance compensates rounding: a share of 0.1 of 10 chords must be 1 chord.
        quantile = np.searchsorted(reached, q * number - 1e-9 * number)
        statistics[f"quantile_{q}"] = float(quantile) if number else np.nan
    statistics = {feature: value * voxel_size for feature, value in statistics.items()}
    return statistics | {"cut_fraction": float(ratio(runs.sum() - number, runs.sum()))}


def _to_one_range(grid: Grid, by_axis: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Extend the distribution of each axis to the longest range; no chord is longer than its own axis."""
    longest = max((len(y) - 1) * grid.voxel_size[axis] for axis, y in by_axis.items())
    steps = {axis: int(np.ceil(longest / grid.voxel_size[axis] - 1e-9)) for axis in by_axis}
    return {axis: np.pad(y, (0, steps[axis] + 1 - len(y)), mode="edge") for axis, y in by_axis.items()}


def _why_not(runs: Mapping[int, np.ndarray], phase: str) -> dict[str, str]:
    if not any(n.any() for n in runs.values()):
        return {"status": Status.ABSENT_PHASE, "message": f"phase {phase} has no voxels"}
    return {"status": Status.UNDEFINED, "message": f"no chord of phase {phase} has both ends inside the volume"}
