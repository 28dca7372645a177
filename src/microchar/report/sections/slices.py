"""The middle slices of the volumes, all on one scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from microchar.core.pictures import decode, encode
from microchar.core.units import pretty_unit
from microchar.measurement.record import VolumeRecord
from microchar.report.palette import PHASES, series_style


def slice_rows(volumes: Sequence[VolumeRecord], series: Mapping[str, int]) -> dict[str, Any]:
    """Return the slices by axis: widths in percent of the widest.

    Parameters
    ----------
    volumes : sequence of VolumeRecord
    series : mapping of str to int
        The number of each volume's colour.
    """
    widest = max((extent(volume, axis)[1] for volume in volumes for axis in volume.slices), default=1.0)
    unit = volumes[0].unit
    rows = []
    for axis in sorted({axis for volume in volumes for axis in volume.slices}):
        images = [_slice(volume, series[volume.name], axis, widest) for volume in volumes if axis in volume.slices]
        down, right = (a for a in range(3) if a != int(axis))
        rows.append({"axis": axis, "down": down, "right": right, "images": images})
    bar = _round_length(widest / 4)
    return {
        "rows": rows,
        "bar": f"{100 * bar / widest:.2f}",
        "bar_length": f"{bar:g} {pretty_unit(unit)}{'s' if unit == 'voxel' else ''}",
    }


def _slice(volume: VolumeRecord, series: int, axis: str, widest: float) -> dict[str, Any]:
    height, width = extent(volume, axis)
    return {
        "name": volume.name,
        **series_style(series),
        "png": encode(PHASES[decode(volume.slices[axis])]),
        "width": f"{100 * width / widest:.2f}",
        "aspect": f"{width:g} / {height:g}",
        "where": f"plane {volume.slice_positions[axis]} of {volume.shape[int(axis)]}",
    }


def lengths(volume: VolumeRecord) -> list[float]:
    """Return the lengths of the volume's edges, in its unit."""
    return [n * size for n, size in zip(volume.shape, volume.voxel_size, strict=True)]


def extent(volume: VolumeRecord, axis: str) -> tuple[float, float]:
    """Return height and width of the slice normal to an axis."""
    height, width = (length for a, length in enumerate(lengths(volume)) if a != int(axis))
    return height, width


def _round_length(length: float) -> float:
    """Return the largest of 1, 2, 5 × 10^n that is not longer."""
    power = 10.0 ** math.floor(math.log10(length))
    return max(step * power for step in (1, 2, 5) if step * power <= length or step == 1)
