"""`FileSource`: a file from which any process reads the boxes that it needs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.io.dispatch import locate, read_image
from microchar.io.image import Image, Options

#: Number of files that a process holds open, as far as their format needs it.
_OPEN = 16


@dataclass(frozen=True)
class FileSource:
    """Where the voxels of a file, a folder of slices, or a store are read: it holds no voxels, and travels.

    Parameters
    ----------
    path : str
        As `microchar.read_volume` takes it, but absolute: other processes have other working directories.
    options : Options
        How the file is read.
    written : tuple of int
        When the file was written last, in nanoseconds, and its size in bytes.
    """

    path: str
    options: Options
    written: tuple[int, int] = field(default=(0, 0))

    @classmethod
    def of(cls, path: str, options: Options) -> FileSource:
        """Return the source of a file that exists."""
        options = Options(
            options.key,
            None if options.shape is None else tuple(int(n) for n in options.shape),
            None if options.dtype is None else np.dtype(options.dtype).str,
            options.offset,
        )
        absolute = os.path.abspath(path)
        return cls(absolute, options, _written(absolute))

    def read(self, start: Triple, stop: Triple) -> np.ndarray:
        """Return the voxels of a box as stored; raise InputError if the file has changed since the source was made."""
        self._refuse_change()
        try:
            return _opened(self).read(tuple(slice(a, b) for a, b in zip(start, stop, strict=True)))
        finally:  # what is read of a file that is being replaced may be of both files, or look damaged
            self._refuse_change()

    def _refuse_change(self) -> None:
        if _written(self.path) != self.written:
            raise InputError(
                f"{self.path}: has changed since it was opened, or is another file in this process; measure it again"
            )


def _written(path: str) -> tuple[int, int]:
    file, _ = locate(path)
    if not file.exists():  # a glob: its files are looked at one by one as they are read
        return (0, 0)
    status = file.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=_OPEN)
def _opened(source: FileSource) -> Image:
    """Open a file once in every process."""
    return read_image(source.path, source.options)
