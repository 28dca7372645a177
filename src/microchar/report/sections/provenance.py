"""Where everything came from: volumes, command, versions, conventions, what could not be computed, how to cite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from microchar.core.result import Status
from microchar.core.text import by
from microchar.core.units import pretty_unit
from microchar.measurement.record import Record, VolumeRecord
from microchar.measurement.tables import Named
from microchar.report.metric_results import MetricResults
from microchar.report.notation import described
from microchar.report.palette import phase_colours, series_style
from microchar.report.sections.slices import lengths

#: How facts of the provenance are named.
_WORDS = {"version": "microchar", "created": "measured", "seed": "seed", "python": "Python", "numpy": "NumPy"}


def provenance_of(record: Record) -> dict[str, Any]:
    """Return the command, the versions and the settings."""
    facts = {key: value for key, value in record.provenance.items() if key not in ("command", "measured_apart")}
    ordered = [key for key in _WORDS if key in facts] + [key for key in facts if key not in _WORDS]
    shown = [f"{_WORDS.get(key, key)} {facts[key]}" for key in ordered if facts[key] not in (None, "")]
    settings = ", ".join(f"{key} = {value}" for key, value in record.settings.items())
    return {"command": record.provenance.get("command", ""), "facts": [*shown, f"settings: {settings or 'defaults'}"]}


def citation(record: Record) -> dict[str, str]:
    """Return what to write in a paper: a sentence on the method, and an entry for BibTeX."""
    version = record.provenance.get("version", "")
    created = str(record.provenance.get("created", ""))
    tested = (
        " Differences were tested with standard errors from the spectrum of the cells' influence, at equal volume "
        "fraction, with Holm's correction."
        if record.verdicts
        else ""
    )
    return {
        "text": f"Statistics of the segmented volumes were computed with microchar {version}.{tested} Inputs (sha256): "
        + "; ".join(f"{volume.name} {volume.sha256 or 'not known'}" for volume in record.volumes)
        + ".",
        "bibtex": (
            f"@software{{microchar,\n  author = {{{{The microchar developers}}}},\n  title = {{microchar}},\n"
            f"  version = {{{version}}},\n  year = {{{created[:4]}}}\n}}"
        ),
    }


def volume_cards(volumes: Sequence[VolumeRecord], series: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return what is said of each volume.

    Parameters
    ----------
    volumes : sequence of VolumeRecord
    series : mapping of str to int
        The number of each volume's colour.
    """
    return [_card(volume, series[volume.name]) for volume in volumes]


def _card(volume: VolumeRecord, series: int) -> dict[str, Any]:
    unit = pretty_unit(volume.unit)
    sizes = volume.voxel_size
    known = volume.unit != "voxel" or set(sizes) != {1.0}
    colours = phase_colours(len(volume.phases))
    return {
        "name": volume.name,
        "role": volume.role,
        **series_style(series),
        "path": volume.path,
        "sha256": volume.sha256,
        "shape": by(volume.shape),
        "voxel_size": f"{by(sizes[:1] if len(set(sizes)) == 1 else sizes)} {unit}"
        if known
        else "not known: lengths are in voxels",
        "extent": f"{by(lengths(volume))} {unit}" if known else "",
        "phases": [
            {
                "name": phase.name,
                "grey_value": phase.grey_value,
                "swatch": colour,
                "labelled": phase.name != str(phase.grey_value),
            }
            for phase, colour in zip(volume.phases, colours, strict=True)
        ],
        "masked": volume.masked,
        "notes": list(volume.notes),
    }


def pair_name(named: Named) -> str:
    """Return the name of a volume, or of a pair of volumes."""
    return f"{named.volume} against {named.reference}" if named.reference else named.volume


def conventions(metric: MetricResults) -> list[tuple[str, str]]:
    """Return the metric's conventions; where they differ between volumes, with the names of the volumes."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, result in metric.by_volume.items():
        for key, text in result.convention.items():
            found.setdefault(key, {}).setdefault(text, []).append(name)
    return [
        (
            key,
            "; ".join(text if len(texts) == 1 else f"{text} ({', '.join(names)})" for text, names in texts.items()),
        )
        for key, texts in found.items()
    ]


def statuses(results: Iterable[Named]) -> list[dict[str, Any]]:
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
                volumes.setdefault(pair_name(named), {})[what] = None
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
