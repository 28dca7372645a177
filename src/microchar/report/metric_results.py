"""The results of a record grouped by metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from microchar.core.result import Key, Picture, Profile, Result, Value
from microchar.measurement.directions import AXES
from microchar.measurement.tables import Named
from microchar.report.notation import html_symbol

Entry = TypeVar("Entry", Value, Profile, Picture)


@dataclass(frozen=True, eq=False)
class MetricResults:
    """The results of one metric for all volumes.

    Parameters
    ----------
    by_volume : mapping of str to Result
        By the name of the volume; at least one.
    """

    by_volume: Mapping[str, Result]

    @property
    def first(self) -> Result:
        """Any of the results: for what does not depend on the volume, such as the title."""
        return next(iter(self.by_volume.values()))

    @property
    def heading(self) -> dict[str, str]:
        """Id, title and symbol as HTML."""
        return {"id": self.first.metric, "title": self.first.title, "symbol": html_symbol(self.first.symbol)}

    @cached_property
    def values(self) -> dict[Key, dict[str, Value]]:
        """The values by label, then by volume."""
        return _by_key((volume, value) for volume, result in self.by_volume.items() for value in result.values)

    @cached_property
    def profiles(self) -> dict[Key, dict[str, Profile]]:
        """The profiles by label, then by volume."""
        return _by_key((volume, profile) for volume, result in self.by_volume.items() for profile in result.profiles)

    @cached_property
    def pictures(self) -> dict[Key, dict[str, Picture]]:
        """The pictures by label, then by volume."""
        return _by_key((volume, picture) for volume, result in self.by_volume.items() for picture in result.pictures)

    @property
    def has_axes(self) -> bool:
        """Whether some values are given along axes."""
        return any(key.direction in AXES for key in self.values)


def _by_key(entries: Iterable[tuple[str, Entry]]) -> dict[Key, dict[str, Entry]]:
    by_key: dict[Key, dict[str, Entry]] = {}
    for volume, entry in entries:
        by_key.setdefault(entry.key, {})[volume] = entry
    return by_key


def group_by_metric(results: Iterable[Named], name: Callable[[Named], str] | None = None) -> list[MetricResults]:
    """Group results by metric, in the order in which the metrics first appear.

    Parameters
    ----------
    results : iterable of Named
    name : callable, optional
        Returns the name that a result gets in its group; default that of its volume.
    """
    by_metric: dict[str, dict[str, Result]] = {}
    for named in results:
        by_metric.setdefault(named.result.metric, {})[name(named) if name else named.volume] = named.result
    return [MetricResults(by_volume) for by_volume in by_metric.values()]
