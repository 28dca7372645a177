"""`Grid`: the shape and the voxel size of a volume, and the conversion of lengths to voxels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.units import convert, parse_length

T = TypeVar("T")
Triple = tuple[int, int, int]
#: A length argument: a number of voxels, a text with a unit ("5um"), or one of these for each axis.
LengthLike = float | str | Sequence[float | str]


def triple(values: Iterable[T]) -> tuple[T, T, T]:
    """Return three values, one for each axis, as a tuple whose type has the length three."""
    first, second, third = values
    return first, second, third


@dataclass(frozen=True)
class Grid:
    """Shape and voxel size of a volume, without its voxels.

    Parameters
    ----------
    shape : tuple of int
        Number of voxels along axes 0, 1, 2 = (plane, row, column).
    voxel_size : tuple of float
        Edge lengths of a voxel along axes 0, 1, 2, in `unit`.
    unit : str
        Unit of length; "voxel" if the voxel size is not known.
    """

    shape: Triple
    voxel_size: tuple[float, float, float] = (1.0, 1.0, 1.0)
    unit: str = "voxel"

    @property
    def axes(self) -> tuple[int, ...]:
        """Axes longer than one voxel; all other axes are ignored everywhere."""
        return tuple(a for a in range(3) if self.shape[a] > 1)

    @property
    def ndim(self) -> int:
        """Number of axes longer than one voxel: 3 for a volume, 2 for an image."""
        return len(self.axes)

    @property
    def voxel_volume(self) -> float:
        """Product of the voxel edges along `axes`: the volume of a voxel, or its area in a 2D image."""
        return float(np.prod([self.voxel_size[a] for a in self.axes]))

    def to_voxels(self, length: LengthLike, argument: str) -> Triple:
        """Convert a length argument to the nearest whole number of voxels along each axis (0 along axes of length one).

        A number of voxels and a length with a unit are rounded alike.
        """
        per_axis = _parts(length)
        if len(per_axis) not in (1, 3):
            raise InputError(
                f"{argument}={length!r}: expected one length or one for each of the 3 axes, found {len(per_axis)}"
            )
        per_axis = per_axis * 3 if len(per_axis) == 1 else per_axis
        voxels = [0, 0, 0]
        for axis in self.axes:
            voxels[axis] = self._to_voxels(per_axis[axis], axis, argument)
            if voxels[axis] < 1:
                raise InputError(f"{argument}={length!r}: expected at least one voxel, found {voxels[axis]}")
        return triple(voxels)

    def _to_voxels(self, length: Any, axis: int, argument: str) -> int:
        try:
            number, unit = parse_length(length) if isinstance(length, str) else (length, "voxel")
            if unit != "voxel":
                return round(convert(number, unit, self.unit) / self.voxel_size[axis])
        except InputError as error:
            raise InputError(f"{argument}={length!r}: {error}") from error
        is_number = isinstance(number, int | float | np.integer | np.floating) and not isinstance(number, bool)
        if not is_number or not math.isfinite(number):
            raise InputError(f"{argument}={length!r}: expected a number of voxels or a length such as '5um'")
        return round(number)


def _parts(length: Any) -> list[Any]:
    if isinstance(length, str):
        return length.split(",")
    return list(length) if isinstance(length, Sequence | np.ndarray) else [length]
