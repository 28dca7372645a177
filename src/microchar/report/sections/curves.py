"""The curves: those that were compared, with the band of the reference and residuals, and those that were measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microchar.core.result import Key, Profile
from microchar.core.units import pretty_unit
from microchar.core.verdict import Curve, Entry
from microchar.measurement.record import Record
from microchar.report.metric_results import MetricResults
from microchar.report.notation import described
from microchar.report.sections.contenders import Contender, anchor, series_of
from microchar.report.sections.ranges import CDF, x_range, y_range

#: Half width of the band of the reference, in standard errors.
_BAND = 2.0
#: Metrics of which the normalised curve is shown: its name, its symbol, and how it follows from the raw curve.
_NORMALISED = {
    "two_point_correlation": ("Normalised covariance", "ρ(r) = (S₂ − φ²) / (φ − φ²)"),
    "lineal_path": ("Lineal path, normalised", "L(r) / φ"),
    "two_point_cluster": ("Two-point cluster function, normalised", "C₂(r) / φ"),
}
#: The distribution that is shown with the curves that were compared.
_DISTRIBUTION = "chord_length_distribution"
#: Number of figures that are not folded.
_UNFOLDED = 4
#: Metrics whose chords and paths tell which of two phases informs.
_OF_INFORMING_PHASE = ("lineal_path", "chord_length_distribution", "euler_characteristic", "volume_fraction")


@dataclass(frozen=True, eq=False)
class Line:
    """A curve of one volume or contender; its differences from the reference in standard errors, where known."""

    name: str
    series: int
    x: np.ndarray
    y: np.ndarray
    residual: np.ndarray | None = None


def informing_phases(record: Record, contenders: Sequence[Contender]) -> list[str]:
    """Return the phases whose curves are shown: of two phases one, since the curves of the other follow from it.

    Parameters
    ----------
    record : Record
    contenders : sequence of Contender
    """
    phases = [phase.name for phase in record.volumes[0].phases]
    if len(phases) != 2:
        return phases
    for metric in _OF_INFORMING_PHASE:
        for contender in contenders:
            for entry in contender.entries:
                if entry.metric == metric and entry.phase in phases:
                    return [entry.phase]
    shares = {
        value.phase: value.value
        for named in record.results
        if named.result.metric == "volume_fraction" and named.volume == record.volumes[0].name
        for value in named.result.values
        if value.value is not None
    }
    return [min(phases, key=lambda phase: shares.get(phase, 1.0))]


def main_curves(
    record: Record, contenders: Sequence[Contender], metrics: Sequence[MetricResults], phases: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the figures of the curves at equal volume fraction: those that decide, then those that describe.

    Parameters
    ----------
    record : Record
    contenders : sequence of Contender
    metrics : sequence of MetricResults
    phases : sequence of str
        Phases that are shown.

    Returns
    -------
    list of dict
        ``id``, ``name``, ``metric``, ``phase``, ``figure`` and ``note`` of each.
    """
    by_id = {metric.first.metric: metric for metric in metrics}
    series = series_of(record, contenders)
    figures = _compared(record, contenders)
    decided = {figure["metric"] for figure in figures}
    for name in _NORMALISED:
        if name in by_id and name not in decided:
            figures += _derived(by_id[name], series, phases)
    if _DISTRIBUTION in by_id:
        figures += _distributions(by_id[_DISTRIBUTION], series, phases)
    return [{**figure, "folded": place >= _UNFOLDED} for place, figure in enumerate(figures)]


def _compared(record: Record, contenders: Sequence[Contender]) -> list[dict[str, Any]]:
    """Return the figures of the profiles that decide, the most significant first."""
    found: dict[tuple[str, str, str], list[tuple[Contender, Entry, Curve]]] = {}
    for contender in contenders:
        for entry in contender.entries:
            if entry.curve is not None and len(entry.curve.x):
                key = (entry.metric, entry.phase, entry.curve.direction)
                found.setdefault(key, []).append((contender, entry, entry.curve))
    ordered = sorted(found.values(), key=lambda same: min(entry.p for _, entry, _ in same))
    return [_of_contenders(record.volumes[0].name, same) for same in ordered]


def _of_contenders(reference: str, same: Sequence[tuple[Contender, Entry, Curve]]) -> dict[str, Any]:
    """Return the figure of one profile of one phase. The band is that of the candidate with the most lags."""
    lines = []
    for contender, _, curve in same:
        x, expected, y, error = (np.array(n) for n in (curve.x, curve.reference, curve.candidate, curve.standard_error))
        lines.append(Line(contender.name, contender.series, x, y, _residual(y, expected, error)))
    _, entry, longest = max(same, key=lambda each: len(each[2].x))
    band = np.array(longest.x), np.array(longest.reference), np.array(longest.standard_error)
    lines.insert(0, Line(reference, 0, *band[:2]))
    name, symbol = _NORMALISED.get(entry.metric, (entry.title, ""))
    return {
        **_heading(entry.metric, entry.phase, name, longest.direction),
        "figure": _figure(lines, band, symbol, f"r ({pretty_unit(longest.unit)})", name),
        "note": "band: ± 2 standard errors of the difference",
    }


