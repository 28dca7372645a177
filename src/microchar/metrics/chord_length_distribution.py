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

    A chord is the part of a straight line between two places where the line enters
    and leaves the phase; on voxels, a maximal run of voxels of the phase along an
    axis. :math:`p(z)\,\mathrm dz` is the share of the chords, by number, with a
    length between :math:`z` and :math:`z + \mathrm dz`. The mean chord length of
    an isotropic medium is :math:`4\phi/s` with the specific surface area :math:`s`.

    Parameters
    ----------
    periodic : tuple of int
        Axes along which the volume repeats: a chord goes on across the boundary.

    Notes
    -----
    *Profiles*: ``density`` is :math:`p` at the lengths of 0, 1, 2, … voxels, the
    share of the chords over the voxel size; ``cdf`` is the share of the chords of
    that length or shorter. *Values*: ``mean_length`` and ``standard_deviation`` of
    the distribution, its quantiles (the shortest length with at least that share in the
    cdf), and ``cut_fraction``.

    *Estimator*: number-weighted; every chord counts once. *Denominator*: chords
    with both ends inside the volume. Those cut by the boundary or touching a masked voxel, and lines of a
    periodic axis that never leave the phase, are left out; ``cut_fraction`` is
    their share among all chords. *Bias*: of the places a chord of :math:`\ell`
    voxels can have on a line of :math:`N`, only :math:`N - 1 - \ell` hold it
    wholly, so that long chords are underrepresented unless :math:`N` is much longer.
    Volumes are compared at equal shape for that reason.

    *Direction* ``mean`` is the mean over the axes, of the values as well as of the
    profiles; voxel sizes that differ put it on multiples of the largest of them, by linear interpolation.

    References
    ----------
    Torquato, S. and Lu, B. (1993), "Chord-length distribution function for
    two-phase random media", Phys. Rev. E 47, 2950.

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
    summary = "lengths of straight lines from one end of the phase to the other"
    kind = "distribution"
    length_power = 1
    abscissa_power = 1
    size_dependent = True
    layout = "columns"
    cost = 4.0

    def count(self, block: Block) -> Counts:
        """Count the runs along the axis of the block by kind, phase and length."""
        counts = {
            f"runs {axis}": np.zeros((3, block.n_phases, n + 1), np.int64)
            for axis, n in enumerate(block.shape)
            if n > 1
        }
        axis = block.axis
        assert axis is not None
        n = block.shape[axis]
        counts[f"runs {axis}"] += runs_along(block.labels, axis, n, block.n_phases, periodic=axis in self.periodic)
        return counts

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Make the distribution of the chords with both ends inside, and its moments and quantiles."""
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
            found = {direction: own[feature] for direction, own in by_axis.items()}
            known = [value for value in found.values() if np.isfinite(value)]
            found["mean"] = float(np.mean(known)) if known else np.nan
            power = 0 if feature == "cut_fraction" else 1
            for direction, value in found.items():
                labels = {"phase": phase, "direction": direction, "feature": feature}
                if np.isfinite(value):
                    values.append(self.scalar(grid, value, power=power, **labels))
                else:
                    values.append(self.scalar(grid, None, power=power, **labels, **_why_not(runs, phase)))
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
                labels = {"phase": phase, "direction": direction, "feature": feature}
                why_not = {} if np.isfinite(y).any() else _why_not(runs, phase)
                profiles.append(self.curve(grid, x, y, power=power, **labels, **why_not))
        return profiles


def _statistics(runs: np.ndarray, voxel_size: float) -> dict[str, float]:
    """Return the features of one direction, nan where there are none, from the runs by kind and length."""
    inside = runs[INSIDE]
    number = inside.sum()
    lengths = np.arange(len(inside))
    mean = float(ratio(inside @ lengths, number))
    variance = float(ratio(inside @ (lengths - mean) ** 2, number))
    statistics = {"mean_length": mean, "standard_deviation": np.sqrt(variance)}
    reached = np.cumsum(inside)
    for q in _QUANTILES:
        # A share of 0.1 of 10 chords is 1 chord, whatever the rounding.
        place = np.searchsorted(reached, q * number - 1e-9 * number)
        statistics[f"quantile_{q}"] = float(place) if number else np.nan
    statistics = {feature: value * voxel_size for feature, value in statistics.items()}
    return statistics | {"cut_fraction": float(ratio(runs.sum() - number, runs.sum()))}


def _to_one_range(grid: Grid, by_axis: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Continue each axis's distribution (no chord is as long as the axis) to the range of the longest."""
    longest = max((len(y) - 1) * grid.voxel_size[axis] for axis, y in by_axis.items())
    steps = {axis: int(np.ceil(longest / grid.voxel_size[axis] - 1e-9)) for axis in by_axis}
    return {axis: np.pad(y, (0, steps[axis] + 1 - len(y)), mode="edge") for axis, y in by_axis.items()}


def _why_not(runs: Mapping[int, np.ndarray], phase: str) -> dict[str, str]:
    if not any(n.any() for n in runs.values()):
        return {"status": Status.ABSENT_PHASE, "message": f"phase {phase} has no voxels"}
    return {"status": Status.UNDEFINED, "message": f"no chord of phase {phase} has both ends inside the volume"}
