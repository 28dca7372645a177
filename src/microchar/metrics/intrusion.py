"""Intrusion curve: the share of a phase that mercury fills as smaller and smaller throats let it pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Grid, triple
from microchar.core.progress import section
from microchar.core.result import Profile, Result, Status, Value
from microchar.core.volume import OUTSIDE, Volume
from microchar.kernels.intrusion import fill, flood, part
from microchar.kernels.thickness import Lattice
from microchar.measurement.blocks import thread_pool
from microchar.measurement.metric import Shared, WholeMetric
from microchar.metrics._spheres import (
    STEPS,
    bound,
    find_pairs,
    lattice,
    obstacle_to_spheres,
    relative_sizes,
    slabs,
    squared_radii,
)
from microchar.metrics.volume_fraction import VolumeFraction

#: Radii are rounded by this share, because those of anisotropic voxels are in single precision.
_ROUNDING = 1e-6
#: Number of times that ways which go to an outlet stop to see whether they have arrived.
_STAGES = 64


@dataclass(frozen=True, kw_only=True)
class Intrusion(WholeMetric):
    r"""Share of each phase that a non-wetting fluid such as mercury has filled, as a function of the pore radius.

    The fluid passes a throat of radius :math:`r` at the capillary pressure
    :math:`p = 2 \gamma |\cos\theta| / r`. At radius :math:`r` it has filled

    .. math:: S(r) = \frac{1}{V} \left| \bigcup \{ B(\mathbf c, R(\mathbf c)) : a(\mathbf c) \ge r \} \right| ,

    where :math:`V` is the volume of the phase, :math:`R(\mathbf c)` the radius of the
    largest sphere around :math:`\mathbf c` inside the phase, and
    :math:`a(\mathbf c)` the largest radius of a sphere whose centre can be moved from
    the inlet to :math:`\mathbf c` without leaving the phase. If every centre were an inlet, :math:`1 - S` would be
    the distribution of half the local thickness. A wide pore behind a narrow throat
    is filled at the radius of the throat.

    Parameters
    ----------
    drainage : tuple of int
        Axes along which the phase is drained, too: the fluid enters through the first
        slice normal to the axis, and the fluid that was there before leaves through
        the last. Each axis takes about as long as the intrusion from all sides.

    Notes
    -----
    *Profiles*: ``intrusion``, :math:`S(r)` from all sides of the sample. For each axis
    in `drainage`: ``drainage``, and ``drainage_with_trapping``, which leaves out what
    is filled in the first only after it has been cut off from the last slice.

    *Values*: ``percolating_radius``, the radius of the largest sphere that can be moved
    from the first to the last slice normal to an axis (breakthrough);
    ``critical_radius``, the radius at which the curve from all sides is steepest,
    as filled volume per logarithm of the radius, in classes of half the smallest voxel
    size; ``accessible_fraction``, :math:`S(0)` from all sides. For each axis in
    `drainage`: ``trapped_fraction``, the share of the phase that trapping keeps.

    *Estimator*: exact on the lattice. Spheres are those of `LocalThickness`; their
    centres move from voxel to voxel through common faces (6).

    *Bias*: that of the local thickness. The radius of a throat of parallel
    walls is exact for an even number of voxels, and half a voxel too large for an odd
    number. The values of throats a few voxels wide are therefore uncertain by about
    half a voxel.

    *Boundary*: from all sides means through the faces of the volume and of the mask.
    These do not limit the spheres. In small samples, much of the phase is near an
    inlet, so that the curve lies at larger radii than that of a larger sample.

    *Statuses*: where no sphere passes from slice to slice, the percolating radius is 0
    with the status "not_percolating".

    The metric is measured only if it is named or has parameters: it takes about twice as
    long as the local thickness.

    References
    ----------
    .. [1] M. Hilpert and C. T. Miller, "Pore-morphology-based simulation of drainage
       in totally wetting porous media", Advances in Water Resources 24, 243 (2001).
       https://doi.org/10.1016/S0309-1708(00)00056-7
    .. [2] E. W. Washburn, "Note on a method of determining the distribution of pore
       sizes in a porous material", Proc. Natl. Acad. Sci. 7, 115 (1921).
       https://doi.org/10.1073/pnas.7.4.115

    Examples
    --------
    A bottle with a neck two voxels wide opens to one side:

    >>> import numpy as np
    >>> import microchar as mc
    >>> bottle = np.zeros((14, 12), int)
    >>> bottle[:4, 5:7] = bottle[4:12, 1:11] = 1
    >>> volume = mc.as_volume(bottle, phases=["wall", "bottle"], voxel_size="1um")
    >>> result = mc.metrics.Intrusion()(volume)
    >>> result.value(phase="bottle", feature="critical_radius").value
    1.0
    >>> round(mc.metrics.LocalThickness()(volume).value(phase="bottle", feature="quantile_0.5").value / 2, 1)
    4.1
    """

    id = "intrusion"
    title = "Intrusion curve"
    symbol = "S(r)"
    summary = "share of the phase that mercury fills at the pressure that opens throats of a radius"
    kind = "distribution"
    length_power = 1
    abscissa_power = 1
    size_dependent = True
    on_request = True
    bytes_per_voxel = 36.0
    periodic_supported = False
    cost = 600.0

    drainage: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not set(self.drainage) <= {0, 1, 2}:
            raise InputError(f"drainage={self.drainage!r}: expected axes among 0, 1, 2")

    def resolved(self, grid: Grid) -> Self:
        """Return the metric itself, if the axes of drainage are longer than one voxel."""
        flat = set(self.drainage) - set(grid.axes)
        if flat:
            raise InputError(
                f"drainage={self.drainage!r}: the shape is {grid.shape}, an axis of one voxel cannot be drained"
            )
        return self

    def convention(self, volume: Volume) -> dict[str, str]:
        """Add radius, inlet, connectivity and denominator to the record."""
        return super().convention(volume) | {
            "radius": "from the centre of a voxel to that of the nearest voxel of another phase",
            "outer boundary": "no obstacle: spheres are centred in the sample and may reach out of it",
            "inlet": "all faces of the sample; of drainage the first slice normal to the axis",
            "outlet": "of drainage the last slice normal to the axis",
            "connectivity": "faces (6)",
            "denominator": "voxels of the phase",
        }

    def compute(self, volume: Volume, shared: Shared) -> Result:
        """Let the fluid into one phase after the other."""
        labels = np.ascontiguousarray(volume.read())
        values: list[Value] = []
        profiles: list[Profile] = []
        voxels = VolumeFraction().counts(volume, None, shared)["voxels"]
        for phase, name in enumerate(volume.phases):
            progress = section(shared.progress, phase / volume.n_phases, (phase + 1) / volume.n_phases)
            progress(0.0, name)
            obstacle = obstacle_to_spheres(voxels, phase)
            if obstacle is not None:
                values += self._missing(volume, name, *obstacle)
                continue
            spheres = Spheres.of(labels, phase, volume.grid, shared.threads)
            values += self._percolating(volume, name, labels, spheres)
            progress(0.4, name)
            of_curves, curves = self._curves(volume, name, labels, spheres)
            values += of_curves
            profiles += curves
        return self.result(volume, values, profiles)

    def _missing(self, volume: Volume, phase: str, status: Status, message: str) -> Iterator[Value]:
        """Yield the values of a phase without spheres, each with the reason."""
        keys = [("percolating_radius", str(axis), 1) for axis in volume.grid.axes]
        keys += [("critical_radius", "all", 1), ("accessible_fraction", "all", 0)]
        keys += [("trapped_fraction", str(axis), 0) for axis in self.drainage]
        for feature, direction, power in keys:
            key: dict[str, Any] = {"phase": phase, "feature": feature, "direction": direction, "power": power}
            yield self.scalar(volume.grid, None, status=status, message=message, **key)

    def _percolating(self, volume: Volume, phase: str, labels: np.ndarray, spheres: Spheres) -> Iterator[Value]:
        """Yield the radius of the largest sphere that passes along each axis."""
        for axis in volume.grid.axes:
            key: dict[str, Any] = {"phase": phase, "feature": "percolating_radius", "direction": str(axis)}
            first, last = (_end_slice(volume.shape, axis, end) for end in (0, -1))
            if any((labels.ravel()[end] == OUTSIDE).all() for end in (first, last)):
                message = "the mask leaves out a whole end face along this axis"
                yield self.scalar(volume.grid, None, status=Status.UNDEFINED, message=message, **key)
                continue
            best = spheres.percolating_level(first, last)
            if best == 0:
                key |= {"status": Status.NOT_PERCOLATING, "message": "the phase does not connect the two end faces"}
            yield self.scalar(volume.grid, spheres.radii[best], **key)

    def _curves(
        self, volume: Volume, phase: str, labels: np.ndarray, spheres: Spheres
    ) -> tuple[list[Value], list[Profile]]:
        """Return the curve from all sides and those of drainage, and the values that are read from them."""
        grid = volume.grid

        def curve(filled: np.ndarray, feature: str, direction: str) -> Profile:
            x, y = spheres.curve(filled)
            return self.curve(grid, x, y, power=0, phase=phase, feature=feature, direction=direction)

        filled = spheres.filled(_surface(labels, grid.axes))
        shares = spheres.shares(filled)
        critical = spheres.critical_radius(shares)
        key: dict[str, Any] = {"phase": phase, "feature": "critical_radius"}
        if critical is None:
            key |= {"status": Status.UNDEFINED, "message": "nothing of the phase can be reached from the faces"}
        values = [
            self.scalar(grid, critical, **key),
            self.scalar(grid, shares[1:].sum(), power=0, phase=phase, feature="accessible_fraction"),
        ]
        profiles = [curve(filled, "intrusion", "all")]
        for axis in self.drainage:
            drained = spheres.filled(_end_slice(volume.shape, axis, 0))
            trapped = spheres.trapped(drained, _end_slice(volume.shape, axis, -1))
            share = np.count_nonzero(trapped) / spheres.voxels
            labelled: dict[str, Any] = {"phase": phase, "direction": str(axis)}
            values.append(self.scalar(grid, share, power=0, feature="trapped_fraction", **labelled))
            profiles.append(curve(drained, "drainage", str(axis)))
            profiles.append(curve(np.where(trapped, 0, drained), "drainage_with_trapping", str(axis)))
        return values, profiles


@dataclass(frozen=True, eq=False)
class Spheres:
    """The largest sphere inside a phase around each of its voxels.

    Parameters
    ----------
    squared : ndarray of float32, (n0, n1, n2)
        Squared radius in units of `unit`, 0 for voxels of other phases.
    level : ndarray of int32, (n0, n1, n2)
        Rank of the radius, 0 for voxels of other phases.
    radii : ndarray of float, (levels,)
        Radius of each level; that of level 0 is 0.
    voxels : int
        Number of voxels of the phase.
    sizes : ndarray of float, (3,)
        Voxel size in units of `unit`.
    unit : float
        Smallest voxel size.
    threads : int
    """

    squared: np.ndarray
    level: np.ndarray
    radii: np.ndarray
    voxels: int
    sizes: np.ndarray
    unit: float
    threads: int
    geometry: Lattice = field(init=False)
    pairs: np.ndarray = field(init=False)

    @classmethod
    def of(cls, labels: np.ndarray, phase: int, grid: Grid, threads: int) -> Spheres:
        """Return the spheres of a phase that has voxels, in a volume where another phase has voxels too."""
        sizes = relative_sizes(grid)
        with thread_pool(threads) as pool:
            squared = squared_radii(labels, phase, sizes, threads, pool)
        found = np.unique(squared)
        level = np.empty(squared.shape, np.int32)
        for plane, levels in zip(squared, level, strict=True):
            levels[...] = np.searchsorted(found, plane)
        unit = min(grid.voxel_size[axis] for axis in grid.axes)
        radii = unit * np.sqrt(found.astype(float))
        return cls(squared, level, radii, int(np.count_nonzero(level)), sizes, unit, threads)

    def __post_init__(self) -> None:
        geometry = lattice(self.sizes, triple(self.squared.shape), self.squared.max())
        with thread_pool(self.threads) as pool:
            pairs = np.concatenate([pairs for _, _, pairs in find_pairs(self.squared, geometry, pool)])
        object.__setattr__(self, "geometry", geometry)
        object.__setattr__(self, "pairs", pairs)

    def percolating_level(self, inlet: np.ndarray, outlet: np.ndarray) -> int:
        """Return the level of the largest sphere that can be moved from the inlet to the outlet, 0 if none can."""
        return int(_best_ways(self.level, len(self.radii), inlet, outlet).ravel()[outlet].max())

    def filled(self, inlet: np.ndarray) -> np.ndarray:
        """Return the level at which each voxel is filled from the inlet, 0 where it never is."""
        reached = _best_ways(self.level, len(self.radii), inlet)
        pairs = self.pairs.copy()
        filled = np.zeros(self.level.shape, np.int32)
        parts = slabs(len(filled), self.threads)
        with thread_pool(self.threads) as pool:
            list(pool.map(lambda slab: part(self.level, reached, *slab, STEPS, pairs), parts))
            found = pool.map(lambda slab: bound(self.squared, slab, pairs[slice(*slab)], self.geometry), parts)
            centres, boxes = (np.concatenate(of) for of in zip(*found, strict=True))
            order = reached.ravel()[centres] * np.int64(len(self.radii)) + self.level.ravel()[centres]
            order = np.argsort(-order, kind="stable")[: np.count_nonzero(reached.ravel()[centres])]
            spheres = (self.squared, reached, centres[order], boxes[order])
            list(pool.map(lambda slab: fill(*spheres, *slab, self.geometry, filled), parts))
        return filled

    def trapped(self, filled: np.ndarray, outlet: np.ndarray) -> np.ndarray:
        """Return which voxels are filled only after all their ways to the outlet.

        A way to the outlet is open at a level if none of its voxels has been filled at a higher one.
        """
        levels = len(self.radii)
        late = np.where(self.level > 0, levels - filled, 0).astype(np.int32)
        return (filled > 0) & (_best_ways(late, levels + 1, outlet) < late)

    def shares(self, filled: np.ndarray) -> np.ndarray:
        """Return the share of the phase that is filled at each level; that of level 0 is never filled."""
        counts = np.bincount(filled.ravel(), minlength=len(self.radii))
        counts[0] -= filled.size - self.voxels
        return counts / self.voxels

    def curve(self, filled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the multiples of half the smallest voxel size, and the share that is filled at each of these radii."""
        step = self.unit / 2
        x = np.arange(int(np.ceil(self.radii[-1] / step * (1 - _ROUNDING))) + 1) * step
        shares = self.shares(filled)
        shares[0] = 0
        above = np.append(np.cumsum(shares[::-1])[::-1], 0.0)
        return x, above[np.searchsorted(self.radii, x * (1 - _ROUNDING))]

    def critical_radius(self, shares: np.ndarray) -> float | None:
        """Return the radius at which most is filled per logarithm of the radius; None if nothing is filled."""
        if not shares[1:].any():
            return None
        classes = np.floor(2 * self.radii / self.unit * (1 + _ROUNDING)).astype(int)
        volume = np.bincount(classes[1:], shares[1:])
        first = np.arange(2, len(volume))  # radii are at least one voxel
        best = first[np.argmax(volume[2:] / np.log1p(1 / first))]
        members = classes == best
        return float(np.average(self.radii[members], weights=shares[members]))


