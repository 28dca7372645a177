"""`Metric`: the contract that every module of `microchar.metrics` and every plugin fulfils."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, ClassVar, Literal, Self, final

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Grid, Triple
from microchar.core.result import Key, Profile, Result, Status, Value
from microchar.core.units import power_unit
from microchar.core.volume import Volume, as_volume
from microchar.measurement.blocks import LAYOUTS, Block, Counts, Region, Tick, available_cores, thread_pool
from microchar.measurement.cells import CellGrid, add_up_cells, mask_lengths
from microchar.measurement.counting import Counting, counted, tree_sum
from microchar.measurement.shared import Shared as Shared  # metrics import it from here
from microchar.measurement.standard_errors import with_errors

Kind = Literal["scalar", "profile", "distribution", "table"]
Additive = Literal["exact", "float", "whole"]
ErrorSource = Literal["cells", "subvolumes", "none"]
Layout = Literal["boxes", "columns", "slabs"]


@dataclass(frozen=True, kw_only=True)
class Metric(ABC):
    """A statistic of a microstructure.

    A metric is a frozen dataclass in a file of its own. Built-in metrics are found in
    ``microchar/metrics``, where the file is named like the id; other metrics are found
    through the entry-point group ``microchar.metrics``. The keyword-only parameters of
    a metric *are* its configuration. A metric derives from one of

    - `AdditiveMetric`: a function from blocks to counts, and a function from the sum
      of the counts to a result;
    - `PairMetric`: the same for the common slices of two volumes;
    - `WholeMetric`: any metric that is not a sum over blocks.

    Parameters
    ----------
    periodic : tuple of int
        Axes along which the volume is taken to be periodic.

    Attributes
    ----------
    id : str
        Name of the metric in JSON, in CSV and on the command line, such as "lineal_path".
    title, symbol, summary : str
        Name, LaTeX symbol and one-line description, for display.
    kind : {"scalar", "profile", "distribution", "table"}
        How the report shows the metric.
    length_power, abscissa_power : int
        Power of length in the unit of the value and in the unit of the abscissa.
    additive : {"exact", "float", "whole"}
        Whether the counts are integers that add up exactly, the counts are floats that
        are added in a fixed order, or there are no counts.
    size_dependent : bool
        Whether the expectation of the value depends on the size of the volume, so that
        only volumes of equal shape may be compared.
    error_source : {"cells", "subvolumes", "none"}
        Source of the standard error: the counts of cells of the volume, the values of
        disjoint sub-volumes, or nothing (the values have no error).
    min_phases, min_ndim : int
        Smallest number of phases, and of axes longer than one voxel, of a volume for
        which the metric is defined.
    cost : float
        Approximate computing time in units of that of the volume fractions, from which
        the time left is estimated.
    derived_from : str
        Id of the metric from which this one is computed, at no cost of its own: whoever skips
        that one skips both. Empty if there is none.
    on_request : bool
        Whether the metric is measured only if it is named or has parameters, and not
        among all metrics.
    in_blocks : bool
        Whether the metric reads the volume block by block, and keeps what is as large as the
        volume on disk; see `memory`.
    acts_on_grey_levels : bool
        Whether the value depends on the grey levels that stand for the phases.
    periodic_supported, mask_supported : bool
        Whether the metric supports periodic axes and masks.
    mask_advice : str
        What a user can do to have a volume with a mask measured, if the metric can be told.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    symbol: ClassVar[str]
    summary: ClassVar[str]
    kind: ClassVar[Kind]
    length_power: ClassVar[int] = 0
    abscissa_power: ClassVar[int] = 0
    additive: ClassVar[Additive]
    size_dependent: ClassVar[bool] = False
    error_source: ClassVar[ErrorSource]
    min_phases: ClassVar[int] = 1
    min_ndim: ClassVar[int] = 1
    cost: ClassVar[float] = 1.0
    derived_from: ClassVar[str] = ""
    on_request: ClassVar[bool] = False
    in_blocks: ClassVar[bool] = True
    acts_on_grey_levels: ClassVar[bool] = False
    periodic_supported: ClassVar[bool] = True
    mask_supported: ClassVar[bool] = True
    mask_advice: ClassVar[str] = ""

    periodic: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.periodic and not self.periodic_supported:
            raise InputError(
                f"{self.id}: not defined for periodic boundaries; leave periodic= (--periodic) or the metric out"
            )
        if not set(self.periodic) <= {0, 1, 2}:
            raise InputError(f"periodic={self.periodic!r}: expected axes among 0, 1, 2")

    def config(self) -> dict[str, Any]:
        """Return the configuration, for which ``type(self)(**self.config()) == self``."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def resolved(self, grid: Grid) -> Self:
        """Return the metric with a value for every default that depends on the volume."""
        del grid
        return self

    def convention(self, volume: Volume) -> dict[str, str]:
        """Return what another tool must do in the same way for its number to be comparable."""
        return {
            "definition": self.id,
            "boundary": _boundary(self.periodic),
            "mask": "none" if volume.mask is None else "voxels outside the mask are ignored",
            "unit of length": volume.unit,
        }

    def __call__(self, volume: Any, *, threads: int | None = None) -> Result:
        """Measure only this metric on a volume, or on an array that `as_volume` accepts."""
        volume = as_volume(volume)
        self.check_mask(volume)
        with thread_pool(threads) as pool:
            return self.resolved(volume.grid).run(volume, None, Shared(pool, threads or available_cores()))

    def begin(self, volume: Volume, shared: Shared) -> None:
        """Have other processes begin what `run` will wait for; see `Shared.begin`. By default it is nothing."""
        del volume, shared

    @abstractmethod
    def run(self, volume: Volume, other: Volume | None, shared: Shared) -> Result:
        """Measure a volume (pair metrics: two of equal shape); the metric must be resolved for its grid."""

    def prepare(self, volume: Volume, other: Volume | None, shared: Shared) -> Callable[[], Result]:
        """Do the part of `run` that takes cores and memory, and return the function that does the rest.

        The rest reads no voxels, so that the next metric can be prepared at the same time.
        By default there is no rest.
        """
        result = self.run(volume, other, shared)
        return lambda: result

    def check_mask(self, volume: Volume) -> None:
        """Raise InputError if the volume has a mask and the metric does not support masks."""
        if volume.mask is None or self.mask_supported:
            return
        advice = "; ".join(filter(None, ("leave out the metric or the mask", self.mask_advice)))
        raise InputError(f"{volume.name}: {self.id} does not support a mask; {advice}")

    def memory(self, volume: Volume, shared: Shared) -> float:
        """Return the approximate bytes that `run` needs for arrays as large as the volume; 0 if it counts in blocks."""
        del volume, shared
        return 0.0

    def obstacle(self, volume: Volume, other: Volume | None = None) -> tuple[Status, str] | None:
        """Return why the metric is not defined for a volume (or pair), or None if it is."""
        masked = any(v is not None and v.mask is not None for v in (volume, other))
        if masked and not self.mask_supported:
            return Status.REFUSED, "the metric does not support a mask"
        if volume.n_phases < self.min_phases:
            return Status.NOT_APPLICABLE, f"needs at least {self.min_phases} phases, the volume has {volume.n_phases}"
        if volume.grid.ndim < self.min_ndim:
            needed = f"needs at least {self.min_ndim} axes longer than one voxel, found {volume.grid.ndim}"
            return Status.NOT_APPLICABLE, needed
        return None

    def has_error(self, key: Key) -> bool:
        """Return whether the value with this key is a smooth function of the counts, so that it has a standard error.

        Quantiles are not: they jump by a voxel.
        """
        return not key.feature.startswith("quantile")

    def scalar(self, grid: Grid, value: float | None, *, power: int | None = None, **details: Any) -> Value:
        """Make a `Value` with the unit that follows from the power of length.

        ``value=None`` requires a ``status`` other than "ok".
        """
        power = self.length_power if power is None else power
        return Value(value=None if value is None else float(value), unit=power_unit(grid.unit, power), **details)

    def curve(self, grid: Grid, x: np.ndarray, y: np.ndarray, *, power: int | None = None, **details: Any) -> Profile:
        """Make a `Profile` with the units that follow from the powers of length."""
        power = self.length_power if power is None else power
        return Profile(
            x=np.asarray(x, float),
            y=np.asarray(y, float),
            unit=power_unit(grid.unit, power),
            x_unit=power_unit(grid.unit, self.abscissa_power),
            **details,
        )

    def result(
        self,
        volume: Volume,
        values: Sequence[Value] = (),
        profiles: Sequence[Profile] = (),
        **convention: str,
    ) -> Result:
        """Make the `Result` of this metric; keyword arguments are added to the convention."""
        return Result(
            metric=self.id,
            title=self.title,
            symbol=self.symbol,
            kind=self.kind,
            convention={**self.convention(volume), **convention},
            values=tuple(values),
            profiles=tuple(profiles),
        )

    def no_result(self, volume: Volume, status: Status, message: str) -> Result:
        """Make a `Result` without values that states the reason."""
        return replace(self.result(volume), status=status, message=message)

    def distance(self, a: Result, b: Result) -> float:
        """Return the distance between two results of this metric; it is 0 for equal results.

        The distance is the largest absolute difference between the profiles, on the
        part of the abscissa that both have; for metrics without profiles, between the
        values.
        """
        pairs = zip(a.profiles, b.profiles, strict=True) if a.profiles else ()
        gaps = [profile_gap(p, q) for p, q in pairs]
        if not a.profiles:
            both = [(v.value, w.value) for v, w in zip(a.values, b.values, strict=True)]
            gaps = [abs(v - w) for v, w in both if v is not None and w is not None]
        return max(gaps, default=0.0)


class AdditiveMetric(Metric):
    """A metric that is a sum over blocks: ``finish(sum of count(block))``."""

    additive: ClassVar[Additive] = "exact"
    error_source: ClassVar[ErrorSource] = "cells"
    #: How a volume is cut: into "boxes" with a halo, "columns" that span one axis, or "slabs" of whole slices.
    layout: ClassVar[Layout] = "boxes"
    #: Whether `reader` needs intermediate results that metrics share, so that other processes cannot read the blocks.
    reads_shared: ClassVar[bool] = False

    def halo(self, grid: Grid) -> Triple:
        """Return the number of voxels that a block needs behind its core along each axis (boxes only)."""
        del grid
        return (0, 0, 0)

    def reader(self, volume: Volume, shared: Shared) -> Callable[[Triple, Triple], np.ndarray]:
        """Return the function ``read(start, stop)`` that reads the voxels of a block; by default it reads labels."""
        del shared
        return volume.read

    @abstractmethod
    def count(self, block: Block) -> Counts:
        """Return the counts of one block. Every block must give the same names, and arrays of the same shapes."""

    def whole(self, volume: Volume, shared: Shared) -> Counts:
        """Return counts that are not sums over blocks, under names of their own; by default there are none."""
        del volume, shared
        return {}

    @abstractmethod
    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Return the result for the counts of the whole volume; the voxels of `volume` must not be read."""

    def count_key(self) -> Hashable:
        """Return what identifies the counts; metrics with equal identifiers share one counting."""
        return self

    @final
    def run(
        self,
        volume: Volume,
        other: Volume | None,
        shared: Shared,
        layouts: Mapping[str, Callable[[Triple], list[Region]]] = LAYOUTS,
    ) -> Result:
        """Count in all blocks and return the result; how a volume is cut (`layouts`) does not change the counts."""
        return self.prepare(volume, other, shared, layouts)()

    def prepare(
        self,
        volume: Volume,
        other: Volume | None,
        shared: Shared,
        layouts: Mapping[str, Callable[[Triple], list[Region]]] = LAYOUTS,
    ) -> Callable[[], Result]:
        """Count in all blocks, and return the function that computes the result from the counts."""
        obstacle = self.obstacle(volume, other)
        if obstacle is not None:
            return partial(self.no_result, volume, *obstacle)
        if shared.errors and self.error_source == "cells" and volume.grid.ndim > 1:
            return self._prepare_in_cells(volume, shared)
        return partial(self.finish, self.counts(volume, other, shared, layouts), volume)

    def count_cells(self, block: Block) -> Counts:
        """Return the counts of each cell of a block, with three leading axes: the cells along axes 0, 1 and 2.

        The sum over the cells equals ``count(block)``. Override this method if the
        cells of a block can share work.
        """
        counted = [self.count(cell) for _, cell in block.cells()]
        numbers = tuple(len(line) - 1 for line in block.cell_edges)
        return {
            name: np.reshape([counts[name] for counts in counted], (*numbers, *np.shape(array)))
            for name, array in counted[0].items()
        }

    def _prepare_in_cells(self, volume: Volume, shared: Shared) -> Callable[[], Result]:
        """Count per cell, for a result with standard errors. The counts of the cells add up to those of the volume."""
        cells = CellGrid.of(volume)
        key = self.count_key()
        counts = shared.get(("cells", key), lambda: self._add_up_cells(cells, volume, shared))
        extra = shared.get(("whole", key), lambda: self.whole(volume, shared))
        lengths = mask_lengths(volume)

        def finish() -> Result:
            of_counts = partial(self.finish, volume=volume)
            result = with_errors(of_counts, counts, extra, lengths, self.has_error, edge_effect=self.size_dependent)
            return replace(result, values=tuple(replace(v, n_eff=self.observations(v)) for v in result.values))

        return finish

    def observations(self, value: Value) -> float | None:
        """Return the number of independent observations behind a value; None if there is no such number."""
        del value
        return None

    def _add_up_cells(self, cells: CellGrid, volume: Volume, shared: Shared) -> Counts:
        first, regions = zip(*cells.regions(self.layout), strict=True)
        of_batches = counted(Counting(self, volume, in_cells=True), regions, shared, _ticking(regions, shared))
        return add_up_cells(cells, first, (counts for batch in of_batches for counts in batch))

    def counts(
        self,
        volume: Volume,
        other: Volume | None,
        shared: Shared,
        layouts: Mapping[str, Callable[[Triple], list[Region]]] = LAYOUTS,
    ) -> Counts:
        """Return the sums of the counts over the blocks of a volume, and the counts that are not such sums."""
        return shared.get(self.count_key(), lambda: self._add_up(volume, other, shared, layouts))

    def _add_up(
        self,
        volume: Volume,
        other: Volume | None,
        shared: Shared,
        layouts: Mapping[str, Callable[[Triple], list[Region]]],
    ) -> Counts:
        global_counts = self.whole(volume, shared)
        regions = layouts[self.layout](volume.shape)
        of_batches = counted(Counting(self, volume, other), regions, shared, _ticking(regions, shared))
        return tree_sum(counts for batch in of_batches for counts in batch) | global_counts


