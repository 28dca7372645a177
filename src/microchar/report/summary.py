"""Everything that the report page shows, as one dict: texts, table cells and the figures to draw."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from microchar.core.pictures import decode, encode
from microchar.core.result import Status
from microchar.core.text import by
from microchar.core.units import pretty_unit
from microchar.measurement.record import Record, VolumeRecord
from microchar.measurement.tables import Named
from microchar.report.figures import DASHES, GLOW, N_COLOURS
from microchar.report.glance import glance_table
from microchar.report.metric_results import MetricResults, group_by_metric
from microchar.report.notation import described
from microchar.report.panels import curves, dots, table, values_by_volume
from microchar.report.verdicts import conclusions, words


def summarize(record: Record, viewer: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return everything that the page shows.

    Parameters
    ----------
    record : Record
    viewer : mapping, optional
        What `microchar.report.viewer.content.viewer_of` returned, to be shown instead of
        the recorded slices.

    Returns
    -------
    dict
        Texts as they are shown, and for each figure the dict that
        `microchar.report.figures.draw` takes.
    """
    volumes = record.volumes
    names = [volume.name for volume in volumes]
    series = {name: index for index, name in enumerate(names)}
    single = group_by_metric(named for named in record.results if not named.reference)
    pairs = [named for named in record.results if named.reference]
    shown = {section: [metric for metric in single if _section(metric) == section] for section in _SECTIONS}
    headlines = [metric for metric in single if metric.first.kind != "table" and not _on_grey(metric)]
    return {
        "title": _title(names),
        "provenance": _provenance(record),
        "volumes": [_volume(volume, index) for index, volume in enumerate(volumes)],
        "comparing": len(names) > 1,
        "notes": list(record.notes),
        "verdicts": conclusions(record.verdicts),
        "failed": [{"where": _pair(named), "message": named.result.message} for named in record.failed],
        "glance": glance_table(headlines, names, [phase.name for phase in volumes[0].phases], words(record.verdicts)),
        "slices": _slices(volumes),
        "viewer": viewer,
        "curves": [
            metric.heading | curves(metric, series) | {"numbers": values_by_volume(metric, names)}
            for metric in shown["curves"]
        ],
        "scalars": [_dots(metric, series) for metric in shown["scalars"]],
        "along_axes": [_dots(metric, series) for metric in shown["along axes"]],
        "tables": [metric.heading | _texture(metric) for metric in shown["tables"]],
        "pairs": _pairs(pairs),
        "conventions": [metric.heading | {"rows": _conventions(metric)} for metric in group_by_metric(record.results)],
        "statuses": _statuses(record.results),
    }


# --- which section shows a metric --------------------------------------------

_SECTIONS = ("curves", "scalars", "along axes", "tables", "none")


def _section(metric: MetricResults) -> str:
    if metric.profiles:
        return "curves"
    if not metric.values:
        return "none"
    if metric.first.kind == "table" or _on_grey(metric):
        return "tables"
    return "along axes" if metric.has_axes else "scalars"


def _on_grey(metric: MetricResults) -> bool:
    return any("grey levels" in result.convention for result in metric.by_volume.values())


# --- what was compared -------------------------------------------------------


def _title(names: Sequence[str]) -> dict[str, str]:
    first, *others = names
    return {"first": first, "others": others[0] if len(others) == 1 else f"{len(others)} candidates" if others else ""}


def _provenance(record: Record) -> dict[str, Any]:
    facts = dict(record.provenance)
    words = {"version": "microchar", "created": "measured", "seed": "seed", "python": "Python", "numpy": "NumPy"}
    command = facts.pop("command", "")
    ordered = [key for key in words if key in facts] + [key for key in facts if key not in words]
    shown = [f"{words.get(key, key)} {facts[key]}" for key in ordered if facts[key] not in (None, "")]
    settings = ", ".join(f"{key} = {value}" for key, value in record.settings.items())
    return {"command": command, "facts": [*shown, f"settings: {settings or 'defaults'}"]}


def _volume(volume: VolumeRecord, index: int) -> dict[str, Any]:
    unit = pretty_unit(volume.unit)
    sizes = volume.voxel_size
    known = volume.unit != "voxel" or set(sizes) != {1.0}
    return {
        "name": volume.name,
        "role": volume.role,
        **_style(index),
        "path": volume.path,
        "sha256": volume.sha256,
        "shape": by(volume.shape),
        "voxel_size": f"{by(sizes[:1] if len(set(sizes)) == 1 else sizes)} {unit}"
        if known
        else "not known: lengths are in voxels",
        "extent": f"{by(_lengths(volume))} {unit}" if known else "",
        "phases": [
            {
                "name": phase.name,
                "grey_value": phase.grey_value,
                "swatch": level,
                "labelled": phase.name != str(phase.grey_value),
            }
            for phase, level in zip(volume.phases, _levels(len(volume.phases)), strict=True)
        ],
        "masked": volume.masked,
        "notes": list(volume.notes),
    }


def _lengths(volume: VolumeRecord) -> list[float]:
    """Return the lengths of the volume's edges, in its unit."""
    return [n * size for n, size in zip(volume.shape, volume.voxel_size, strict=True)]


