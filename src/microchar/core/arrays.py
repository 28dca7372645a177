"""Arrays of other libraries: NumPy's masked arrays, xarray's coordinates, PyTorch's bfloat16."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any, cast

import numpy as np

from microchar.core.errors import InputError
from microchar.core.stored_voxels import StoredVoxels


@dataclass(frozen=True, eq=False)
class PlainArray:
    """An array as NumPy has it, and what came with it.

    Parameters
    ----------
    values : ndarray
    mask : ndarray of bool, optional
        True where values count: the inverse of the mask of a masked array.
    voxel_size : tuple of str, optional
        Distance of the coordinates along each axis, with its unit.
    """

    values: np.ndarray
    mask: np.ndarray | None = None
    voxel_size: tuple[str, ...] | None = None


def plain_array(array: Any, name: str) -> PlainArray:
    """Take an array of any library.

    Parameters
    ----------
    array : array_like
        Anything with ``__array__``: NumPy arrays, masked arrays (their mask is kept),
        xarray's DataArray (voxel size and unit from equally spaced coordinates that have
        ``units``), dask arrays, PyTorch tensors on the CPU.
    name : str
        What it is called in messages.

    Raises
    ------
    InputError
        If no array can be made of it.
    """
    if isinstance(array, str | PathLike):
        raise InputError(
            f"{name}: found {str(array)!r}, expected an array; read volumes by read_volume, models by Generator.load"
        )
    size = _spacing(array) if hasattr(array, "dims") and hasattr(array, "coords") else None
    if isinstance(array, StoredVoxels):  # they serve as an array where volumes are measured, and are not read here
        return PlainArray(cast(np.ndarray, array))
    if isinstance(array, np.ma.MaskedArray):
        mask = None if array.mask is np.ma.nomask else ~np.ma.getmaskarray(array)
        return PlainArray(np.asarray(array.data), mask)
    if str(getattr(array, "dtype", "")) == "torch.bfloat16":  # NumPy has no such type
        array = array.float()
    try:
        values = np.asarray(array)
        if values.dtype == object and values.ndim == 0:
            raise TypeError("it has no elements")
        return PlainArray(values, voxel_size=size)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{name}: cannot make an array of a {type(array).__name__} ({error}); "
            "pass a NumPy array, or a torch tensor as tensor.detach().cpu(); of a network, pass what it makes"
        ) from error


def _spacing(array: Any) -> tuple[str, ...] | None:
    """Return the distance of the coordinates along each axis of a DataArray; None if one axis has none."""
    sizes = []
    for dimension in array.dims:
        coordinates = array.coords.get(dimension)
        unit = "" if coordinates is None else str(coordinates.attrs.get("units", ""))
        steps = np.diff(np.asarray(() if coordinates is None else coordinates, float))
        if not unit or not len(steps) or not np.allclose(steps, steps[0], rtol=1e-3, atol=0) or steps[0] == 0:
            return None
        sizes.append(f"{abs(float(f'{steps.mean():.9g}'))!r}{unit}")
    return tuple(sizes)
