"""Zarr 2 and 3, and OME-Zarr: an array of a store, ``folder.zarr::group/array``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.io.formats._datasets import choose_array
from microchar.io.image import DAMAGE, Box, Image, Options, Stored, optional, phases_from, phases_text, stated_size

FORMAT = "Zarr"
SUFFIXES = (".zarr/", ".zarr:")

#: OME-Zarr's names of the units of length that microchar knows by others.
_UNITS = {"micrometer": "um", "nanometer": "nm", "millimeter": "mm", "centimeter": "cm", "meter": "m"}
_UNITS |= {"picometer": "pm", "micron": "um"}


def read(path: Path, options: Options) -> Image:
    """Find the array that is named, the store itself, or the full resolution of an OME-Zarr image."""
    zarr = optional("zarr", path)
    with _reading(path):
        store = zarr.open(str(path), mode="r")
        array, about = _chosen(zarr, store, path, options.key)
        shape = tuple(int(n) for n in array.shape)
        return Image(
            Stored(path, shape, np.dtype(array.dtype), partial(_load, path, array)),
            **_size(about),
            phases=phases_from(str(array.attrs.get("phases", "")), path),
            files=sorted(file for file in path.rglob("*") if file.is_file()),
        )


def _load(path: Path, array: Any, box: Box) -> np.ndarray:
    with _reading(path):
        return np.asarray(array[box])


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except (TypeError, AttributeError, *DAMAGE) as error:
        why = str(error) or type(error).__name__
        raise InputError(f"{path}: not a Zarr store, or damaged ({why}); export it again") from error


def write(path: Path, image: Image) -> None:
    """Write an OME-Zarr image of one resolution, with voxel size and phase names."""
    group = _image_group(path, image.voxel_size or (1.0, 1.0, 1.0), image.unit)
    _name_phases(group.create_array("0", data=image.read()), image.phases)


def create_tiled(
    path: Path,
    shape: Sequence[int],
    dtype: np.dtype[Any],
    tile: Sequence[int],
    *,
    voxel_size: tuple[float, float, float],
    unit: str,
    phases: Mapping[str, int],
) -> None:
    """Write the store that `write` would write, without voxels, and with a chunk for each tile."""
    array = _image_group(path, voxel_size, unit).create_array("0", shape=shape, chunks=tuple(tile), dtype=dtype)
    _name_phases(array, phases)


def write_tile(path: Path, box: Box, values: np.ndarray) -> None:
    """Write the voxels of one tile, or several, of a store that `create_tiled` made."""
    optional("zarr", path).open_array(str(path / "0"), mode="r+")[box] = values


def _image_group(path: Path, voxel_size: tuple[float, float, float], unit: str) -> Any:
    zarr = optional("zarr", path)
    units = {short: long for long, short in _UNITS.items() if long != "micron"}
    axes: list[dict[str, str]] = [{"name": name, "type": "space"} for name in "zyx"]
    if unit in units:
        axes = [axis | {"unit": units[unit]} for axis in axes]
    scale = {"type": "scale", "scale": list(voxel_size)}
    datasets = [{"path": "0", "coordinateTransformations": [scale]}]
    group = zarr.open_group(str(path), mode="w")
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"name": "volume", "axes": axes, "datasets": datasets}]}
    return group


def _name_phases(array: Any, phases: Mapping[str, int]) -> None:
    if phases:
        array.attrs["phases"] = phases_text(phases)


def _chosen(zarr: Any, store: Any, path: Path, key: str) -> tuple[Any, Mapping[str, Any]]:
    """Return the array, and what OME metadata say of it."""
    if not hasattr(store, "keys"):
        return store, {}
    attributes = dict(store.attrs)
    scales = attributes.get("ome", attributes).get("multiscales", [])
    if scales and not key:
        first = scales[0]["datasets"][0]
        return store[first["path"]], {"axes": scales[0].get("axes", []), **first}
    arrays = {name: item for name, item in store.members(max_depth=None) if isinstance(item, zarr.Array)}
    return store[choose_array(path, {name: item.shape for name, item in arrays.items()}, key)], {}


def _size(about: Mapping[str, Any]) -> dict[str, Any]:
    scales = [step["scale"] for step in about.get("coordinateTransformations", []) if step.get("type") == "scale"]
    axes = about.get("axes", [])
    if not scales or len(axes) != len(scales[0]):
        return {}
    spatial = [(size, axis) for size, axis in zip(scales[0], axes, strict=True) if axis.get("type") == "space"]
    units = {str(axis.get("unit", "")) for _, axis in spatial}
    if len(spatial) != 3 or len(units) != 1:
        return {}
    unit = units.pop()
    return stated_size([size for size, _ in spatial], _UNITS.get(unit, unit), "OME-Zarr metadata")
