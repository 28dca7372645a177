"""`StoredVoxels`: the voxels of a volume that stay in their file, and are read a box at a time, by any process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from microchar.core.grid import Triple, triple


class Source(Protocol):
    """Where voxels are read; it can be pickled, and is small: another process reads the same voxels."""

    def read(self, start: Triple, stop: Triple) -> np.ndarray:
        """Return the voxels of a box as stored."""


@dataclass(frozen=True, eq=False)
class StoredVoxels:
    """A three-dimensional array that is read from its source where it is indexed.

    It stands for an array as `Volume.values`: it has a shape and a data type, slices give
    arrays, and NumPy's functions read it whole.

    Parameters
    ----------
    source : Source
    start : tuple of int
        Where the array begins in the source.
    shape : tuple of int
    dtype : dtype
        Data type of what is returned; the source may store another one.
    above : float, optional
        If it is given, voxels read 1 where the source has a larger number, else 0.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import microchar as mc
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mc.write_volume(np.eye(8, dtype=np.uint8), f"{folder}/diagonal.tif")
    ...     voxels = mc.read_volume(f"{folder}/diagonal.tif", on_disk=True).values
    ...     voxels.shape, voxels[:, 2:4, 3:6].tolist()
    ((1, 8, 8), [[[0, 0, 0], [1, 0, 0]]])
    """

    source: Source
    start: Triple
    shape: Triple
    dtype: np.dtype[Any]
    above: float | None = None

    ndim = 3

    @property
    def size(self) -> int:
        """Number of voxels."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        del copy  # what is read is a copy, or is mapped
        return np.asarray(self.read((0, 0, 0), self.shape), dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        parts = (*(key if isinstance(key, tuple) else (key,)), *[slice(None)] * 3)[:3]
        if not all(isinstance(part, slice) and (part.step or 1) > 0 for part in parts):
            return np.asarray(self)[key]
        ranges = [part.indices(n) for part, n in zip(parts, self.shape, strict=True)]
        box = self.read(triple(a for a, _, _ in ranges), triple(max(a, b) for a, b, _ in ranges))
        return box[tuple(slice(None, None, step) for _, _, step in ranges)]

    def read(self, start: Triple, stop: Triple) -> np.ndarray:
        """Return the voxels of a box that lies in the array."""
        first, last = ([a + b for a, b in zip(self.start, end, strict=True)] for end in (start, stop))
        stored = self.source.read(triple(first), triple(last))
        return stored.astype(self.dtype, copy=False) if self.above is None else (stored > self.above).view(self.dtype)

    def part(self, start: Sequence[int], stop: Sequence[int]) -> StoredVoxels:
        """Return a box of the array, which stays in its file, too."""
        first = triple(a + b for a, b in zip(self.start, start, strict=True))
        return replace(self, start=first, shape=triple(b - a for a, b in zip(start, stop, strict=True)))

    def astype(self, dtype: Any) -> StoredVoxels:
        """Return the array with another data type."""
        return replace(self, dtype=np.dtype(dtype))

    def segmented(self, above: float) -> StoredVoxels:
        """Return an array that reads 1 where this one has a larger number than `above`, else 0."""
        return replace(self, dtype=np.dtype(np.uint8), above=above)