def _style(index: int) -> dict[str, int]:
    """Return the numbers of a volume's colour and dashes; those of the reference are 0."""
    turn, colour = divmod(index - 1, N_COLOURS)
    return {"series": colour + 1, "dash": turn % len(DASHES)} if index else {"series": 0, "dash": 0}


def _levels(n_phases: int) -> list[int]:
    return [index * 255 // max(n_phases - 1, 1) for index in range(n_phases)]


# --- slices ------------------------------------------------------------------


def _slices(volumes: Sequence[VolumeRecord]) -> dict[str, Any]:
    """Return the slices by axis, all on one scale: widths in percent of the widest."""
    widest = max((_extent(volume, axis)[1] for volume in volumes for axis in volume.slices), default=1.0)
    unit = volumes[0].unit
    rows = []
    for axis in sorted({axis for volume in volumes for axis in volume.slices}):
        images = [_slice(volume, index, axis, widest) for index, volume in enumerate(volumes) if axis in volume.slices]
        down, right = (a for a in range(3) if a != int(axis))
        rows.append({"axis": axis, "down": down, "right": right, "images": images})
    bar = _round_length(widest / 4)
    return {
        "rows": rows,
        "bar": f"{100 * bar / widest:.2f}",
        "bar_length": f"{bar:g} {pretty_unit(unit)}{'s' if unit == 'voxel' else ''}",
    }


def _slice(volume: VolumeRecord, index: int, axis: str, widest: float) -> dict[str, Any]:
    height, width = _extent(volume, axis)
    return {
        "name": volume.name,
        **_style(index),
        "png": volume.slices[axis],
        "width": f"{100 * width / widest:.2f}",
        "aspect": f"{width:g} / {height:g}",
        "where": f"plane {volume.slice_positions[axis]} of {volume.shape[int(axis)]}",
    }


def _extent(volume: VolumeRecord, axis: str) -> tuple[float, float]:
    """Return height and width of the slice normal to an axis."""
    height, width = (length for a, length in enumerate(_lengths(volume)) if a != int(axis))
    return height, width


def _round_length(length: float) -> float:
    """Return the largest of 1, 2, 5 × 10^n that is not longer."""
    power = 10.0 ** math.floor(math.log10(length))
    return max(step * power for step in (1, 2, 5) if step * power <= length or step == 1)


# --- dots and pictures -------------------------------------------------------


def _dots(metric: MetricResults, series: dict[str, int]) -> dict[str, Any]:
    return metric.heading | {"figures": dots(metric, series), "pictures": _pictures(metric)}


def _pictures(metric: MetricResults) -> list[dict[str, Any]]:
    """Return the pictures: those of one phase and axis together, one for each volume."""
    return [
        {
            "name": described(key),
            "images": [
                {
                    "name": volume,
                    "png": encode(GLOW[decode(picture.png)]),
                    "aspect": picture.aspect,
                    "caption": picture.caption,
                }
                for volume, picture in by_volume.items()
            ],
        }
        for key, by_volume in metric.pictures.items()
    ]


# --- texture, pairs ----------------------------------------------------------


def _texture(metric: MetricResults) -> dict[str, Any]:
    features = {key.feature for key in metric.values}
    grey = metric.first.convention.get("grey levels", "")
    return table(metric, "feature" if len(features) > 1 else "estimator") | {"grey": grey}


def _pairs(results: Sequence[Named]) -> list[dict[str, Any]]:
    baselines = {_pair(named) for named in results if named.baseline}
    tables = []
    for metric in group_by_metric(results, _pair):
        content = table(metric, "direction")
        rows = [row | {"baseline": row["name"] in baselines} for row in content["rows"]]
        tables.append(metric.heading | content | {"rows": rows})
    return tables


def _pair(named: Named) -> str:
    return f"{named.volume} against {named.reference}" if named.reference else named.volume


# --- conventions and statuses ------------------------------------------------


def _conventions(metric: MetricResults) -> list[tuple[str, str]]:
    """Return the metric's conventions; where they differ between volumes, with the names of the volumes."""
    conventions: dict[str, dict[str, list[str]]] = {}
    for name, result in metric.by_volume.items():
        for key, text in result.convention.items():
            conventions.setdefault(key, {}).setdefault(text, []).append(name)
    return [
        (
            key,
            "; ".join(text if len(texts) == 1 else f"{text} ({', '.join(names)})" for text, names in texts.items()),
        )
        for key, texts in conventions.items()
    ]


def _statuses(results: Iterable[Named]) -> list[dict[str, Any]]:
    """Return what could not be computed: one entry for each metric, status and reason."""
    entries: dict[tuple[str, Status, str], dict[str, dict[str, None]]] = {}
    for named in results:
        result = named.result
        of_all = [(result.status, result.message, "")]
        of_entries = [
            (entry.status, entry.message, described(entry.key)) for entry in (*result.values, *result.profiles)
        ]
        for status, message, what in of_all + of_entries:
            if status != Status.OK:
                volumes = entries.setdefault((result.title, status, message), {})
                volumes.setdefault(_pair(named), {})[what] = None
    return [
        {
            "title": title,
            "status": status.replace("_", " "),
            "meaning": status.meaning,
            "message": message,
            "where": [{"volume": volume, "labels": "; ".join(filter(None, what))} for volume, what in volumes.items()],
        }
        for (title, status, message), volumes in entries.items()
    ]