def _best_ways(level: np.ndarray, levels: int, inlet: np.ndarray, outlet: np.ndarray | None = None) -> np.ndarray:
    """Return the lowest level on the best way from the inlet to each voxel, 0 where there is none.

    With an outlet, the ways are followed only until the best of them has reached it.
    """
    padded = np.pad(level, 1).ravel()
    shape = tuple(n + 2 for n in level.shape)
    rows = (shape[1] * shape[2], shape[2], 1)
    steps = np.array([sign * row for row in rows for sign in (1, -1)])
    begin = np.ravel_multi_index(tuple(index + 1 for index in np.unravel_index(inlet, level.shape)), shape)
    begin = begin[padded[begin] > 0]
    waiting, following = np.full(levels, -1, np.int64), np.empty(padded.size, np.int64)
    reached = np.zeros(padded.size, np.int32)
    inner = reached.reshape(shape)[1:-1, 1:-1, 1:-1]
    piece = levels if outlet is None else max(1, levels // _STAGES)
    for highest in range(levels - 1, 0, -piece):
        lowest = max(1, highest - piece + 1)
        flood(padded, steps, begin, highest, lowest, waiting, following, reached)
        begin = begin[:0]
        if outlet is not None and inner[np.unravel_index(outlet, level.shape)].max() >= lowest:
            break
    return np.ascontiguousarray(inner)


def _end_slice(shape: tuple[int, ...], axis: int, end: int) -> np.ndarray:
    """Return the flat indices of the first (0) or last (-1) slice normal to an axis."""
    return np.arange(np.prod(shape)).reshape(shape).take(end, axis).ravel()


def _surface(labels: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return the flat indices of the voxels at the faces of the volume and of the mask."""
    outside = np.pad(labels == OUTSIDE, [(1, 1) if axis in axes else (0, 0) for axis in range(3)], constant_values=True)
    exposed = np.zeros(labels.shape, bool)
    inner = tuple(slice(1, -1) if axis in axes else slice(None) for axis in range(3))
    for axis in axes:
        for shift in (1, -1):
            exposed |= np.roll(outside, shift, axis)[inner]
    return np.flatnonzero(exposed)
