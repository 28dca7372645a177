"""What a metric is: the contract every file under `metrics/` fulfils, and where metrics are found."""

from __future__ import annotations

import difflib
import pkgutil
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar

import numpy as np

from microchar.blocks import Block, Counts
from microchar.errors import InputError
from microchar.result import Profile, Result, Value
from microchar.units import power_unit
from microchar.volume import Grid, Triple, Volume

Kind = Literal["scalar", "profile", "distribution", "table"]
Additive = Literal["exact", "float", "whole"]
ErrorSource = Literal["jackknife", "subvolumes", "none"]
Layout = Literal["boxes", "columns", "slabs"]
T = TypeVar("T")


class Tell(Protocol):
    """Called with the share of a metric's work that is done, and more about it where there is more to say."""

    def __call__(self, fraction: float, detail: str = "", /) -> None:
        """Take note."""


def _silent(fraction: float, detail: str = "", /) -> None:
    del fraction, detail


class Shared:
    """What metrics of one measurement share: computed when first asked for, kept until the measurement ends.

    Cluster labels, solved fields and counts are costly; several metrics need them.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Where blocks, and whatever else is worth it, are computed.
    threads : int
        How many threads a metric may use by itself.
    progress : callable
        ``progress(fraction, detail)`` of the metric in work.
    """

    def __init__(self, executor: Executor, threads: int, progress: Tell = _silent):
        self.executor = executor
        self.threads = threads
        self.progress = progress
        self._made: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was made under `key`, making it now if nobody did."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True)
