"""From the results to the one dict that the page is made of: what each section shows, in words and figures to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from microchar.core.pictures import decode, encode
from microchar.core.result import Status
from microchar.core.units import pretty_unit
from microchar.report.figures import DASHES, GLOW, N_COLOURS
from microchar.report.glance import glance
from microchar.report.panels import Found, Plain, curves, described, dots, group, has_axes, labels, table
from microchar.report.panels import values_by_volume as numbers


def summarize(results: Plain) -> dict[str, Any]:
    """Return all that the page shows.

    Parameters
    ----------
    results : mapping
        The content of ``results.json``.

    Returns
    -------
    dict
        Text ready to be shown, and for each figure the dict that
        `microchar.report.figures.draw` reads.
    """
    names = [volume["name"] for volume in results["volumes"]]
    series = {name: place for place, name in enumerate(names)}
    single = group(result for result in results["results"] if not result["reference"])
    pairs = [result for result in results["results"] if result["reference"]]
    shown = {section: [found for found in single if _section(found) == section] for section in _SECTIONS}
    phases = [phase["name"] for phase in results["volumes"][0]["phases"]]
    return {
        "title": _title(results["volumes"]),
        "provenance": _provenance(results),
        "volumes": [_volume(volume, place) for place, volume in enumerate(results["volumes"])],
        "comparing": len(names) > 1,
        "notes": results["notes"],
        "glance": glance([f for f in single if f.any["kind"] != "table" and not _on_grey(f)], names, phases),
        "slices": _slices(results["volumes"]),
        "curves": [f.heading | curves(f, series) | {"numbers": numbers(f, series)} for f in shown["curves"]],
        "scalars": [f.heading | {"figures": dots(f, series), "pictures": _pictures(f)} for f in shown["scalars"]],
        "along_axes": [f.heading | {"figures": dots(f, series), "pictures": _pictures(f)} for f in shown["along axes"]],
        "tables": [f.heading | _texture(f) for f in shown["tables"]],
        "pairs": _pairs(pairs),
        "conventions": [f.heading | {"rows": _conventions(f)} for f in group(results["results"])],
        "statuses": _statuses(results["results"]),
    }


# --- which section shows a metric --------------------------------------------

_SECTIONS = ("curves", "scalars", "along axes", "tables", "none")


def _section(found: Found) -> str:
    if any(result["profiles"] for result in found.by_volume.values()):
        return "curves"
    if not any(result["values"] for result in found.by_volume.values()):
        return "none"
    if found.any["kind"] == "table" or _on_grey(found):
        return "tables"
    return "along axes" if has_axes(found) else "scalars"


def _on_grey(found: Found) -> bool:
    return "grey levels" in found.any["convention"]


# --- what was compared -------------------------------------------------------


def _title(volumes: Sequence[Plain]) -> dict[str, str]:
    first, *others = (volume["name"] for volume in volumes)
    return {"first": first, "others": others[0] if len(others) == 1 else f"{len(others)} candidates" if others else ""}


def _provenance(results: Plain) -> dict[str, Any]:
    made = dict(results["provenance"])
    words = {
        "version": "microchar {}",
        "created": "measured {}",
        "seed": "seed {}",
        "python": "Python {}",
        "numpy": "NumPy {}",
    }
    command = made.pop("command", "")
    ordered = [key for key in words if key in made] + [key for key in made if key not in words]
    facts = [words.get(key, key + " {}").format(made[key]) for key in ordered if made[key] not in (None, "")]
    given = ", ".join(f"{key} = {value}" for key, value in results["settings"].items())
    return {"command": command, "facts": [*facts, f"settings: {given or 'defaults'}"]}


def _volume(volume: Plain, place: int) -> dict[str, Any]:
    unit = volume["unit"]
    sizes = volume["voxel_size"]
    extent = [n * size for n, size in zip(volume["shape"], sizes, strict=True)]
    known = unit != "voxel" or set(sizes) != {1.0}
    equal = sizes[:1] if len(set(sizes)) == 1 else sizes
    return {
        "name": volume["name"],
        "role": volume["role"],
        **_style(place),
        "path": volume["path"],
        "sha256": volume["sha256"],
        "shape": _by(volume["shape"]),
        "voxel_size": f"{_by(equal)} {pretty_unit(unit)}" if known else "not known: lengths are in voxels",
        "extent": f"{_by(extent)} {pretty_unit(unit)}" if known else "",
        "phases": [
            phase | {"swatch": level, "labelled": phase["name"] != str(phase["grey_value"])}
            for phase, level in zip(volume["phases"], _levels(len(volume["phases"])), strict=True)
        ],
        "masked": volume["masked"],
        "notes": volume["notes"],
    }


def _by(numbers: Sequence[float]) -> str:
    return " × ".join(f"{n:.6g}" for n in numbers)


def _style(place: int) -> dict[str, int]:
    """Return the numbers of a volume's colour and dashes; 0 is the reference."""
    turn, colour = divmod(place - 1, N_COLOURS)
    return {"series": colour + 1, "dash": turn % len(DASHES)} if place else {"series": 0, "dash": 0}


