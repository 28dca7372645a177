"""Measurements in a few lines of text, as they show themselves in a notebook or at the prompt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from microchar.core.result import Result, Status, Value
from microchar.core.text import aligned, by
from microchar.core.volume import Volume
from microchar.measurement.directions import headlines
from microchar.measurement.metric import profile_gap

#: Largest number of phases, or of volumes, that are shown beside each other.
_MOST = 4


def about(volume: Volume) -> str:
    """Return name, shape and voxel size of a volume."""
    size = by(volume.voxel_size[:1] if len(set(volume.voxel_size)) == 1 else volume.voxel_size)
    return f"{volume.name}: {by(volume.shape)} voxels" + (f" of {size} {volume.unit}" if volume.unit != "voxel" else "")


def measured_lines(results: Iterable[Result]) -> list[str]:
    """Return a line for each metric: its headline value for each phase."""
    return aligned([[result.metric, _headline_text(result)] for result in results])


def difference_lines(reference: Mapping[str, Result], candidates: Mapping[str, Mapping[str, Result]]) -> list[str]:
    """Return a line for each metric: its largest headline difference for each candidate, relative to the reference."""
    shown = dict(list(candidates.items())[:_MOST])
    rows = [["", *shown]]
    rows += [[name, *(_difference(result, of[name]) for of in shown.values())] for name, result in reference.items()]
    lines = aligned(rows)
    return lines if len(shown) == len(candidates) else [*lines, f"and {len(candidates) - len(shown)} more candidates"]


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
