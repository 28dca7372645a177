"""Permeability of each phase along each axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, Self

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Grid
from microchar.core.result import Picture, Result, Value
from microchar.core.units import areas
from microchar.core.volume import Volume
from microchar.measurement.metric import Shared, WholeMetric
from microchar.metrics._flow_picture import draw, plane
from microchar.metrics.volume_fraction import VolumeFraction
from microchar.stokes import Solution, edt_darcy, solve
from microchar.stokes.solver import BYTES_PER_NODE

#: Smallest gap between the bounds that can be asked for: rounding errors are not much smaller.
LEAST_TOLERANCE = 1e-9
_SIDES = ("slip", "no-slip", "periodic")
_ESTIMATORS = ("stokes", "edt_darcy")


@dataclass(frozen=True, kw_only=True)
class Permeability(WholeMetric):
    r"""Permeability :math:`k` along each axis, between guaranteed bounds.

    A fluid of viscosity :math:`\mu` flows slowly through the phase, from an end face of
    pressure :math:`p_1` to one of pressure :math:`p_2`, and sticks to all other phases:
    :math:`\mu\nabla^2 u = \nabla p`, :math:`\nabla\cdot u = 0`. With the flow rate :math:`Q`, the
    area :math:`A` of the end faces and their distance :math:`L`,

    .. math:: k = \frac{\mu\, Q\, L}{A\, (p_1 - p_2)} .

    Parameters
    ----------
    axes : tuple of int, optional
        Directions of flow. By default all axes longer than one voxel.
    flowing : tuple of str, optional
        What the fluid flows through: phases, each by itself, or unions of phases, whose
        names are joined by "+", such as ``("pore", "pore+binder")``. By default each
        phase.
    sides : {"slip", "no-slip", "periodic"}
        What the sides are: planes along which the fluid slips (the least disturbance
        for a piece of a larger medium), walls, or faces at which the volume repeats.
    tolerance : float
        Largest allowed gap between the bounds, relative to the value.
    estimators : tuple of {"stokes", "edt_darcy"}
        What is computed; by default both.
    mask_solid : bool
        Whether voxels outside the mask are solid. If False, a volume with a mask is
        refused, because the flow in unknown material is undefined.
    periodic : tuple of int
        Axes along which the volume repeats, if only some of the sides do. The axis of
        flow is never periodic.

    Notes
    -----
    *Estimators*: ``stokes`` is the solution of the Stokes equations by finite volumes
    on the voxels (marker-and-cell scheme). Voxels are connected through faces only
    (6). The pressure is fixed on the end *faces*, where the velocity is normal to the
    face. `lower` and `upper` bound the exact solution *of this discrete problem*: the
    lower bound is the dissipation of an admissible flow, the upper bound follows from an
    admissible pressure, and the value is their harmonic mean. ``edt_darcy`` is the effective
    diffusivity of the phase with the square of the distance to the wall as
    conductivity, which in a slit is the exact permeability. It costs a tenth, and
    ranks pieces of one material as ``stokes`` does; it is no substitute for it. Its
    bounds are those of its own problem.

    *Bias*: the bounds do not include the errors of the image. Channels of few voxels read
    too high, a slit of :math:`w` voxels by the factor :math:`1 + 2/w^2`, a square duct of 4
    voxels by 1.22. Necks in which voxels share only an edge are closed. The value depends
    on the size of the volume. See :doc:`/metrics/theory/permeability`.

    *Units*: the square of the unit of length. Where the voxel size is known, the features
    "m2", "darcy" and "millidarcy" give the same number in m², D and mD.

    *Statuses*: a phase that does not connect the two end faces has the value 0 and
    the status "not_percolating". If the phase fills the volume and slips along its sides,
    the status is "undefined". A solve that stops before it reaches the tolerance has the
    status "not_converged"; its bounds are still valid.

    The metric is measured only if it is named or has parameters.

    References
    ----------
    F. H. Harlow, J. E. Welch, "Numerical calculation of time-dependent viscous incompressible
    flow of fluid with free surface", Physics of Fluids 8 (1965) 2182-2189 (the scheme).
    https://doi.org/10.1063/1.1761178

    A. A. Zick, G. M. Homsy, "Stokes flow through periodic arrays of spheres", Journal of
    Fluid Mechanics 115 (1982) 13-26. https://doi.org/10.1017/S0022112082000627

    Examples
    --------
    A slit of four voxels between walls, in a volume of eight:

    >>> import numpy as np
    >>> import microchar as mc
    >>> solid = np.ones((5, 8, 3), np.uint8)
    >>> solid[:, 2:6] = 0
    >>> volume = mc.as_volume(solid, phases=["pore", "solid"])
    >>> metric = mc.metrics.Permeability(axes=(0, 1), flowing=("pore",), estimators=("stokes",))
    >>> [(round(v.value, 3), str(v.status)) for v in metric(volume).values]
    [(0.75, 'ok'), (0.0, 'not_percolating')]
    """

    id = "permeability"
    title = "Permeability"
    symbol = "k"
    summary = "flow of a viscous fluid through the phase, driven by a pressure difference"
    kind = "scalar"
    length_power = 2
    size_dependent = True
    on_request = True
    cost = 10_000.0
    # Default of the class; `__post_init__` sets it to True for instances with mask_solid=True.
    mask_supported: ClassVar[bool] = False
    mask_advice = "flow can treat masked voxels as solid with mask_solid=True (--mask-insulating)"

    axes: tuple[int, ...] | None = None
    flowing: tuple[str, ...] | None = None
    sides: Literal["slip", "no-slip", "periodic"] = "slip"
    tolerance: float = 1e-3
    estimators: tuple[str, ...] = _ESTIMATORS
    mask_solid: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "mask_supported", self.mask_solid)
        if self.axes is not None and not (self.axes and set(self.axes) <= {0, 1, 2}):
            raise InputError(f"axes={self.axes!r}: expected one or more of 0, 1, 2")
        if self.sides not in _SIDES:
            raise InputError(f"sides={self.sides!r}: expected one of {', '.join(map(repr, _SIDES))}")
        if not LEAST_TOLERANCE <= self.tolerance < 1:
            raise InputError(
                f"tolerance={self.tolerance!r}: expected a relative gap between {LEAST_TOLERANCE:g}, "
                "below which rounding errors are larger, and 1, such as 1e-3"
            )
        if not self.estimators or not set(self.estimators) <= set(_ESTIMATORS):
            raise InputError(f"estimators={self.estimators!r}: expected one or both of {', '.join(_ESTIMATORS)}")

    def resolved(self, grid: Grid) -> Self:
        """Return the metric with `axes` filled in: by default all axes longer than one voxel."""
        if self.axes is None:
            return replace(self, axes=grid.axes or None)
        flat = set(self.axes) - set(grid.axes)
        if flat:
            raise InputError(f"axes={self.axes!r}: the shape is {grid.shape}, nothing flows along an axis of one voxel")
        return self

    def compute(self, volume: Volume, shared: Shared) -> Result:
        """Solve for each fluid along each axis, with each estimator."""
        values: list[Value] = []
        pictures: list[Picture] = []
        solves: list[str] = []
        problems = self._problems(volume)
        for done, problem in enumerate(problems):
            name, axis, estimator = problem.name, problem.axis, problem.estimator
            bounds = partial(shared.tell_bounds, done / len(problems), f"{name}, axis {axis}")
            solution, picture = shared.get(problem, partial(problem.solved, volume, shared.threads, bounds))
            values += self._values(volume, name, axis, estimator, solution)
            pictures += [] if picture is None else [picture]
            gap = f"{solution.iterations} iterations, gap {solution.gap:.1e}"
            solves.append(f"{name}, axis {axis}, {estimator}: {gap}")
            shared.progress((done + 1) / len(problems), "")
        result = self.result(
            volume,
            values,
            boundary=f"pressure fixed on the two end faces; sides: {self.sides}"
            + (f", periodic along {', '.join(map(str, sorted(self.periodic)))}" if self.periodic else ""),
            connectivity="faces (6)",
            estimator="stokes: marker-and-cell scheme on the voxels; edt_darcy: diffusion with the squared distance to "
            "the wall as conductivity",
            denominator="total cross-section"
            + (", voxels outside the mask are solid" if volume.mask is not None else ""),
            tolerance=f"{self.tolerance:g}",
            solver="; ".join(solves),
        )
        return replace(result, pictures=tuple(pictures))

    def memory(self, volume: Volume, shared: Shared) -> float:
        """Return what the largest of the systems of equations takes."""
        voxels = VolumeFraction().counts(volume, None, shared)["voxels"]
        fluid = max(int(voxels[list(labels)].sum()) for _, labels in self._fluids(volume))
        return float(fluid * BYTES_PER_NODE + super().memory(volume, shared))

    def _fluids(self, volume: Volume) -> list[tuple[str, tuple[int, ...]]]:
        """Return the names of what flows, each with its labels."""
        found = []
        for name in self.flowing or volume.phases:
            parts = [name] if name in volume.phases else name.split("+")
            unknown = [part for part in parts if part not in volume.phases]
            if unknown:
                raise InputError(
                    f"{volume.name}: no phase is named {', '.join(unknown)}; the phases are {', '.join(volume.phases)}"
                )
            found.append((name, tuple(sorted({volume.phases.index(part) for part in parts}))))
        return found

    def begin(self, volume: Volume, shared: Shared) -> None:
        """Have other processes solve for each fluid along each axis, if the metric is defined for the volume."""
        if self.obstacle(volume) is None:
            for problem in self._problems(volume):
                shared.begin(problem, problem.solved, volume)

    def _problems(self, volume: Volume) -> list[_Problem]:
        periodic = {0, 1, 2} if self.sides == "periodic" else set(self.periodic)
        return [
            _Problem(
                name=name,
                labels=labels,
                axis=axis,
                estimator=estimator,
                periodic=tuple(sorted(periodic - {axis})),
                sides="no-slip" if self.sides == "no-slip" else "slip",
                tolerance=self.tolerance,
                pictured=axis == min(self.axes or ()) and volume.grid.ndim > 1,
            )
            for name, labels in self._fluids(volume)
            for axis in self.axes or ()
            for estimator in self.estimators
        ]

    def _values(self, volume: Volume, phase: str, axis: int, estimator: str, solution: Solution) -> Iterator[Value]:
        """Yield the permeability, and where the voxel size is known the same number in SI units and darcy."""
        key: dict[str, Any] = {"phase": phase, "direction": str(axis), "estimator": estimator}
        key |= {"status": solution.status, "message": solution.message}
        square = volume.voxel_size[axis] ** 2
        numbers = [None if x is None else x * square for x in (solution.value, solution.lower, solution.upper)]
        value, lower, upper = numbers
        yield self.scalar(volume.grid, value, lower=lower, upper=upper, **key)
        if volume.unit == "voxel":
            return
        names = {"m^2": "m2", "D": "darcy", "mD": "millidarcy"}
        for unit, feature in names.items():
            value, lower, upper = (None if x is None else areas(x, volume.unit)[unit] for x in numbers)
            yield Value(value=value, lower=lower, upper=upper, unit=unit, feature=feature, **key)


@dataclass(frozen=True)
class _Problem:
    """The flow of one fluid along one axis, and how it is solved."""

    name: str
    labels: tuple[int, ...]
    axis: int
    estimator: str
    periodic: tuple[int, ...]
    sides: Literal["slip", "no-slip"]
    tolerance: float
    pictured: bool

    def solved(
        self, volume: Volume, threads: int = 1, progress: Callable[[float, float], None] = lambda lower, upper: None
    ) -> tuple[Solution, Picture | None]:
        """Return the solution and, for the first axis, a picture of the speed."""
        # Voxels outside the mask have a label of their own, which is solid.
        fluid = np.isin(volume.read(), self.labels)
        options: dict[str, Any] = {"axis": self.axis, "voxel_size": volume.voxel_size, "periodic": self.periodic}
        options |= {"sides": self.sides, "tolerance": self.tolerance, "threads": threads, "progress": progress}
        if self.estimator == "edt_darcy":
            return edt_darcy(fluid, **options), None
        solution = solve(fluid, **options, speed=self.pictured)
        picture = _picture(volume, solution, self.axis, self.name) if solution.speed is not None else None
        return replace(solution, speed=None), picture  # not kept: the field is as large as the volume


def _picture(volume: Volume, solution: Solution, axis: int, name: str) -> Picture:
    """Draw the speed in the middle slice that contains the axis of flow."""
    assert solution.speed is not None
    assert solution.value
    _, normal, middle = plane(volume.grid, axis)
    speed = solution.speed.take(middle, normal)
    flows = np.isfinite(speed)
    return draw(volume, np.nan_to_num(speed), flows, axis=axis, phase=name, mean=solution.value, what="speed")
