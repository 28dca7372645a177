"""What effective diffusivity and tortuosity factor share: their configuration and the solves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np

from microchar.diffusion import Solution, solve
from microchar.diffusion.taufactor import solve_with_taufactor
from microchar.errors import InputError, MissingDependencyError, NotEnoughMemoryError
from microchar.metric import Kind, Shared, WholeMetric
from microchar.result import Result, Value
from microchar.volume import Grid, Volume

#: The conductors of one solve: phase names with their diffusivities.
Mixture = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class TransportMetric(WholeMetric):
    """A metric that follows from steady diffusion through the conducting phases.

    The parameters are described by the metrics that derive from it.
    """

    kind: ClassVar[Kind] = "scalar"
    size_dependent: ClassVar[bool] = True
    # Of the class; an instance that takes the voxels outside a mask as insulating says otherwise.
    mask_supported: ClassVar[bool] = False

    axes: tuple[int, ...] | None = None
    phases: tuple[str, ...] | None = None
    diffusivity: Mixture | None = None
    tolerance: float = 1e-3
    backend: Literal["own", "taufactor"] = "own"
    mask_insulating: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.diffusivity, Mapping):  # a convenience for the caller; the field itself is hashable
            object.__setattr__(self, "diffusivity", tuple(self.diffusivity.items()))
        object.__setattr__(self, "mask_supported", self.mask_insulating)
        if self.axes is not None and not (self.axes and set(self.axes) <= {0, 1, 2}):
            raise InputError(f"axes={self.axes!r}: expected one or more of 0, 1, 2")
        if not 0 < self.tolerance < 1:
            raise InputError(f"tolerance={self.tolerance!r}: expected a relative gap between 0 and 1, such as 1e-3")
        if self.backend not in ("own", "taufactor"):
            raise InputError(f"backend={self.backend!r}: expected 'own' or 'taufactor'")
        if self.phases is not None and self.diffusivity is not None:
            raise InputError(
                "phases= (each conducts alone) and diffusivity= (they conduct together) exclude each other"
            )
        wrong = [(phase, d) for phase, d in self.diffusivity or () if not 0 <= d < np.inf]
        if wrong:
            raise InputError(f"diffusivity={wrong!r}: expected numbers from 0 up, in units of the reference")

    def resolved(self, grid: Grid) -> Self:
        """Fill in the axes: all that are longer than one voxel."""
        if self.axes is None:
            return replace(self, axes=grid.axes or None)
        flat = set(self.axes) - set(grid.axes)
        if flat:
            raise InputError(f"axes={self.axes!r}: the shape is {grid.shape}, nothing flows along an axis of one voxel")
        return self

    def distance(self, a: Result, b: Result) -> float:
        """Return the largest absolute difference of the headline values."""
        pairs = zip(_headline(a), _headline(b), strict=True)
        return max((abs(v.value - w.value) for v, w in pairs if v.value is not None and w.value is not None), default=0)

    def compute(self, volume: Volume, shared: Shared) -> Result:
        """Solve each mixture along each axis, unless that is done, and turn the solutions into values."""
        values: list[Value] = []
        record: list[str] = []
        runs = [(mixture, axis) for mixture in self._mixtures(volume) for axis in self.axes or ()]
        for done, (mixture, axis) in enumerate(runs):
            try:
                solution = self._solution(volume, mixture, axis, shared)
            except MissingDependencyError as error:
                return self.no_result(volume, "unavailable", str(error))
            except NotEnoughMemoryError as error:
                return self.no_result(volume, "refused", str(error))
            values += self._values(volume, "+".join(phase for phase, _ in mixture), str(axis), solution)
            record.append(_record(mixture, axis, solution))
            shared.progress((done + 1) / len(runs))
        return self.result(
            volume,
            values,
            boundary=f"concentration fixed on the two end faces; {_sides(self.periodic)}",
            connectivity="faces (6)",
            estimator="finite volumes on voxels, conductance of half voxels in series",
            denominator="total volume" + (", voxels outside the mask insulate" if volume.mask is not None else ""),
            tolerance=f"{self.tolerance:g}",
            solver="; ".join(record),
        )

    def _values(self, volume: Volume, label: str, direction: str, solution: Solution) -> list[Value]:
        raise NotImplementedError

    def _mixtures(self, volume: Volume) -> list[Mixture]:
        wanted = [phase for phase, _ in self.diffusivity or ()] or list(self.phases or ())
        unknown = [phase for phase in wanted if phase not in volume.phases]
        if unknown:
            known = ", ".join(volume.phases)
            raise InputError(f"{volume.name}: no phase is named {', '.join(unknown)}; the phases are {known}")
        if self.diffusivity is not None:
            return [self.diffusivity]
        return [((phase, 1.0),) for phase in (self.phases or volume.phases)]

    def _solution(self, volume: Volume, mixture: Mixture, axis: int, shared: Shared) -> Solution:
        sides = tuple(sorted(set(self.periodic) - {axis}))
        backend: Callable[..., Solution] = solve if self.backend == "own" else solve_with_taufactor
        table = np.zeros(volume.n_phases)
        for phase, diffusivity in mixture:
            table[volume.phases.index(phase)] = diffusivity

        def run() -> Solution:
            return backend(
                volume.read(),
                tuple(table.tolist()),
                axis=axis,
                voxel_size=volume.voxel_size,
                periodic=sides,
                tolerance=self.tolerance,
                threads=shared.threads,
            )

        return shared.get(("diffusion", tuple(table.tolist()), axis, sides, self.tolerance, self.backend), run)


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
