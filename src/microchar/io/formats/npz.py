"""Archives of NumPy arrays (.npz)."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from microchar.core.errors import InputError
from microchar.io.formats.npy import header
from microchar.io.image import Image, Options, refuse_beyond_memory

FORMAT = "NumPy archive"
SUFFIXES = (".npz", ".npz:")


def read(path: Path, options: Options) -> Image:
    """Read the only array or, if there are several, the array named after the colon."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = _member(path, [name.removesuffix(".npy") for name in archive.namelist()], options.key)
            with archive.open(f"{member}.npy") as file:
                shape, fortran_order, dtype = header(file, f"{path}:{member}")
                refuse_beyond_memory(path, shape, dtype)
                voxels = np.frombuffer(file.read(), dtype)
        return Image(voxels.reshape(shape, order="F" if fortran_order else "C"))
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
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
