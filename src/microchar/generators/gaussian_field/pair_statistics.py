"""`PairStatistics`: S2 of each phase at lag vectors, measured on a volume or derived from S2 along the axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple, triple
from microchar.core.material import Material
from microchar.core.progress import Progress
from microchar.core.volume import OUTSIDE
from microchar.generation.training import TrainingData
from microchar.generators.gaussian_field.lattice import along, steps
from microchar.measurement.blocks import available_cores

#: Largest measured lag in voxels; never more than half of an axis.
R_MAX = 64
#: Lags with fewer pairs than this share of the voxels inside the mask count as not measured. Without a mask the
#: smallest share is an eighth.
_KNOWN = 0.1
#: Multiple of the lag at which a covariance first falls below 1/e beyond which it counts as zero.
_SWINGS = 4


@dataclass(frozen=True, eq=False)
class PairStatistics:
    """Volume fractions, and S2 at the lags 0..r, -r..-1 of each axis: (phases, 2 r0 + 1, 2 r1 + 1, 2 r2 + 1)."""

    fractions: np.ndarray
    s2: np.ndarray
    lags: Triple

    @classmethod
    def of(cls, data: TrainingData, progress: Progress) -> PairStatistics:
        """Measure S2 on a volume, or derive it from S2 along the axes of slices or descriptors."""
        fractions = data.volume_fractions()
        if data.descriptors is not None:
            known = data.descriptors.function("two_point_correlation", "gaussian-field")
            return _of_lines({axis: line[:, : R_MAX + 1] for axis, line in known.items()}, data.material, fractions)
        if data.volume is None:
            _check_directions(data)
            return _of_lines(_profiles(data, len(fractions), progress), data.material, fractions)
        labels = data.volume.read()
        lags = _half(labels.shape)
        inside = labels != OUTSIDE if data.volume.mask is not None else None
        positions = _positions(labels.shape, lags) if inside is None else _pairs(inside, lags)
        s2 = np.empty((len(fractions), *positions.shape), np.float32)
        # The S2 of one of two phases determines the other.
        measured = range(len(fractions)) if len(fractions) > 2 else [1]
        for phase in measured:
            begun = partial(progress, 0.3 * phase / len(fractions), f"S2 of {data.material.phases[phase]}")
            begun()
            s2[phase] = _ratio(_pairs(labels == phase, lags, begun), positions, fractions[phase] ** 2)
        if len(fractions) == 2:
            s2[0] = 1 - 2 * fractions[1] + s2[1]
        return cls(fractions, s2, lags)

    def cropped(self, lags: Triple) -> PairStatistics:
        """Return the same statistics for shorter lags."""
        box = np.ix_(np.arange(len(self.s2)), *(steps(r) for r in lags))
        return PairStatistics(self.fractions, self.s2[box], lags)


def lines(box: np.ndarray, lags: Triple) -> list[np.ndarray]:
    """Return the values at lags 0..r along each axis of a box, whose last three axes are those of the lags."""
    return [np.moveaxis(box, axis - 3, -1)[..., 0, 0, : r + 1] for axis, r in enumerate(lags)]


def width(line: np.ndarray) -> float:
    """Return the lag beyond which a covariance stays within ±1/e, interpolated linearly; at most its last lag.

    If the covariance oscillates, as across layers, this is not the first lag
    within ±1/e. Lags beyond a few times the first one are ignored as noise.
    """
    first = int(np.argmax(np.append(line, 0) < np.exp(-1)))
    size = np.abs(line[: _SWINGS * first + 1])
    k = int(np.flatnonzero(size >= np.exp(-1))[-1])
    if k == len(size) - 1:
        return float(max(k, 1))
    return max(float(k + (size[k] - np.exp(-1)) / (size[k] - size[k + 1])), 0.5)


def _half(shape: Sequence[int]) -> Triple:
    lags = [min(n // 2, R_MAX) for n in shape]
    return triple(lags)


def _pairs(indicator: np.ndarray, lags: Triple, halfway: Callable[[], None] = lambda: None) -> np.ndarray:
    """Count the pairs with both voxels set at the lags 0..r, -r..-1 of each axis."""
    from scipy import fft

    workers = available_cores()
    padded = [fft.next_fast_len(n + r, real=True) for n, r in zip(indicator.shape, lags, strict=True)]
    spectrum = fft.rfftn(indicator.astype(np.float32), padded, workers=workers)
    halfway()
    np.multiply(spectrum, spectrum.conj(), out=spectrum)
    return fft.irfftn(spectrum, padded, workers=workers)[np.ix_(*(steps(r) for r in lags))]


def _positions(shape: Sequence[int], lags: Triple) -> np.ndarray:
    count = np.ones((1, 1, 1), np.float32)
    for axis, (n, r) in enumerate(zip(shape, lags, strict=True)):
        count = count * along(axis, n - np.abs(steps(r)))
    return count


def _ratio(pairs: np.ndarray, positions: np.ndarray, far: float) -> np.ndarray:
    # Lags that were not measured get the value of far lags.
    known = positions >= _KNOWN * positions[0, 0, 0]
    return np.where(known, pairs / np.where(known, positions, 1), far)


# --- slices and descriptors --------------------------------------------------


def _of_lines(known: Mapping[int, np.ndarray], material: Material, fractions: np.ndarray) -> PairStatistics:
    """Derive the statistics from S2 along axes; a missing axis is given the mean of the others."""
    profiles = dict(known)
    measured = {axis: len(line[0]) - 1 for axis, line in profiles.items()}
    missing = [axis for axis in range(3) if axis not in profiles]
    size = material.voxel_size
    for axis in missing:
        r = max(1, min(round(r * size[a] / size[axis]) for a, r in measured.items()))
        profiles[axis] = np.mean([_stretched(profiles[a], r, size[axis] / size[a]) for a in measured], axis=0)
    reach = [len(profiles[axis][0]) - 1 for axis in range(3)]
    lags = (reach[0], reach[1], reach[2])
    s2 = [_blend([profiles[axis][phase] for axis in range(3)], f, lags) for phase, f in enumerate(fractions)]
    return PairStatistics(fractions, np.array(s2, np.float32), lags)


def _check_directions(data: TrainingData) -> None:
    for axis, group in data.slices.items():
        shown = np.unique(np.concatenate([image.ravel() for image in group]))
        absent = [phase for label, phase in enumerate(data.material.phases) if label not in shown]
        if absent:
            raise InputError(
                f"slices: phase {absent[0]!r} has no pixels in the slices normal to axis {axis}; "
                "expected all phases in each direction: add slices of this direction, or leave it out"
            )


def _profiles(data: TrainingData, n_phases: int, progress: Progress) -> dict[int, np.ndarray]:
    """Return S2 of each phase at the lags 0..r along each axis that lies in a slice."""
    images = [np.expand_dims(image, normal) for normal, group in data.slices.items() for image in group]
    shapes = np.array([image.shape for image in images])
    axes = [axis for axis in range(3) if (shapes[:, axis] > 1).any()]
    r = {axis: _half(shapes.max(axis=0))[axis] for axis in axes}
    pairs = {axis: np.zeros((n_phases, r[axis] + 1)) for axis in axes}
    positions = {axis: np.zeros(r[axis] + 1) for axis in axes}
    for i, image in enumerate(images):
        progress(0.3 * i / len(images), f"S2 of slice {i + 1} of {len(images)}")
        for axis in axes:
            length = min(r[axis], image.shape[axis] - 1)
            if length < 1:
                continue
            lag = (length if axis == 0 else 0, length if axis == 1 else 0, length if axis == 2 else 0)
            positions[axis][: length + 1] += lines(_positions(image.shape, lag), lag)[axis]
            for phase in range(n_phases):
                pairs[axis][phase, : length + 1] += lines(_pairs(image == phase, lag), lag)[axis]
    return {axis: pairs[axis] / positions[axis] for axis in axes}


def _stretched(profile: np.ndarray, r: int, factor: float) -> np.ndarray:
    """Interpolate a profile at the lags 0..r of an axis whose voxels are `factor` times as long."""
    return np.array([np.interp(np.arange(r + 1) * factor, np.arange(len(line)), line) for line in profile])


def _blend(profiles: Sequence[np.ndarray], fraction: float, lags: Triple) -> np.ndarray:
    r"""Derive S2 at lag vectors from S2 along the axes, exactly if its contours are ellipsoids.

    With :math:`u^2 = \sum_a (h_a/\ell_a)^2` the covariance at `h` is
    :math:`\sum_a (h_a / \ell_a u)^2 f_a(u \ell_a)`, where `f` are the covariances along the axes.
    """
    variance = fraction * (1 - fraction)
    centred = [(line - fraction**2) / variance for line in profiles]
    widths = [width(line) for line in centred]
    square = [along(axis, (steps(r) / widths[axis]) ** 2) for axis, r in enumerate(lags)]
    total = square[0] + square[1] + square[2]
    total[0, 0, 0] = 1
    u = np.sqrt(total)
    blend = np.zeros(total.shape)
    for axis, line in enumerate(centred):
        blend += square[axis] / total * np.interp(u * widths[axis], np.arange(len(line) + 1), np.append(line, 0))
    blend[0, 0, 0] = 1
    return fraction**2 + variance * blend
