"""A volume as an array of xarray."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from microchar.core.errors import MissingDependencyError

if TYPE_CHECKING:
    import xarray

    from microchar.core.volume import Volume

_DIMENSIONS = ("z", "y", "x")


def import_xarray() -> ModuleType:
    """Return xarray; raise MissingDependencyError if it is not installed."""
    try:
        import xarray
    except ImportError as error:
        raise MissingDependencyError("to_xarray: needs xarray, which is not installed: pip install xarray") from error
    return xarray


def as_data_array(volume: Volume) -> xarray.DataArray:
    """Return the grey values of a volume with the positions of the voxels as coordinates; see `Volume.to_xarray`."""
    axes = [axis for axis in range(3) if volume.shape[axis] > 1 or volume.grid.ndim != 2]
    names = [_DIMENSIONS[axis] for axis in axes]
    coordinates: dict[str, Any] = {}
    for axis, name in zip(axes, names, strict=True):
        centres = (np.arange(volume.shape[axis]) + 0.5) * volume.voxel_size[axis]
        coordinates[name] = (name, centres, {"units": volume.unit})
    shape = [volume.shape[axis] for axis in axes]
    if volume.mask is not None:
        coordinates["mask"] = (names, volume.mask.reshape(shape))
    attributes = {"phases": list(volume.phases), "grey_values": list(volume.grey_values)}
    array: xarray.DataArray = import_xarray().DataArray(
        np.asarray(volume.values).reshape(shape), coordinates, names, name=volume.name, attrs=attributes
    )
    return array
