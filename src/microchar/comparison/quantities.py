"""The quantities that decide a comparison, read from measurements as estimates with their evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

from microchar.comparison.estimate import Estimate
from microchar.comparison.inference import difference
from microchar.core.grid import Grid
from microchar.core.result import Profile, Result
from microchar.core.spectrum import Spectrum
from microchar.core.volume import Volume
from microchar.measurement.cells import mask_lengths
from microchar.measurement.representative import extent, integral_range

#: Estimates of profiles use lags up to this share of the shortest edge.
_REACH = 0.25


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numbers of one volume with the influence of its cells, (n0, n1, n2, numbers).

    There are no cells if the volume was measured without errors, as one of several
    samples may be.
    """

    value: np.ndarray
    influence: np.ndarray

    def __truediv__(self, other: Numbers) -> Numbers:
        """Divide by one number of the same volume."""
        ratio = self.value / other.value
        return Numbers(ratio, (self.influence - ratio * other.influence) / other.value)

    def __sub__(self, other: Numbers) -> Numbers:
        """Subtract numbers of the same volume."""
        return Numbers(self.value - other.value, self.influence - other.influence)

    def at(self, x: np.ndarray, wanted: np.ndarray) -> Numbers:
        """Interpolate numbers at `x` linearly between them."""
        weights = np.array([np.interp(wanted, x, row) for row in np.eye(len(x))]).T
        return Numbers(weights @ self.value, self.influence @ weights.T)


@dataclass(frozen=True, eq=False)
class Measured:
    """Results of one volume, and what the estimates need to know of the volume.

    `integral_range` is the largest over the phases, None if there is only one.
    """

    results: Mapping[str, Result]
    grid: Grid
    extent: float
    integral_range: float | None
    lengths: tuple[float, float, float]

    @classmethod
    def of(cls, volume: Volume, results: Mapping[str, Result]) -> Measured:
        """Describe a measured volume; its voxels are read only if it has a mask."""
        ranges = integral_range(volume, results["volume_fraction"]).values()
        return cls(results, volume.grid, extent(volume), max(ranges, default=None), mask_lengths(volume))

    @property
    def shortest_edge(self) -> float:
        """Length of the shortest edge."""
        return min(self.lengths[axis] for axis in self.grid.axes)

    def number(self, metric: str, **key: str) -> Numbers | None:
        """Return one value; None if it does not exist."""
        result = self.results.get(metric)
        for index, value in enumerate(result.values if result is not None else ()):
            if value.matches(**key) and value.value is not None:
                assert result is not None
                influence = result.influence.values[..., index : index + 1] if result.influence else _no_influence(1)
                return Numbers(np.array([value.value]), influence) if np.isfinite(influence).all() else None
        return None

    def profile(self, metric: str, **key: str) -> tuple[Profile, Numbers] | None:
        """Return one profile; None if it does not exist."""
        result = self.results.get(metric)
        for index, profile in enumerate(result.profiles if result is not None else ()):
            if profile.matches(**key) and np.isfinite(profile.y).any():
                assert result is not None
                influence = result.influence.profiles[index] if result.influence else _no_influence(len(profile.y))
                return profile, Numbers(profile.y, influence)
        return None

    def normalised_covariance(self, phase: str, direction: str) -> tuple[np.ndarray, Numbers] | None:
        r"""Return lags and :math:`\rho(r) = (S_2 - \phi^2) / (\phi - \phi^2)`."""
        found = self.profile("two_point_correlation", phase=phase, direction=direction)
        if found is None or not 0 < found[1].value[0] < 1:
            return None
        profile, s2 = found
        phi, of_phi = s2.value[0], s2.influence[..., :1]
        rho = (s2.value - phi**2) / (phi - phi**2)
        influence = (s2.influence - (2 * phi + rho * (1 - 2 * phi)) * of_phi) / (phi - phi**2)
        return profile.x, Numbers(rho, influence)

    def path_share(self, phase: str, direction: str) -> tuple[np.ndarray, Numbers] | None:
        r"""Return lags and :math:`L(r) / \phi`."""
        found = self.profile("lineal_path", phase=phase, direction=direction)
        if found is None or not found[1].value[0] > 0:
            return None
        profile, path = found
        return profile.x, path / Numbers(path.value[:1], path.influence[..., :1])


def _no_influence(numbers: int) -> np.ndarray:
    return np.empty((0, 0, 0, numbers))