class Metric(ABC):
    """A statistic of a microstructure.

    A metric is a frozen dataclass in a file of its own under
    ``microchar/metrics``; the file is named as the id, the class as the id in
    PascalCase. Its keyword-only fields *are* its configuration. It derives from
    one of

    - `AdditiveMetric`: a map from blocks to counts and a function from counts to
      a result;
    - `PairMetric`: the same on the common slices of two volumes;
    - `WholeMetric`: anything that is not a sum over places.

    Parameters
    ----------
    periodic : tuple of int
        Axes along which the volume is taken to repeat.

    Attributes
    ----------
    title, symbol, summary : str
        For people: name, LaTeX symbol, one line.
    kind : {"scalar", "profile", "distribution", "table"}
        How the report shows it.
    length_power, abscissa_power : int
        Power of length of the value and of the abscissa; units follow.
    additive : {"exact", "float", "whole"}
        Whether counts are integers that add up exactly, floats added in a fixed
        order, or no counts at all.
    size_dependent : bool
        Whether the value's expectation depends on the size of the sample, so that
        only equal shapes may be compared.
    error_source : {"jackknife", "subvolumes", "none"}
        Where its standard error comes from.
    min_phases, min_ndim : int
        What a volume must have for the metric to exist.
    cost : float
        About how much longer than volume fractions it takes; for the time left.
    acts_on_grey_levels : bool
        Whether the value depends on which grey levels stand for the phases.
    periodic_supported, mask_supported : bool
        Whether periodic axes and masks can be honoured.
    """

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
    acts_on_grey_levels: ClassVar[bool] = False
    periodic_supported: ClassVar[bool] = True
    mask_supported: ClassVar[bool] = True

    periodic: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.periodic and not self.periodic_supported:
            raise InputError(f"{self.name()}: not defined for periodic boundaries; leave periodic= out")
        if not set(self.periodic) <= {0, 1, 2}:
            raise InputError(f"periodic={self.periodic!r}: expected axes among 0, 1, 2")

    @classmethod
    def name(cls) -> str:
        """Return the id used in JSON, CSV and on the command line: the name of the metric's file."""
        return cls.__module__.rpartition(".")[2]

    def config(self) -> dict[str, Any]:
        """Return the configuration: ``type(self)(**self.config()) == self``."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def resolved(self, grid: Grid) -> Self:
        """Return the metric with every default that depends on the volume filled in."""
        del grid
        return self

    def convention(self, volume: Volume) -> dict[str, str]:
        """Return what another tool must match for its number to be comparable."""
        return {
            "definition": self.name(),
            "boundary": _boundary(self.periodic),
            "mask": "none" if volume.mask is None else "voxels outside the mask count for nothing",
            "unit of length": volume.unit,
        }

    def __call__(self, volume: Volume, *, threads: int | None = None) -> Result:
        """Measure this one metric on a volume."""
        from microchar.measurement import measure

        return measure(volume, [self], threads=threads)[self.name()]

    def scalar(self, grid: Grid, value: float | None, *, power: int | None = None, **labels: Any) -> Value:
        """Make a `Value` with the unit that follows from the power of length.

        ``value=None`` needs a ``status`` other than "ok".
        """
        power = self.length_power if power is None else power
        return Value(value=None if value is None else float(value), unit=power_unit(grid.unit, power), **labels)

    def curve(self, grid: Grid, x: np.ndarray, y: np.ndarray, *, power: int | None = None, **labels: Any) -> Profile:
        """Make a `Profile` with the units that follow from the powers of length."""
        power = self.length_power if power is None else power
        return Profile(
            x=np.asarray(x, float),
            y=np.asarray(y, float),
            unit=power_unit(grid.unit, power),
            x_unit=power_unit(grid.unit, self.abscissa_power),
            **labels,
        )

    def result(
        self,
        volume: Volume,
        values: Sequence[Value] = (),
        profiles: Sequence[Profile] = (),
        **convention: str,
    ) -> Result:
        """Make the `Result` of this metric, adding to the convention record."""
        return Result(
            metric=self.name(),
            title=self.title,
            symbol=self.symbol,
            kind=self.kind,
            convention={**self.convention(volume), **convention},
            values=tuple(values),
            profiles=tuple(profiles),
        )

    def no_result(self, volume: Volume, status: str, message: str) -> Result:
        """Make a `Result` that says why there is none."""
        return replace(self.result(volume), status=status, message=message)

    def distance(self, a: Result, b: Result) -> float:
        """Return how far apart two results of this metric are; 0 for equal ones.

        The largest absolute difference over the profiles, on the part of the
        abscissa that both have; for metrics without profiles, over the values.
        """
        pairs = zip(a.profiles, b.profiles, strict=True) if a.profiles else ()
        gaps = [profile_gap(p, q) for p, q in pairs]
        if not a.profiles:
            both = [(v.value, w.value) for v, w in zip(a.values, b.values, strict=True)]
            gaps = [abs(v - w) for v, w in both if v is not None and w is not None]
        return max(gaps, default=0.0)


class AdditiveMetric(Metric):
    """A metric that is a sum over places: ``finish(sum of count(block))``."""

    additive: ClassVar[Additive] = "exact"
    error_source: ClassVar[ErrorSource] = "jackknife"
    #: How the volume is cut: "boxes" with a halo, "columns" that span one axis, or "slabs" of whole slices.
    layout: ClassVar[Layout] = "boxes"

    def halo(self, grid: Grid) -> Triple:
        """Return how far behind its core a block must see, per axis (boxes only)."""
        del grid
        return (0, 0, 0)

    def field(self, volume: Volume, shared: Shared) -> Callable[[Triple, Triple], np.ndarray]:
        """Return the reader of what the blocks hold: ``read(start, stop)``. The labels, by default."""
        del shared
        return volume.read

    @abstractmethod
    def count(self, block: Block) -> Counts:
        """Count in one block. Every block gives the same keys, and arrays of the same shapes."""

    def whole(self, volume: Volume, shared: Shared) -> Counts:
        """Return counts that are not sums over blocks, to be added under keys of their own; none, by default."""
        del volume, shared
        return {}

    @abstractmethod
    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Turn the counts of a whole volume into a result; reads of `volume` only what is not voxels."""

    def count_key(self) -> Hashable:
        """Return what identifies the counts: metrics of equal keys are counted once for all."""
        return self