def _derived(metric: MetricResults, series: Mapping[str, int], phases: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the normalised curves of a metric; the errors of their differences are not known."""
    name, symbol = _NORMALISED[metric.first.metric]
    for key, by_volume in metric.profiles.items():
        if key.phase not in phases or key.direction not in ("mean", "all"):
            continue
        lines = []
        for volume, profile in by_volume.items():
            y = _normalised(metric.first.metric, profile)
            if y is not None:
                known = np.isfinite(y) & np.isfinite(profile.x)
                lines.append(Line(volume, series[volume], profile.x[known], y[known]))
        if lines:
            x_label = f"r ({pretty_unit(next(iter(by_volume.values())).x_unit)})"
            yield {
                **_heading(metric.first.metric, key.phase, name, key.direction),
                "figure": _figure(lines, None, symbol, x_label, name),
                "note": "",
            }


def _normalised(metric: str, profile: Profile) -> np.ndarray | None:
    if not len(profile.y) or not 0 < profile.y[0] < 1:
        return None
    phi = profile.y[0]
    return (profile.y - phi**2) / (phi - phi**2) if metric == "two_point_correlation" else profile.y / phi


def _distributions(metric: MetricResults, series: Mapping[str, int], phases: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the cumulative distributions."""
    for key, by_volume in metric.profiles.items():
        if key.feature == CDF and key.phase in phases and key.direction == "mean":
            lines, band = with_residuals(by_volume, series)
            if lines:
                x_label = f"chord ({pretty_unit(next(iter(by_volume.values())).x_unit)})"
                title = metric.first.title
                yield {
                    **_heading(metric.first.metric, key.phase, title, key.direction),
                    "figure": _figure(lines, band, "share of chords not longer", x_label, title),
                    "note": "band: ± 2 standard errors of the reference" if band else "",
                }


def with_residuals(
    by_volume: Mapping[str, Profile], series: Mapping[str, int]
) -> tuple[list[Line], tuple[np.ndarray, np.ndarray, np.ndarray] | None]:
    """Return measured curves as lines, with residuals where both have standard errors, and the band of the reference.

    Parameters
    ----------
    by_volume : mapping of str to Profile
    series : mapping of str to int
        Number of the colour of each volume; that of the reference is 0.
    """
    reference = next((profile for volume, profile in by_volume.items() if series[volume] == 0), None)
    lines, band = [], None
    for volume, profile in by_volume.items():
        known = np.isfinite(profile.x) & np.isfinite(profile.y)
        if not known.any():
            continue
        residual = None
        if profile is reference:
            if profile.standard_error is not None:
                certain = known & np.isfinite(profile.standard_error)
                band = (profile.x[certain], profile.y[certain], profile.standard_error[certain])
        elif reference is not None:
            residual = _measured_residual(profile, reference)
        lines.append(
            Line(
                volume,
                series[volume],
                profile.x[known],
                profile.y[known],
                None if residual is None else residual[known],
            )
        )
    return sorted(lines, key=lambda line: line.series), band


def _measured_residual(profile: Profile, reference: Profile) -> np.ndarray | None:
    """Return the difference of two measured curves over its standard error, at the lags of the first."""
    if profile.standard_error is None or reference.standard_error is None or len(reference.x) < 2:
        return None
    expected = np.interp(profile.x, reference.x, reference.y, left=np.nan, right=np.nan)
    error = np.interp(profile.x, reference.x, reference.standard_error, left=np.nan, right=np.nan)
    residual = _residual(profile.y, expected, np.hypot(error, profile.standard_error))
    return residual if np.isfinite(residual).any() else None


def _residual(y: np.ndarray, reference: np.ndarray, error: np.ndarray) -> np.ndarray:
    return np.divide(y - reference, error, out=np.full(len(y), np.nan), where=error > 0)


def _heading(metric: str, phase: str, name: str, direction: str) -> dict[str, str]:
    where = described(Key(direction=direction))
    place = f"{anchor(metric, phase)}-{direction}".replace("q-", "curve-", 1)
    return {
        "id": place,
        "metric": metric,
        "phase": phase,
        "name": name,
        "where": ", ".join(filter(None, [phase, where])),
    }


def _figure(
    lines: Sequence[Line],
    band: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
    y_label: str,
    x_label: str,
    alt: str,
) -> dict[str, Any]:
    plain = plain_lines(lines)
    return {
        "type": "curves",
        "size": "large",
        "title": "",
        "lines": plain,
        "band": as_band(band),
        "x_label": x_label,
        "y_label": y_label,
        "x_range": x_range(plain),
        "y_range": y_range([y for line in plain for y in line["y"]]),
        "alt": alt,
    }


def plain_lines(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return lines as figures take them."""
    return [
        {
            "name": line.name,
            "series": line.series,
            "x": line.x.tolist(),
            "y": line.y.tolist(),
            "residual": None if line.residual is None else line.residual.tolist(),
        }
        for line in lines
    ]


def as_band(band: tuple[np.ndarray, np.ndarray, np.ndarray] | None) -> dict[str, list[float]] | None:
    """Return the edges of the band around a curve with standard errors."""
    if band is None or not len(band[0]):
        return None
    x, y, error = band
    error = np.nan_to_num(error)
    return {"x": x.tolist(), "lower": (y - _BAND * error).tolist(), "upper": (y + _BAND * error).tolist()}
