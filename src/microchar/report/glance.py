"""The first table of the report: headline values of the reference and the candidates, and their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microchar.core.result import Key, Profile, Value
from microchar.core.units import pretty_unit
from microchar.measurement.directions import AXES, any_direction, direction_rank, headlines
from microchar.measurement.metric import profile_gap
from microchar.report.metric_results import MetricResults
from microchar.report.notation import described, number, percent, signed
from microchar.report.panels import CDF, cell

#: How many of the largest differences are named above the table.
_N_LARGEST = 5


def glance_table(
    metrics: Sequence[MetricResults],
    volumes: Sequence[str],
    phases: Sequence[str],
    words: Mapping[tuple[str, str, str], str],
) -> dict[str, Any]:
    """Return the rows by phase.

    Parameters
    ----------
    metrics : sequence of MetricResults
        Those that belong in the table, in its order.
    volumes : sequence of str
        Names of the volumes, the reference first.
    phases : sequence of str
        Names of the phases in the order of the table. Rows of no single phase
        (pairs of phases, the whole volume) come last.
    words : mapping
        Word of the quantities that decide, by candidate, metric and phase.
    """
    rows = [row for metric in metrics for row in (*_value_rows(metric, volumes), *_profile_rows(metric, volumes))]
    by_phase = [(phase, [row for row in rows if row["phase"] == phase]) for phase in phases]
    rest = (None, [row for row in rows if row["phase"] not in phases])
    for row in rows:
        for name, candidate in zip(volumes[1:], row["candidates"], strict=False):
            candidate["word"] = "" if row["continued"] else words.get((name, row["id"], row["phase"]), "")
    return {
        "groups": [{"phase": phase, "rows": members} for phase, members in (*by_phase, rest) if members],
    }


def _row(metric: MetricResults, key: Key, unit: str, **columns: Any) -> dict[str, Any]:
    shown = key._replace(
        phase=key.phase if "|" in key.phase else "",
        direction=key.direction if key.direction in AXES else "all",
    )
    return {
        **metric.heading,
        "phase": key.phase,
        "detail": described(shown),
        # The rows of the axes share the name in the first of them.
        "continued": key.direction in AXES[1:],
        "unit": pretty_unit(unit),
        **columns,
    }


def _value_rows(metric: MetricResults, volumes: Sequence[str]) -> list[dict[str, Any]]:
    # Where there are profiles, the symbol denotes the function, and the values are its moments.
    symbol = "" if metric.profiles else metric.heading["symbol"]
    rows = []
    for key in headlines(metric.values):
        by_volume = metric.values[key]
        reference = by_volume.get(volumes[0])
        unit = next(iter(by_volume.values())).unit
        candidates = [_difference(reference, by_volume.get(name)) for name in volumes[1:]]
        row = _row(metric, key, unit, reference=cell(reference), candidates=candidates, distance=False)
        rows.append(row | {"symbol": symbol})
    return rows


def _difference(reference: Value | None, candidate: Value | None) -> dict[str, Any]:
    a = reference.value if reference else None
    b = candidate.value if candidate else None
    gap = b - a if a is not None and b is not None else None
    share = None if gap is None else gap / abs(a) if a else 0.0 if gap == 0 else None
    return {
        "value": cell(candidate),
        "difference": signed(gap),
        "share": share,
        "relative": percent(share),
        "bar": _bar(share),
    }


def _bar(share: float | None) -> float:
    return round(100 * min(abs(share), 1.0), 1) if share is not None else 0.0


def _profile_rows(metric: MetricResults, volumes: Sequence[str]) -> list[dict[str, Any]]:
    reference, *candidates = volumes
    if not candidates:
        return []
    of_reference = {key: by_volume[reference] for key, by_volume in metric.profiles.items() if reference in by_volume}
    cumulative = [key for key in of_reference if key.feature == CDF]
    rows = []
    for key in headlines(cumulative or of_reference):
        if key.direction not in AXES:
            same = [other for other in of_reference if any_direction(other) == any_direction(key)]
            directions = sorted(same, key=lambda other: direction_rank(other.direction))
            distances = [_distance(metric, directions, reference, name) for name in candidates]
            rows.append(_row(metric, key, of_reference[key].unit, reference=None, candidates=distances, distance=True))
    return rows


def _distance(metric: MetricResults, directions: Sequence[Key], reference: str, candidate: str) -> dict[str, Any]:
    """Return the largest difference of two functions over all directions, as a share of the range of the reference.

    The mean over directions would hide a difference along one of them.
    """
    gaps = [
        (profile_gap(a, b), key, a)
        for key in directions
        for a, b in [(metric.profiles[key][reference], metric.profiles[key].get(candidate))]
        if b is not None and np.isfinite(a.y).any() and np.isfinite(b.y).any()
    ]
    gap, share, where = None, None, ""
    if gaps:
        gap, key, profile = max(gaps, key=lambda entry: entry[0])
        share = _share_of_range(gap, profile)
        where = described(Key(direction=key.direction)) if gap and len(gaps) > 1 else ""
    of_range = f"{percent(share).lstrip('+')} of range" if share is not None else ""
    return {
        "value": None,
        "difference": number(gap, 3),
        "share": share,
        "relative": ", ".join(part for part in (of_range, where) if part),
        "bar": _bar(share),
    }


def _share_of_range(gap: float, profile: Profile) -> float | None:
    defined = profile.y[np.isfinite(profile.y)]
    span = float(defined.max() - defined.min())
    return gap / span if span else None
