"""The first table of the report: headline values of the reference and the candidates, and how far apart they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from microchar.core.result import Profile, Result
from microchar.core.units import pretty_unit
from microchar.measurement.metric import profile_gap
from microchar.report.notation import number, percent, signed
from microchar.report.panels import AXES, CDF, Found, Plain, cell, described, in_order, labels

#: How many of the largest differences are named above the table.
_NAMED = 5


def glance(metrics: Sequence[Found], names: Sequence[str], phases: Sequence[str]) -> dict[str, Any]:
    """Return the rows by phase, and for each candidate what differs most.

    Parameters
    ----------
    metrics : sequence of Found
        Those that belong into the table, in order.
    names : sequence of str
        The volumes, the reference first.
    phases : sequence of str
        In order; values of none of them (pairs of phases, the whole volume) come last.
    """
    rows = [row for found in metrics for row in (*_value_rows(found, names), *_profile_rows(found, names))]
    groups = []
    for phase in [*phases, None]:
        own = [row for row in rows if (row["phase"] == phase if phase else row["phase"] not in phases)]
        if own:
            groups.append({"phase": phase, "rows": own})
    return {
        "groups": groups,
        "largest": [{"name": name, "rows": _largest(rows, place)} for place, name in enumerate(names[1:])],
    }


def _largest(rows: Iterable[Mapping[str, Any]], place: int) -> list[dict[str, Any]]:
    shares = [(abs(row["candidates"][place]["share"] or 0.0), row) for row in rows]
    largest: dict[str, dict[str, Any]] = {}
    for share, row in sorted(shares, key=lambda pair: -pair[0]):
        # One of each metric: what differs is seldom alone in that over phases and axes.
        if share > 0:
            largest.setdefault(row["id"], {**row, "relative": row["candidates"][place]["relative"]})
    return list(largest.values())[:_NAMED]


def _row(found: Found, key: tuple[str, ...], unit: str, **more: Any) -> dict[str, Any]:
    phase, feature, estimator, direction = key
    return {
        **found.heading,
        "phase": phase,
        "detail": described(
            phase if "|" in phase else "", feature, estimator, direction if direction in AXES else "all"
        ),
        # The rows of an axis each bear one name together.
        "continued": direction in AXES[1:],
        "unit": pretty_unit(unit),
        **more,
    }


def _value_rows(found: Found, names: Sequence[str]) -> list[dict[str, Any]]:
    entries, symbol = found.entries("values"), found.heading["symbol"]
    if found.entries("profiles"):
        symbol = ""  # it is the function's, and these are its moments
    rows = []
    for key in _headline(entries):
        by_volume = entries[key]
        real = by_volume.get(names[0])
        unit = next(iter(by_volume.values()))["unit"]
        candidates = [_difference(real, by_volume.get(name)) for name in names[1:]]
        row = _row(found, key, unit, reference=cell(real), candidates=candidates, distance=False)
        rows.append(row | {"symbol": symbol})
    return rows


def _headline(keys: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Choose for each phase what a metric lists first, and of its directions the mean or, without one, every axis."""
    by_phase: dict[str, list[tuple[str, ...]]] = {}
    for key in keys:
        by_phase.setdefault(key[0], []).append(key)
    chosen = []
    for group in by_phase.values():
        first = [key for key in group if key[:3] == group[0][:3]]
        best = in_order({key[3] for key in first})[0]
        chosen += [key for key in first if key[3] == best or (best in AXES and key[3] in AXES)]
    return chosen


def _difference(real: Plain | None, fake: Plain | None) -> dict[str, Any]:
    a = real["value"] if real else None
    b = fake["value"] if fake else None
    gap = b - a if a is not None and b is not None else None
    share = None if gap is None else gap / abs(a) if a else 0.0 if gap == 0 else None
    return {
        "value": cell(fake),
        "difference": signed(gap),
        "share": share,
        "relative": percent(share),
        "bar": _bar(share),
    }


def _bar(share: float | None) -> float:
    return round(100 * min(abs(share), 1.0), 1) if share is not None else 0.0


def _profile_rows(found: Found, names: Sequence[str]) -> list[dict[str, Any]]:
    results = [found.result(name) for name in names]
    if results[0] is None or len(names) == 1:
        return []
    by_label = {labels(vars(profile)): profile for profile in results[0].profiles}
    cumulative = [key for key in by_label if key[1] == CDF]
    rows = []
    for key in _headline(cumulative or by_label):
        if key[3] not in AXES:
            candidates = [_distance(by_label[key], _profile(result, key)) for result in results[1:]]
            rows.append(_row(found, key, by_label[key].unit, reference=None, candidates=candidates, distance=True))
    return rows


def _profile(result: Result | None, key: tuple[str, ...]) -> Profile | None:
    found = [profile for profile in result.profiles if labels(vars(profile)) == key] if result else []
    return found[0] if found else None


def _distance(real: Profile, fake: Profile | None) -> dict[str, Any]:
    """Return the largest difference of two profiles, and its share of the range of the reference."""
    defined = fake is not None and np.isfinite(real.y).any() and np.isfinite(fake.y).any()
    gap = profile_gap(real, fake) if fake is not None and defined else None
    span = float(np.nanmax(real.y) - np.nanmin(real.y)) if defined else 0.0
    share = gap / span if gap is not None and span else None
    relative = percent(share).lstrip("+")
    return {
        "value": None,
        "difference": number(gap, 3),
        "share": share,
        "relative": f"{relative} of range" if relative else "",
        "bar": _bar(share),
    }