class PairMetric(AdditiveMetric):
    """A metric of two images on one lattice, slice against slice; not part of any verdict."""

    additive: ClassVar[Additive] = "float"
    layout: ClassVar[Layout] = "slabs"
    error_source: ClassVar[ErrorSource] = "none"

    def field(self, volume: Volume, shared: Shared) -> Callable[[Triple, Triple], np.ndarray]:
        """Read grey levels."""
        del shared
        return volume.grey_levels


class WholeMetric(Metric):
    """A metric that is not a sum over places."""

    additive: ClassVar[Additive] = "whole"
    error_source: ClassVar[ErrorSource] = "subvolumes"

    @abstractmethod
    def compute(self, volume: Volume, shared: Shared) -> Result:
        """Measure the volume."""


def _boundary(periodic: tuple[int, ...]) -> str:
    return f"periodic along {', '.join(map(str, sorted(periodic)))}" if periodic else "non-periodic"


def profile_gap(a: Profile, b: Profile) -> float:
    """Return the largest absolute difference of two profiles on the abscissa that both have."""
    if not len(a.x) or not len(b.x):
        return 0.0
    if np.array_equal(a.x, b.x):
        gap = np.abs(a.y - b.y)
    else:
        x = a.x[(a.x >= b.x[0]) & (a.x <= b.x[-1])]
        gap = np.abs(np.interp(x, a.x, a.y) - np.interp(x, b.x, b.y))
    gap = gap[np.isfinite(gap)]
    return float(gap.max()) if len(gap) else 0.0


# --- where metrics are found -------------------------------------------------


@cache
def names() -> tuple[str, ...]:
    """Ids of all metrics, built-in ones first in the order of the report, then plugins by name."""
    import microchar.metrics as package

    found = [module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")]
    order = {name: place for place, name in enumerate(package.REPORT_ORDER)}
    built_in = sorted(found, key=lambda name: (order.get(name, len(order)), name))
    return (*built_in, *sorted(set(_plugins()) - set(built_in)))


@cache
def _plugins() -> Mapping[str, type[Metric]]:
    """Return the metrics of other distributions: a broken one is a warning, two of one name are an error."""
    import microchar.metrics as package

    origin = {module.name: f"microchar.metrics.{module.name}" for module in pkgutil.iter_modules(package.__path__)}
    found: dict[str, type[Metric]] = {}
    for point in sorted(set(entry_points(group="microchar.metrics")), key=lambda point: (point.name, point.value)):
        if point.name in origin:
            raise InputError(
                f"two metrics are named {point.name!r}: {origin[point.name]} and {point.value}; "
                "uninstall one of the distributions"
            )
        origin[point.name] = point.value
        cls = _read(point)
        if cls is not None:
            found[point.name] = cls
    return found


def _read(point: EntryPoint) -> type[Metric] | None:
    try:
        found = point.load()
        if isinstance(found, type) and issubclass(found, Metric):
            return found
        reason = f"it names {found!r}, expected a subclass of microchar.metric.Metric"
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and must not take the others with it
        reason = f"it cannot be read: {type(error).__name__}: {error}"
    warnings.warn(f"metric {point.name!r} ({point.value}) is left out, {reason}", stacklevel=2)
    return None


@cache
def find(name: str) -> type[Metric]:
    """Return the class of a metric by its id; an unknown id is an error that suggests the nearest."""
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"unknown metric {name!r}: {hint}`microchar metrics` lists all of them")
    plugins = _plugins()
    return plugins[name] if name in plugins else getattr(import_module(f"microchar.metrics.{name}"), class_name(name))


def class_name(name: str) -> str:
    """Return the class name that belongs to an id: 'lineal_path' gives 'LinealPath'."""
    return "".join(part.capitalize() for part in name.split("_"))


def create(name: str, **parameters: Any) -> Metric:
    """Make a metric from its id and those of the given parameters that it has.

    ``None`` stands for the metric's own default; ``periodic`` is kept from
    metrics that are not defined for periodic boundaries.
    """
    cls = find(name)
    own = {f.name for f in fields(cls)} - (set() if cls.periodic_supported else {"periodic"})
    return cls(**{key: value for key, value in parameters.items() if key in own and value is not None})
