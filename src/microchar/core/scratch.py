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
            raise NotEnoughMemoryError(
                f"{tempfile.gettempdir()}: a temporary file of {needed / 1e9:.2g} GB cannot be made "
                f"({error.strerror or error}); make room, or name another folder in the environment variable TMPDIR"
            ) from error
    return np.asarray(mapped)
