"""Shared code of effective diffusivity, tortuosity factor and formation factor: their parameters and the solves."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, Self

import numpy as np

from microchar.core.errors import InputError, MissingDependencyError
from microchar.core.grid import Grid
from microchar.core.result import Picture, Result, Status, Value
from microchar.core.volume import Volume
from microchar.diffusion import Solution, solve
from microchar.diffusion.flux import flux_in_plane
from microchar.diffusion.hierarchy import BYTES_PER_NODE
from microchar.diffusion.taufactor import solve_with_taufactor
from microchar.measurement.metric import Kind, Shared, WholeMetric
from microchar.metrics._flow_picture import draw, plane
from microchar.metrics.volume_fraction import VolumeFraction

#: Smallest gap between the bounds that can be asked for: rounding errors are not much smaller.
LEAST_TOLERANCE = 1e-12
_BLOCKED = "the phase does not connect the two end faces: there is no flux, and the value is undefined"
#: Conducting phases of one solve: names and diffusivities.
Mixture = tuple[tuple[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class TransportMetric(WholeMetric):
    """A metric that is computed from steady diffusion through the conducting phases.

    The derived metrics document the parameters.
    """

    kind: ClassVar[Kind] = "scalar"
    size_dependent: ClassVar[bool] = True
    #: Whether the result includes the picture of the flux; only one of the metrics shows it.
    shows_flux: ClassVar[bool] = False
    # Default of the class; `__post_init__` sets it to True for instances with mask_insulating=True.
    mask_supported: ClassVar[bool] = False
    mask_advice: ClassVar[str] = (
        "diffusion can treat masked voxels as insulators with mask_insulating=True (--mask-insulating)"
    )

    axes: tuple[int, ...] | None = None
    conducting: tuple[str, ...] | None = None
    diffusivity: Mixture | None = None
    tolerance: float = 1e-3
    backend: Literal["own", "taufactor"] = "own"
    mask_insulating: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.diffusivity, Mapping):  # accepted for convenience, but a parameter must be hashable
            object.__setattr__(self, "diffusivity", tuple(self.diffusivity.items()))
        object.__setattr__(self, "mask_supported", self.mask_insulating)
        if self.axes is not None and not (self.axes and set(self.axes) <= {0, 1, 2}):
            raise InputError(f"axes={self.axes!r}: expected one or more of 0, 1, 2")
        if not LEAST_TOLERANCE <= self.tolerance < 1:
            raise InputError(
                f"tolerance={self.tolerance!r}: expected a relative gap between {LEAST_TOLERANCE:g}, "
                "below which rounding errors are larger, and 1, such as 1e-3"
            )
        if self.backend not in ("own", "taufactor"):
            raise InputError(f"backend={self.backend!r}: expected 'own' or 'taufactor'")
        if self.conducting is not None and self.diffusivity is not None:
            raise InputError(
                "conducting= (each phase alone) and diffusivity= (they conduct together) cannot be combined; "
                "pass one of them"
            )
        wrong = [(phase, d) for phase, d in self.diffusivity or () if not 0 <= d < np.inf]
        if wrong:
            raise InputError(f"diffusivity={wrong!r}: expected numbers from 0 up, in units of the reference")

    def resolved(self, grid: Grid) -> Self:
        """Return the metric with `axes` filled in: by default all axes longer than one voxel."""
        if self.axes is None:
            return replace(self, axes=grid.axes or None)
        flat = set(self.axes) - set(grid.axes)
        if flat:
            raise InputError(
                f"axes={self.axes!r}: the shape is {grid.shape}, an axis of one voxel has no flux along it"
            )
        return self

    def distance(self, a: Result, b: Result) -> float:
        """Return the largest absolute difference of the headline values."""
        pairs = zip(_headline(a), _headline(b), strict=True)
        return max((abs(v.value - w.value) for v, w in pairs if v.value is not None and w.value is not None), default=0)

    def compute(self, volume: Volume, shared: Shared) -> Result:
        """Solve each mixture along each axis, or reuse shared solutions, and convert the solutions to values."""
        values: list[Value] = []
        pictures: list[Picture] = []
        solves: list[str] = []
        runs = self._runs(volume)
        for done, (mixture, axis) in enumerate(runs):
            problem = self._problem(volume, mixture, axis)
            bounds = partial(shared.tell_bounds, done / len(runs), f"{problem.name}, axis {axis}")
            try:
                solution, picture = shared.get(problem.key, partial(problem.solved, volume, shared.threads, bounds))
            except MissingDependencyError as error:
                return self.no_result(volume, Status.UNAVAILABLE, str(error))
            values += self._values(volume, problem.name, str(axis), solution)
            pictures += [picture] if picture is not None and self.shows_flux else []
            solves.append(_record(mixture, axis, solution))
            shared.progress((done + 1) / len(runs), "")
        result = self.result(
            volume,
            values,
            boundary=f"concentration fixed on the two end faces; {_sides(self.periodic)}",
            connectivity="faces (6)",
            estimator="finite volumes on voxels, conductance of half voxels in series",
            denominator="total volume"
            + (", voxels outside the mask are insulating" if volume.mask is not None else ""),
            tolerance=f"{self.tolerance:g}",
            solver="; ".join(solves),
        )
        return replace(result, pictures=tuple(pictures))

    @abstractmethod
    def _values(self, volume: Volume, phase: str, direction: str, solution: Solution) -> list[Value]:
        """Convert the solution of one mixture along one axis to values."""

    def _percolating(self, volume: Volume, phase: str, direction: str, solution: Solution) -> list[Value]:
        """Return the share of the volume that conducts from end to end, if the backend provides it."""
        feature, share = "percolating_volume_fraction", solution.percolating_fraction
        if share is None:
            return []
        return [self.scalar(volume.grid, share, phase=phase, direction=direction, feature=feature, power=0)]

    def _over_diffusivity(
        self, volume: Volume, numerator: float, solution: Solution, *, root: bool = False, **key: Any
    ) -> Value:
        """Return a number divided by the effective diffusivity, or the root of that, between the inverted bounds."""
        blocked = solution.status == Status.NOT_PERCOLATING
        ratios = [numerator / d if d else None for d in (solution.value, solution.upper, solution.lower)]
        value, lower, upper = (math.sqrt(ratio) if root and ratio is not None else ratio for ratio in ratios)
        key |= {"status": solution.status, "message": _BLOCKED if blocked else solution.message}
        return self.scalar(volume.grid, value, lower=lower, upper=upper, **key)

    def memory(self, volume: Volume, shared: Shared) -> float:
        """Return what the largest of the systems of equations takes."""
        voxels = VolumeFraction().counts(volume, None, shared)["voxels"]
        conducting = [
            sum(int(voxels[volume.phases.index(phase)]) for phase, diffusivity in mixture if diffusivity)
            for mixture in self._mixtures(volume)
        ]
        return float(max(conducting) * BYTES_PER_NODE + super().memory(volume, shared))

    def _mixtures(self, volume: Volume) -> list[Mixture]:
        wanted = [phase for phase, _ in self.diffusivity or ()] or list(self.conducting or ())
        unknown = [phase for phase in wanted if phase not in volume.phases]
        if unknown:
            known = ", ".join(volume.phases)
            raise InputError(f"{volume.name}: no phase is named {', '.join(unknown)}; the phases are {known}")
        if self.diffusivity is not None:
            return [self.diffusivity]
        return [((phase, 1.0),) for phase in (self.conducting or volume.phases)]

    def begin(self, volume: Volume, shared: Shared) -> None:
        """Have other processes solve each mixture along each axis, if the metric is defined for the volume."""
        if self.obstacle(volume) is None and self.backend == "own":
            for mixture, axis in self._runs(volume):
                problem = self._problem(volume, mixture, axis)
                shared.begin(problem.key, problem.solved, volume)

    def _runs(self, volume: Volume) -> list[tuple[Mixture, int]]:
        return [(mixture, axis) for mixture in self._mixtures(volume) for axis in self.axes or ()]

    def _problem(self, volume: Volume, mixture: Mixture, axis: int) -> _Problem:
        table = np.zeros(volume.n_phases)
        for phase, diffusivity in mixture:
            table[volume.phases.index(phase)] = diffusivity
        return _Problem(
            table=tuple(table.tolist()),
            axis=axis,
            periodic=tuple(sorted(set(self.periodic) - {axis})),
            tolerance=self.tolerance,
            backend=self.backend,
            name="+".join(phase for phase, _ in mixture),
            pictured=self.backend == "own" and axis == min(self.axes or ()) and volume.grid.ndim > 1,
        )


@dataclass(frozen=True)
class _Problem:
    """One mixture along one axis: the conductivity of each phase, and how it is solved."""

    table: tuple[float, ...]
    axis: int
    periodic: tuple[int, ...]
    tolerance: float
    backend: str
    name: str
    pictured: bool

    @property
    def key(self) -> Hashable:
        """What identifies the solution, which several metrics share."""
        return ("diffusion", self.table, self.axis, self.periodic, self.tolerance, self.backend)

    def solved(
        self, volume: Volume, threads: int = 1, progress: Callable[[float, float], None] = lambda lower, upper: None
    ) -> tuple[Solution, Picture | None]:
        """Return the solution and, for the first axis, a picture of its flux."""
        options: dict[str, Any] = {"axis": self.axis, "voxel_size": volume.voxel_size, "periodic": self.periodic}
        options |= {"tolerance": self.tolerance, "threads": threads}
        if self.backend == "taufactor":
            return solve_with_taufactor(volume.read(), self.table, **options), None
        solution = solve(volume.read(), self.table, **options, concentration=self.pictured, progress=progress)
        if solution.concentration is None:
            return solution, None
        picture = _picture(volume, solution, np.array(self.table), self.axis, self.name)
        return replace(solution, concentration=None), picture  # not kept: the field is as large as the volume


def _picture(volume: Volume, solution: Solution, table: np.ndarray, axis: int, name: str) -> Picture:
    """Draw the flux in the middle slice that contains the axis of transport."""
    assert solution.concentration is not None
    across, normal, middle = plane(volume.grid, axis)
    start, stop = [0, 0, 0], list(volume.shape)
    start[normal], stop[normal] = middle, middle + 1
    labels = volume.read(start, stop).squeeze(normal)
    conductivity = np.append(table, np.zeros(256 - len(table)))[labels]
    field = solution.concentration.take(middle, normal)
    first, second = sorted((axis, across))
    spacing = (volume.voxel_size[first], volume.voxel_size[second])
    flux = flux_in_plane(field, conductivity, spacing, (first, second).index(axis))
    mean = solution.value / (volume.shape[axis] * volume.voxel_size[axis])
    return draw(volume, flux, np.isfinite(field), axis=axis, phase=name, mean=mean, what="flux")


def _headline(result: Result) -> list[Value]:
    return [value for value in result.values if not value.feature]


def _sides(periodic: tuple[int, ...]) -> str:
    if not periodic:
        return "no flux across the sides"
    axes = ", ".join(str(axis) for axis in sorted(periodic))
    return f"sides normal to axes {axes} periodic, no flux across the others; the axis of transport is never periodic"


def _record(mixture: Mixture, axis: int, solution: Solution) -> str:
    conductors = ", ".join(f"{phase} D={diffusivity:g}" for phase, diffusivity in mixture)
    return f"{conductors}, axis {axis}: {solution.method}, {solution.iterations} iterations, " + (
        f"gap {solution.gap:.1e}" if solution.lower is not None else "no bounds"
    )
