"""`GivenSlice`: a slice that a generated volume must contain."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.material import Material
from microchar.core.volume import Volume, as_volume


@dataclass(frozen=True, eq=False)
class GivenSlice:
    """A slice that a generated volume must contain, voxel by voxel.

    Parameters
    ----------
    image : Volume or array_like
        Grey values of the slice, such as `microchar.read_volume` returns of an image: one of
        those of the material for each pixel. Rows and columns are the other axes of the volume in ascending order.
    axis : int
        Axis that the slice is normal to.
    index : int
        Its position along that axis, from 0.

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> given = mc.GivenSlice(np.zeros((32, 48)), axis=1, index=10)
    >>> given.section((32, 64, 48))
    (32, 48)
    """

    image: Any
    axis: int
    index: int

    def section(self, shape: Triple) -> tuple[int, int]:
        """Return the shape of the section of a volume that the slice stands for."""
        rows, columns = (n for axis, n in enumerate(shape) if axis != self.axis)
        return rows, columns

    def labels(self, material: Material, shape: Triple) -> np.ndarray:
        """Return the label of each pixel: uint8, (rows, columns).

        Raises
        ------
        InputError
            If the slice does not fit into a volume of that shape, or has grey values that are not the material's.
        """
        if self.axis not in range(3):
            raise InputError(f"slice at {self.axis}:{self.index}: expected axis 0, 1 or 2")
        if not 0 <= self.index < shape[self.axis]:
            raise InputError(
                f"slice at {self.axis}:{self.index}: expected 0 to {shape[self.axis] - 1} along axis {self.axis} of a "
                f"volume of shape {shape}"
            )
        image = self.image if isinstance(self.image, Volume) else as_volume(self.image)
        values, wanted = np.asarray(image.values), self.section(shape)
        if values.shape != (1, *wanted):
            raise InputError(
                f"slice at {self.axis}:{self.index}: it has {_sizes(values.shape)} pixels, expected {_sizes(wanted)} "
                f"for a volume of shape {shape}; crop the image, or choose another shape"
            )
        known = np.array(material.grey_values)
        found = np.unique(values)
        unknown = [str(value) for value in found if value not in known]
        if unknown or image.mask is not None:
            what = f"grey values {', '.join(unknown)}" if unknown else "pixels outside its mask"
            raise InputError(
                f"slice at {self.axis}:{self.index}: it has {what}, expected the grey values of the material only: "
                f"{', '.join(f'{p}={g}' for p, g in zip(material.phases, material.grey_values, strict=True))}"
            )
        return np.searchsorted(known, values[0]).astype(np.uint8)

    def describe(self) -> dict[str, Any]:
        """Return what identifies the slice, for the source of a volume."""
        values = np.ascontiguousarray(self.image.values if isinstance(self.image, Volume) else self.image)
        return {"axis": self.axis, "index": self.index, "sha256": hashlib.sha256(values.tobytes()).hexdigest()}


def _sizes(lengths: tuple[int, ...]) -> str:
    return " × ".join(map(str, lengths[1:] if len(lengths) == 3 and lengths[0] == 1 else lengths))