def _ticking(regions: Sequence[Region], shared: Shared) -> Tick:
    total = sum(math.prod(region.core) for region in regions)
    done = 0

    def tick(voxels: int) -> None:
        nonlocal done
        done += voxels
        shared.progress(done / total, "")

    return tick


class PairMetric(AdditiveMetric):
    """A metric that compares two volumes on the same voxels slice by slice; it is not part of any verdict."""

    additive: ClassVar[Additive] = "float"
    layout: ClassVar[Layout] = "slabs"
    error_source: ClassVar[ErrorSource] = "none"

    def reader(self, volume: Volume, shared: Shared) -> Callable[[Triple, Triple], np.ndarray]:
        """Return the function that reads the grey levels of a block."""
        del shared
        return volume.grey_levels

    def __call__(self, volume: Any, *, threads: int | None = None) -> Result:
        """Raise InputError, because a pair metric needs two volumes."""
        raise InputError(f"{self.id}: measured on two volumes, found one; hand both to compare()")


class WholeMetric(Metric):
    """A metric that is not a sum over blocks.

    Attributes
    ----------
    bytes_per_voxel : float
        Approximate memory that the metric takes; by default that of the labels.
    """

    additive: ClassVar[Additive] = "whole"
    error_source: ClassVar[ErrorSource] = "subvolumes"
    in_blocks: ClassVar[bool] = False
    bytes_per_voxel: ClassVar[float] = 1.0

    def memory(self, volume: Volume, shared: Shared) -> float:
        """Return `bytes_per_voxel` times the number of voxels, unless the metric counts in blocks."""
        del shared
        return 0.0 if self.in_blocks else self.bytes_per_voxel * math.prod(volume.shape)

    @abstractmethod
    def compute(self, volume: Volume, shared: Shared) -> Result:
        """Measure the volume."""

    def run(self, volume: Volume, other: Volume | None, shared: Shared) -> Result:
        """Compute the result, unless the metric is not defined for the volume."""
        obstacle = self.obstacle(volume, other)
        return self.compute(volume, shared) if obstacle is None else self.no_result(volume, *obstacle)


def _boundary(periodic: tuple[int, ...]) -> str:
    return f"periodic along {', '.join(map(str, sorted(periodic)))}" if periodic else "non-periodic"


def profile_gap(a: Profile, b: Profile) -> float:
    """Return the largest absolute difference between two profiles on the part of the abscissa that both have."""
    if not len(a.x) or not len(b.x):
        return 0.0
    if np.array_equal(a.x, b.x):
        gap = np.abs(a.y - b.y)
    else:
        x = a.x[(a.x >= b.x[0]) & (a.x <= b.x[-1])]
        gap = np.abs(np.interp(x, a.x, a.y) - np.interp(x, b.x, b.y))
    gap = gap[np.isfinite(gap)]
    return float(gap.max()) if len(gap) else 0.0
