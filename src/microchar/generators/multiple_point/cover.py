"""`Cover`: the positions of overlapping patches in a generated volume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple

#: Label of a voxel that no patch has reached yet.
UNKNOWN = 254
#: Known voxels of a patch: positions relative to its corner, and labels.
HardData = list[tuple[Triple, int]]


@dataclass(frozen=True)
class Patch:
    """A placed patch: the positions of its corner in the generated volume and in the training image."""

    corner: Triple
    origin: Triple


@dataclass(frozen=True)
class Cover:
    """A volume covered by patches of equal shape.

    Parameters
    ----------
    shape, patch : tuple of int
        Of the volume and of the patches.
    periodic : tuple of int
        Axes along which patches continue beyond the last face at the first one.
    starts : tuple of tuple of int
        Positions at which patches start along each axis.
    """

    shape: Triple
    patch: Triple
    periodic: tuple[int, ...]
    starts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, shape: Triple, patch: int, overlap: int, periodic: Sequence[int]) -> Cover:
        """Cover a volume with as few patches as the overlap allows, of at most `patch` voxels along each axis."""
        around = tuple(axis for axis in periodic if shape[axis] > 1)
        plan = [_along(n, patch, overlap, axis in around) for axis, n in enumerate(shape)]
        for axis in around:
            if plan[axis][0] >= shape[axis]:
                raise InputError(
                    f"shape={shape}: axis {axis} is too short to be periodic with an overlap of {overlap} voxels; "
                    f"expected at least {2 * overlap + 2} voxels, or a smaller overlap"
                )
        return cls(shape, (plan[0][0], plan[1][0], plan[2][0]), around, tuple(starts for _, starts in plan))

    def corners(self) -> Iterator[Triple]:
        """Return the corners of the patches in raster order."""
        return product(*self.starts)  # type: ignore[return-value]

    def box(self, corner: Triple, size: Sequence[int], margin: int = 0) -> tuple[np.ndarray, ...]:
        """Return the index of a box of voxels in an array with a margin at every face.

        The box includes the same margin. Beyond a face of a periodic axis it
        contains voxels from the other end of the volume, elsewhere those of the
        margin of the array.
        """
        along = []
        for axis, (start, length) in enumerate(zip(corner, size, strict=True)):
            positions = np.arange(start - margin, start + length + margin)
            along.append(margin + (positions % self.shape[axis] if axis in self.periodic else positions))
        return np.ix_(*along)

    def displacements(self, here: Triple, there: Sequence[Triple]) -> np.ndarray:
        """Return the shortest displacements from other voxels to a voxel, along each axis."""
        displacements = np.array(here) - np.array(there, int).reshape(-1, 3)
        for axis in self.periodic:
            n = self.shape[axis]
            displacements[:, axis] = (displacements[:, axis] + n // 2) % n - n // 2
        return displacements


def _along(n: int, patch: int, overlap: int, periodic: bool) -> tuple[int, tuple[int, ...]]:
    """Return length and starts of the patches along an axis; neighbours share at least the overlap."""
    step = patch - overlap
    if periodic:
        count = max(2, -(-n // step))
        return -(-n // count) + overlap, tuple(number * n // count for number in range(count))
    if n <= patch:
        return n, (0,)
    count = -(-(n - overlap) // step)
    length = -(-(n - overlap) // count) + overlap
    return length, tuple(number * (n - length) // (count - 1) for number in range(count))
