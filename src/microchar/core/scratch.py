"""Arrays of the size of a volume: those that are not small are mapped from temporary files."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from microchar.core.errors import NotEnoughMemoryError

#: Bytes up to which an array stays in memory.
IN_MEMORY = 5 * 10**8
#: An array that grows stays in memory up to this part of it: there are several at a time, beside blocks of voxels.
_SMALLER = 8


def scratch_array(shape: Sequence[int], dtype: npt.DTypeLike) -> np.ndarray:
    """Return an array for intermediate results; its contents are undefined.

    One larger than `IN_MEMORY` bytes is mapped from a file without a name, which the system removes when
    the array is gone or the process ends, however it ends. The file is in the folder for
    temporary files (environment variable ``TMPDIR``), which should not be one in memory.

    Parameters
    ----------
    shape : sequence of int
    dtype : dtype

    Raises
    ------
    NotEnoughMemoryError
        If the file does not fit into the folder.
    """
    kind: np.dtype[Any] = np.dtype(dtype)
    needed = math.prod(shape) * kind.itemsize
    if needed <= IN_MEMORY:
        return np.empty(tuple(shape), kind)
    with tempfile.TemporaryFile(prefix="microchar-") as file:
        try:
            if hasattr(os, "posix_fallocate"):  # a file with holes on a full disk ends the process
                os.posix_fallocate(file.fileno(), 0, needed)
            mapped = np.memmap(file, kind, "r+" if hasattr(os, "posix_fallocate") else "w+", shape=tuple(shape))
        except OSError as error:
            raise _no_room(needed, error) from error
    return np.asarray(mapped)


def _no_room(needed: int, error: OSError) -> NotEnoughMemoryError:
    return NotEnoughMemoryError(
        f"{tempfile.gettempdir()}: a temporary file of {needed / 1e9:.2g} GB cannot be made "
        f"({error.strerror or error}); make room, or name another folder in the environment variable TMPDIR"
    )


class GrowingArray:
    """An array of one dimension to which parts are appended; on disk, as a `scratch_array`, if it is not small.

    Parameters
    ----------
    dtype : dtype

    Examples
    --------
    >>> array = GrowingArray(np.int32)
    >>> array.append(np.arange(3))
    >>> array.append(np.arange(2))
    >>> array.array(), len(array)
    (array([0, 1, 2, 0, 1], dtype=int32), 5)
    """

    def __init__(self, dtype: npt.DTypeLike):
        self._dtype: np.dtype[Any] = np.dtype(dtype)
        self._length = 0
        self._parts: list[np.ndarray] = []
        self._file: Any = None

    def __len__(self) -> int:
        return self._length

    def append(self, part: np.ndarray) -> None:
        """Add an array at the end."""
        self._parts.append(part.astype(self._dtype))
        self._length += len(part)
        needed = self._length * self._dtype.itemsize
        if needed <= IN_MEMORY // _SMALLER:
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="microchar-")  # noqa: SIM115 (`array` closes it)
            for waiting in self._parts:
                self._file.write(waiting.data)
        except OSError as error:
            raise _no_room(needed, error) from error
        self._parts = []

    def array(self) -> np.ndarray:
        """Return the whole array. Nothing is appended afterwards."""
        if self._file is None:
            return np.concatenate([np.empty(0, self._dtype), *self._parts])
        with self._file as file:
            file.flush()
            return np.asarray(np.memmap(file, self._dtype, "r+", shape=(self._length,)))
