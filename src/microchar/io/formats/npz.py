"""Archives of NumPy arrays (.npz)."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np

from microchar.core.errors import InputError
from microchar.io.formats.npy import header
from microchar.io.image import DAMAGE, Image, Options, refuse_beyond_memory

FORMAT = "NumPy archive"
SUFFIXES = (".npz", ".npz:")


def read(path: Path, options: Options) -> Image:
    """Read the only array or, if there are several, the array named after the colon."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            member = _member(path, [name.removesuffix(".npy") for name in names], options.key)
            with archive.open(f"{member}.npy") as file:
                shape, fortran_order, dtype = header(file, f"{path}:{member}")
                refuse_beyond_memory(path, shape, dtype)
                # What is compressed may be a million times longer than its file and than its header says.
                expected = math.prod(shape) * dtype.itemsize
                content = file.read(expected + 1)
            if len(content) != expected:
                found = f"{len(content)} bytes" if len(content) < expected else "more"
                raise InputError(
                    f"{path}:{member}: the header promises {expected} bytes, found {found}; "
                    "save it again with np.savez_compressed"
                )
            voxels = np.frombuffer(content, dtype)
        return Image(voxels.reshape(shape, order="F" if fortran_order else "C"))
    except InputError:
        raise
    except (zipfile.BadZipFile, *DAMAGE) as error:
        raise InputError(
            f"{path}: not a NumPy archive, or damaged ({error}); save it again with np.savez_compressed"
        ) from error


def _member(path: Path, names: list[str], key: str) -> str:
    if key:
        if key not in names:
            raise InputError(f"{path}: has no array {key!r}; it holds {', '.join(sorted(names)) or 'none'}")
        return key
    if len(names) != 1:
        advice = f"; name one, as in '{path}:{sorted(names)[0]}'" if names else ""
        raise InputError(f"{path}: holds {len(names)} arrays ({', '.join(sorted(names))}), expected one{advice}")
    return names[0]
