"""Measurements in a few lines of text, as they show themselves in a notebook or at the prompt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from microchar.core.numbers import with_error
from microchar.core.result import Key, Result, Status, Value
from microchar.core.text import aligned
from microchar.core.units import pretty_unit
from microchar.measurement.directions import headlines
from microchar.measurement.metric import profile_gap

T = TypeVar("T")
#: Largest number of phases, or of volumes, that are shown beside each other.
_MOST = 4


def measured_lines(results: Iterable[Result]) -> list[str]:
    """Return a line for each metric: its headline value for each phase."""
    return aligned([[result.metric, _headline_text(result)] for result in results])


def measured_rows(volumes: Sequence[Mapping[str, Result]]) -> list[list[str]]:
    """Return a row for each metric and phase: title, phase, headline values with errors in each volume, and unit."""
    rows = []
    for name, result in volumes[0].items():
        of_phases: dict[str, list[Key]] = {}
        for key in headlines(value.key for value in result.values):
            of_phases.setdefault(key.phase, []).append(key)
        for phase, keys in list(of_phases.items())[:_MOST]:
            unit = pretty_unit(result.value(**keys[0]._asdict()).unit)
            rows.append([result.title, phase, *(_with_errors(of[name], keys) for of in volumes), unit])
        if len(of_phases) > _MOST:
            rows.append([result.title, f"and {len(of_phases) - _MOST} more", *([""] * len(volumes)), ""])
        if not of_phases:
            others = (_difference(result, of[name]) for of in volumes[1:])
            rows.append([result.title, "", _headline_text(result), *others, ""])
    return rows


def _with_errors(result: Result, keys: Sequence[Key]) -> str:
    values = [value for value in result.values if value.key in keys]
    texts = [str(v.status) if v.value is None else with_error(v.value, v.standard_error) for v in values]
    return ", ".join(texts if any(v.value is not None for v in values) else dict.fromkeys(texts)) or str(result.status)


def shown(candidates: Sequence[T]) -> tuple[Sequence[T], list[str]]:
    """Return the candidates that there is room for beside each other, and a note on the others."""
    more = len(candidates) - _MOST
    return candidates[:_MOST], [f"and {more} more candidates"] if more > 0 else []


def difference_lines(reference: Mapping[str, Result], candidates: Mapping[str, Mapping[str, Result]]) -> list[str]:
    """Return a line for each metric: its largest headline difference for each candidate, relative to the reference."""
    names, notes = shown(list(candidates))
    rows = [["", *names]]
    rows += [
        [name, *(_difference(result, candidates[other][name]) for other in names)] for name, result in reference.items()
    ]
    return [*aligned(rows), *notes]


def _headline_text(result: Result) -> str:
    if not (result.values or result.profiles):
        return f"{result.status}: {result.message}"
    if not result.values:
        return f"{len(result.profiles)} profiles"
    by_key = {value.key: value for value in result.values}
    of_phases: dict[str, list[Value]] = {}
    for key in headlines(by_key):
        of_phases.setdefault(key.phase, []).append(by_key[key])
    parts = [f"{phase} {_numbers(values)}".strip() for phase, values in of_phases.items()]
    parts = parts if len(parts) <= _MOST else [*parts[:_MOST], f"and {len(parts) - _MOST} more"]
    first = next(iter(of_phases.values()))[0]
    label = ", ".join(part for part in (first.feature, first.estimator) if part).replace("_", " ")
    return "   ".join(filter(None, [*parts, first.unit, label and f"({label})"]))


def _numbers(values: Sequence[Value]) -> str:
    texts = [str(value.status) if value.value is None else f"{value.value:.4g}" for value in values]
    # A reason is given once for all axes.
    return ", ".join(texts if any(value.value is not None for value in values) else dict.fromkeys(texts))


def _difference(reference: Result, candidate: Result) -> str:
    values = {value.key: value.value for value in candidate.values if value.value is not None}
    known = {value.key: value.value for value in reference.values if value.value is not None}
    gaps = [
        ((values[key] - known[key]) / abs(known[key]), key.phase)
        for key in headlines(known)
        if key in values and known[key]
    ]
    if gaps:
        share, phase = max(gaps, key=lambda gap: abs(gap[0]))
        return f"{100 * share:+.3g} %" + (f" {phase}" if phase else "")
    curves = {profile.key: profile for profile in candidate.profiles}
    both = [(profile_gap(p, curves[p.key]), p.phase) for p in reference.profiles if p.key in curves]
    if both:
        gap, phase = max(both, key=lambda entry: entry[0])
        return f"max |Δ| {gap:.3g} {phase}".strip()
    return str(candidate.status if candidate.status != Status.OK else reference.status)
