"""MATLAB: one variable of a .mat file of version 5 or 7.3, ``file.mat::name``."""

from __future__ import annotations

from pathlib import Path

from microchar.core.errors import InputError
from microchar.io.formats import hdf5
from microchar.io.formats._datasets import choose_array
from microchar.io.image import DAMAGE, Image, Options, Stored

FORMAT = "MATLAB"
SUFFIXES = (".mat", ".mat:")


def read(path: Path, options: Options) -> Image:
    """Read a variable; axes are in MATLAB's order: rows are axis 0, columns axis 1, pages axis 2."""
    with path.open("rb") as file:
        start = file.read(128)
    if start.startswith(b"MATLAB 7.3") or start[:8] == b"\x89HDF\r\n\x1a\n":
        values = hdf5.read(path, options).values
        assert isinstance(values, Stored)
        return Image(values.transposed())  # MATLAB's first axis runs fastest, HDF5's last
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import MatReadError

    try:
        shapes = {name: tuple(shape) for name, shape, kind in whosmat(path) if kind not in _OTHER}
        name = choose_array(path, shapes, options.key)
        return Image(loadmat(path, variable_names=[name])[name])
    except InputError:
        raise
    except (MatReadError, TypeError, *DAMAGE) as error:
        raise InputError(f"{path}: not a MATLAB file, or damaged ({error}); save it again") from error


#: Kinds of MATLAB's variables that are no arrays of numbers.
_OTHER = ("char", "cell", "struct", "object", "function", "opaque", "sparse", "unknown")