def estimate(
    side: Sequence[Measured], read: Callable[[Measured], Numbers | None], *, edge_effect: bool = False
) -> Estimate | None:
    """Return the estimate of numbers of one volume, or of the mean of several; None if a volume lacks them.

    See `Spectrum.of` for `edge_effect`.
    """
    numbers = [read(measured) for measured in side]
    present = [n for n in numbers if n is not None]
    if len(present) < len(numbers):
        return None
    if len(side) > 1:
        return Estimate.of_samples([n.value for n in present], side[0].extent)
    if not present[0].influence.size:
        return None
    a = side[0].integral_range
    return Estimate(
        present[0].value,
        Spectrum.of(present[0].influence, side[0].lengths, edge_effect=edge_effect),
        side[0].extent,
        integral_range=a ** side[0].grid.ndim if a else None,
    )


#: Reads a profile, its lags and its numbers, of a volume along a direction: "0", "1", "2" or "mean".
Read = Callable[[Measured, str], "tuple[np.ndarray, Numbers] | None"]


def differing_directions(side: Sequence[Measured], read: Read, level: float) -> bool:
    """Return whether the profiles of a volume, or of several, along their axes differ from each other."""
    tests = []
    for pair in combinations(side[0].grid.axes, 2):
        gaps = [_gap(measured, read, pair) for measured in side]
        known = [gap for gap in gaps if gap is not None]
        if len(known) < len(side):
            continue
        points = min(len(gap.value) for gap in known)
        cut = [Numbers(gap.value[:points], gap.influence[..., :points]) for gap in known]
        if len(side) > 1:
            of_gap: Estimate = Estimate.of_samples([gap.value for gap in cut], side[0].extent)
        else:
            of_gap = Estimate(cut[0].value, Spectrum.of(cut[0].influence, side[0].lengths), side[0].extent)
        tests.append(difference(of_gap.zero(), of_gap).p)
    return bool(tests) and min(tests) * len(tests) < level


def _gap(measured: Measured, read: Read, axes: tuple[int, int]) -> Numbers | None:
    """Return the difference between the profiles along two axes, at the lags of the axis with the larger voxels."""
    one, two = (read(measured, str(axis)) for axis in axes)
    if one is None or two is None or min(len(one[0]), len(two[0])) < 2:
        return None
    lags = (one[0] if one[0][1] >= two[0][1] else two[0])[1:]
    lags = lags[lags <= _REACH * measured.shortest_edge * (1 + 1e-9)]
    return one[1].at(one[0], lags) - two[1].at(two[0], lags) if len(lags) else None


def profiles(
    sides: tuple[Sequence[Measured], Sequence[Measured]], read: Read, directions: Sequence[str]
) -> tuple[list[str], np.ndarray, Estimate, Estimate] | None:
    """Return the lags that can be compared, and the estimates of both sides at these lags.

    They follow each other for all directions that have such lags, which are returned, too.
    """
    found = {direction: _profile(sides, partial(_along, read, direction)) for direction in directions}
    present = {direction: entry for direction, entry in found.items() if entry is not None}
    if not present:
        return None
    x, first, second = zip(*present.values(), strict=True)
    return list(present), np.concatenate(x), Estimate.joined(first), Estimate.joined(second)


def _along(read: Read, direction: str, measured: Measured) -> tuple[np.ndarray, Numbers] | None:
    return read(measured, direction)


def _profile(
    sides: tuple[Sequence[Measured], Sequence[Measured]],
    read: Callable[[Measured], tuple[np.ndarray, Numbers] | None],
) -> tuple[np.ndarray, Estimate, Estimate] | None:
    found = [[read(measured) for measured in side] for side in sides]
    present = [curve for side in found for curve in side if curve is not None]
    if len(present) < sum(map(len, found)):
        return None
    reach = _REACH * min(measured.shortest_edge for side in sides for measured in side)
    known = min(len(x) for x, _ in present)
    x = present[0][0][:known]
    used = (x > 0) & (x <= reach * (1 + 1e-9))
    used &= np.all([np.isfinite(numbers.value[:known]) for _, numbers in present], axis=0)
    if not used.any():
        return None

    def of(side: Sequence[Measured]) -> Estimate | None:
        def cut(measured: Measured) -> Numbers | None:
            curve = read(measured)
            assert curve is not None
            return Numbers(curve[1].value[:known][used], curve[1].influence[..., :known][..., used])

        return estimate(side, cut)

    first, second = of(sides[0]), of(sides[1])
    assert first is not None
    assert second is not None
    return x[used], first, second
