"""The rows of a comparison: candidates and groups of samples, each with its colour and its verdict."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from microchar.core.verdict import Entry, Verdict
from microchar.measurement.record import Record
from microchar.report.palette import series_style


@dataclass(frozen=True)
class Contender:
    """A candidate, or a group of samples, as the page shows it.

    Parameters
    ----------
    name : str
    series : int
        Number of its colour, from 1 on; volumes of a group share it.
    members : tuple of str
        Names of its volumes.
    verdict : Verdict or None
    """

    name: str
    series: int
    members: tuple[str, ...]
    verdict: Verdict | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The quantities that decide."""
        return self.verdict.entries if self.verdict else ()

    @property
    def shown(self) -> dict[str, Any]:
        """Name, id and style, as templates show them."""
        return {"name": self.name, "id": f"c{self.series}", **series_style(self.series)}


@dataclass(frozen=True)
class Measure:
    """What differences are measured in: the scatter of the real material or, if it is not known, standard errors.

    Parameters
    ----------
    by_scatter : bool
    """

    by_scatter: bool

    @classmethod
    def of(cls, contenders: Sequence[Contender]) -> Measure:
        """Choose the scatter of the real material if it is known for every quantity."""
        entries = [entry for contender in contenders for entry in contender.entries]
        return cls(all(entry.real_scatter for entry in entries))

    @property
    def name(self) -> str:
        """What one unit is, for the reader."""
        return "scatter of the real material" if self.by_scatter else "standard error of the difference"

    def size(self, entry: Entry) -> float:
        """Return one unit in the scale of the entry's difference; nan if it has none."""
        unit = entry.real_scatter if self.by_scatter else entry.standard_error
        return unit if unit and math.isfinite(unit) else math.nan

    def distance(self, entry: Entry) -> float:
        """Return how many units the difference is; 0 if that is not known."""
        distance = abs(entry.difference) / self.size(entry)
        return distance if math.isfinite(distance) else 0.0


def contenders_of(record: Record) -> list[Contender]:
    """Return the candidates and groups of a record, in its order; without verdicts each candidate by itself.

    The volumes of a group are those whose names begin with its own, as the command line and `compare` name them.
    """
    waiting = [volume.name for volume in record.volumes[1:]]
    found: list[Contender] = []
    for verdict in record.verdicts:
        group = verdict.candidate
        members = tuple(name for name in waiting if name == group or re.match(rf"{re.escape(group)}(:| \d+$)", name))
        if group in waiting:
            members = (group,)
        waiting = [name for name in waiting if name not in members]
        found.append(Contender(group, len(found) + 1, members, verdict))
    for name in waiting:
        found.append(Contender(name, len(found) + 1, (name,)))
    return found


def series_of(record: Record, contenders: Sequence[Contender]) -> dict[str, int]:
    """Return the number of the colour of each volume, 0 for the reference."""
    series = {name: contender.series for contender in contenders for name in contender.members}
    return {volume.name: series.get(volume.name, 0) for volume in record.volumes}


def anchor(metric: str, phase: str) -> str:
    """Return the id of the place where a quantity is shown.

    Examples
    --------
    >>> anchor("interfacial_area", "pore|solid phase")
    'q-interfacial_area-pore-solid-phase'
    """
    return "-".join(filter(None, ["q", metric, re.sub(r"[^\w]+", "-", phase, flags=re.ASCII).strip("-")]))
