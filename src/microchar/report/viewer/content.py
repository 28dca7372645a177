"""What the viewer shows, as one dict: packed volumes, layers of differences, still pictures and texts."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from microchar.core.text import by
from microchar.core.units import pretty_unit
from microchar.core.volume import Volume
from microchar.report.palette import phase_colours
from microchar.report.viewer.maps import Layer, difference_layers
from microchar.report.viewer.packing import Packed, pack
from microchar.report.viewer.still import AZIMUTH, ELEVATION, VOXELS, still_picture

#: Characters that the packed volumes may take: pages stay below 15 MB and, light, below 3 MB.
_BUDGET, _LIGHT_BUDGET = 12_000_000, 2_000_000
#: Voxels of all volumes together, which the browser holds in memory, a byte each.
_MOST_VOXELS = 1 << 27
#: Largest number of volumes, the reference among them.
_MOST_VOLUMES = 4


def viewer_of(volumes: Sequence[Volume], *, light: bool = False) -> dict[str, Any] | None:
    """Return what the template ``viewer.html`` shows of some volumes; None of volumes that are a line or a voxel.

    Parameters
    ----------
    volumes : sequence of Volume
        Of the same phases and voxel size, the reference first. Of more than four, four
        are shown; those with other axes than the reference are left out.
    light : bool
        Whether to stay below 3 MB, with larger voxels if need be.
    """
    reference = volumes[0]
    if reference.grid.ndim < 2:
        return None
    alike = [volume for volume in volumes if volume.grid.axes == reference.grid.axes]
    # Spread over the list, in which the samples of one generator, or several scans, follow each other.
    shown = [alike[n] for n in np.linspace(0, len(alike) - 1, min(len(alike), _MOST_VOLUMES)).round().astype(int)]
    hidden = _most_frequent(reference) if reference.n_phases > 1 else None
    colours = phase_colours(reference.n_phases)
    levels = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in colours], np.uint8)
    solid = reference.grid.ndim == 3
    with ThreadPoolExecutor(1) as beside:
        stills = [beside.submit(still_picture, volume, hidden, levels) for volume in shown] if solid else []
        factor, packed = _packed(shown, _LIGHT_BUDGET if light else _BUDGET)
        layers = difference_layers(shown) if len(shown) > 1 else []
    return {
        "names": [volume.name for volume in shown],
        "axes": [0, 1, 2] if solid else [reference.shape.index(1)],
        "sizes": [_size(volume) for volume in shown],
        "left_out": len(volumes) - len(shown),
        "factor": factor,
        "phases": [{"name": name, "colour": c} for name, c in zip(reference.phases, colours, strict=True)],
        "masked": any(volume.mask is not None for volume in shown),
        "hidden": hidden,
        "layers": [layer.title for layer in layers],
        "stills": [still.result() for still in stills],
        "still_voxels": VOXELS,
        "data": {
            "names": [volume.name for volume in shown],
            "voxels": [list(volume.shape) for volume in shown],
            "packed": [{"shape": list(p.shape), "lengths": p.lengths, "labels": p.labels} for p in packed],
            "factor": factor,
            "phases": list(reference.phases),
            "colours": levels.tolist(),
            "voxelSize": list(reference.voxel_size),
            "unit": pretty_unit(reference.unit),
            "view": [AZIMUTH, ELEVATION],
            "layers": [_layer(layer, shown) for layer in layers],
        },
    }


def _packed(volumes: Sequence[Volume], budget: int) -> tuple[int, list[Packed]]:
    """Pack all volumes by the smallest factor with which they keep within the budget."""
    voxels = sum(volume.values.size for volume in volumes)
    factor = 1
    while voxels / factor ** volumes[0].grid.ndim > _MOST_VOXELS:
        factor += 1
    while True:
        packed = []
        for volume in volumes:
            packed.append(pack(volume, factor))
            if sum(one.size for one in packed) > budget:
                break
        else:
            return factor, packed
        factor += 1


def _most_frequent(volume: Volume) -> int:
    """Return the label of the most frequent phase among every fourth voxel along each axis."""
    every = np.s_[::4, ::4, ::4]
    mask = None if volume.mask is None else volume.mask[every]
    labels = replace(volume, values=volume.values[every], mask=mask, grey=None).read()
    return int(np.argmax(np.bincount(labels[labels < volume.n_phases], minlength=volume.n_phases)))


def _size(volume: Volume) -> str:
    known = volume.unit != "voxel"
    lengths = [n * size for n, size in zip(volume.shape, volume.voxel_size, strict=True)]
    extent = f", {by(lengths)} {pretty_unit(volume.unit)}" if known else ""
    return f"{by(volume.shape)} voxels{extent}"


def _layer(layer: Layer, volumes: Sequence[Volume]) -> dict[str, Any]:
    """Return a layer as the page reads it: of each map the numbers 0 (below), 1 (within) and 2 (above)."""
    itself = f"Of {volumes[0].name} itself {_percent(layer.shares[0])} of the windows lie outside."
    others = [
        f"Of {volume.name} {_percent(share)} of the windows lie outside, of {volumes[0].name} itself "
        f"{_percent(layer.shares[0])}."
        for volume, share in zip(volumes[1:], layer.shares[1:], strict=True)
    ]
    return {
        "window": list(layer.window),
        "sentences": [f"{layer.sentence} {shares}" for shares in (itself, *others)],
        "maps": [
            {"shape": list(one.shape), "values": base64.b64encode((one + 1).astype(np.uint8).tobytes()).decode("ascii")}
            for one in layer.maps
        ],
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