def _levels(n_phases: int) -> list[int]:
    return [place * 255 // max(n_phases - 1, 1) for place in range(n_phases)]


# --- slices ------------------------------------------------------------------


def _slices(volumes: Sequence[Plain]) -> dict[str, Any]:
    """Return the slices axis by axis, all on one scale: widths are shares of the widest."""
    widest = max((_extent(volume, axis)[1] for volume in volumes for axis in volume["slices"]), default=1.0)
    unit = volumes[0]["unit"]
    rows = []
    for axis in sorted({axis for volume in volumes for axis in volume["slices"]}):
        images = []
        for place, volume in enumerate(volumes):
            if axis not in volume["slices"]:
                continue
            height, width = _extent(volume, axis)
            images.append(
                {
                    "name": volume["name"],
                    **_style(place),
                    "png": volume["slices"][axis],
                    "width": f"{100 * width / widest:.2f}",
                    "aspect": f"{width:g} / {height:g}",
                    "where": f"plane {volume['slice_positions'][axis]} of {volume['shape'][int(axis)]}",
                }
            )
        across = [a for a in range(3) if a != int(axis)]
        rows.append({"axis": axis, "down": across[0], "right": across[1], "images": images})
    bar = _round_length(widest / 4)
    return {
        "rows": rows,
        "bar": f"{100 * bar / widest:.2f}",
        "bar_length": f"{bar:g} {pretty_unit(unit)}{'s' if unit == 'voxel' else ''}",
    }


def _extent(volume: Plain, axis: str) -> tuple[float, float]:
    down, right = (
        n * s for a, (n, s) in enumerate(zip(volume["shape"], volume["voxel_size"], strict=True)) if a != int(axis)
    )
    return down, right


def _round_length(length: float) -> float:
    """Return the largest of 1, 2, 5 × 10^n that is not longer."""
    power = 10.0 ** math.floor(math.log10(length))
    return max(step * power for step in (1, 2, 5) if step * power <= length)


# --- pictures of fields ------------------------------------------------------


def _pictures(found: Found) -> list[dict[str, Any]]:
    """Return the pictures of all volumes: those of one phase and axis side by side."""
    entries = found.entries("pictures")
    return [
        {
            "name": described(*key),
            "images": [
                {
                    "name": volume,
                    "png": encode(GLOW[decode(picture["png"])]),
                    "aspect": picture["aspect"],
                    "caption": picture["caption"],
                }
                for volume, picture in by_volume.items()
            ],
        }
        for key, by_volume in entries.items()
    ]


# --- texture, pairs ----------------------------------------------------------


def _texture(found: Found) -> dict[str, Any]:
    results = list(found.by_volume.items())
    features = {value["feature"] for _, result in results for value in result["values"]}
    return table(results, "feature" if len(features) > 1 else "estimator") | {
        "grey": found.any["convention"].get("grey levels", "")
    }


def _pairs(results: Sequence[Plain]) -> list[dict[str, Any]]:
    by_metric: dict[str, list[Plain]] = {}
    for result in results:
        by_metric.setdefault(result["metric"], []).append(result)
    baselines = {_pair(result) for result in results if result["baseline"]}
    tables = []
    for found in by_metric.values():
        shown = table([(_pair(result), result) for result in found], "direction")
        rows = [row | {"baseline": row["name"] in baselines} for row in shown["rows"]]
        tables.append(Found(found[0], {}).heading | shown | {"rows": rows})
    return tables


def _pair(result: Plain) -> str:
    return f"{result['volume']} against {result['reference']}" if result["reference"] else result["volume"]


# --- conventions and statuses ------------------------------------------------


def _conventions(found: Found) -> list[tuple[str, str]]:
    """Return what the metric's numbers mean; where volumes differ, what holds for each."""
    rows: dict[str, dict[str, list[str]]] = {}
    for name, result in found.by_volume.items():
        for key, text in result["convention"].items():
            rows.setdefault(key, {}).setdefault(text, []).append(name)
    return [
        (
            key,
            next(iter(texts))
            if len(texts) == 1
            else "; ".join(f"{text} ({', '.join(n)})" for text, n in texts.items()),
        )
        for key, texts in rows.items()
    ]


def _statuses(results: Sequence[Plain]) -> list[dict[str, Any]]:
    """Return what could not be computed: one entry for each metric, status and reason."""
    entries: dict[tuple[str, ...], dict[str, dict[str, None]]] = {}
    for result in results:
        volume = _pair(result)
        for entry in (result, *result["values"], *result["profiles"]):
            if entry["status"] != "ok":
                key = (result["title"], entry["status"], entry["message"])
                what = described(*labels(entry)) if entry is not result else ""
                entries.setdefault(key, {}).setdefault(volume, {})[what] = None
    return [
        {
            "title": title,
            "status": status.replace("_", " "),
            "meaning": Status(status).meaning,
            "message": message,
            "where": [{"volume": volume, "labels": "; ".join(filter(None, what))} for volume, what in volumes.items()],
        }
        for (title, status, message), volumes in entries.items()
    ]
