"""Measurements and comparisons as one plain dict: the content of ``results.json``."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from microchar.pictures import encode
from microchar.tables import Named
from microchar.volume import Volume

SCHEMA = "microchar.results/1"
#: The files that a volume came from, as in `Volume.source`.
_FILES = ("path", "sha256", "mask", "mask_sha256", "grey", "grey_sha256")


def record(
    volumes: Sequence[Mapping[str, Any]],
    results: Sequence[Named],
    settings: Mapping[str, Any],
    provenance: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Put descriptions of volumes and results together."""
    from microchar import __version__

    return {
        "schema": SCHEMA,
        "provenance": {
            "version": __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "numpy": np.__version__,
            **provenance,
        },
        "settings": {key: _plain(value) for key, value in settings.items()},
        "volumes": list(volumes),
        "results": [
            {
                "volume": named.volume,
                "reference": named.reference,
                "baseline": named.baseline,
                **named.result.to_dict(),
            }
            for named in results
        ],
        "notes": list(notes),
    }


def describe(volume: Volume, role: str) -> dict[str, Any]:
    """Describe a volume: where it came from, its lattice, its phases, and a slice along each axis."""
    slices = _slices(volume)
    return {
        "name": volume.name,
        "role": role,
        **{key: volume.source.get(key, "") for key in _FILES},
        "shape": list(volume.shape),
        "voxel_size": list(volume.voxel_size),
        "unit": volume.unit,
        "phases": [
            {"name": name, "grey_value": int(grey)}
            for name, grey in zip(volume.phases, volume.grey_values, strict=True)
        ],
        "masked": volume.mask is not None,
        "notes": list(volume.notes),
        "slices": {str(axis): image for axis, (_, image) in slices.items()},
        "slice_positions": {str(axis): position for axis, (position, _) in slices.items()},
    }


def _slices(volume: Volume) -> dict[int, tuple[int, str]]:
    # The middle slice normal to each axis; a 2D image has only one.
    axes = [a for a in range(3) if volume.grid.ndim == 3 or volume.shape[a] == 1]
    found = {}
    for axis in axes[:3]:
        position = volume.shape[axis] // 2
        start = [0, 0, 0]
        stop = list(volume.shape)
        start[axis], stop[axis] = position, position + 1
        found[axis] = (position, encode(replace(volume, grey=None).grey_levels(start, stop).squeeze(axis)))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
