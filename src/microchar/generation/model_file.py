"""The format of model files: a safetensors file with the fitted arrays and JSON metadata.

The metadata key ``microchar`` holds a JSON object with ``format`` (1), ``generator``, ``revision`` of the fitted state
(1 if absent), ``parameters``, ``material``, ``history`` (data, seed, numbers about the fit) and ``versions``. This
module does not know what a generator is.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.files import whole_file
from microchar.core.json_text import parse_json
from microchar.core.special_files import refuse_special

FORMAT = 1
#: Larger files are refused unless the caller sets another limit.
MAX_BYTES = 2 * 2**30
_KEY = "microchar"


def write_model(path: Path, metadata: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a model file. If that fails, no file is left behind.

    Parameters
    ----------
    path : Path
    metadata : mapping
        Description of the model, convertible to JSON; format and versions are added.
    arrays : mapping of str to ndarray
    """
    from safetensors.numpy import save

    from microchar import __version__

    versions = {"microchar": __version__, "numpy": np.__version__, "python": platform.python_version()}
    about = {"format": FORMAT, **metadata, "versions": versions}
    content = save(
        {key: np.asarray(array, order="C") for key, array in arrays.items()},
        {_KEY: json.dumps(about, allow_nan=False)},
    )
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def wrote(path: Path) -> bool:
    """Return whether a file is a model that microchar wrote."""
    try:
        with open_model(path, max_bytes=path.stat().st_size):
            return True
    except (InputError, OSError):
        return False


@dataclass(frozen=True, eq=False)
class ModelFile:
    """A model file open for reading.

    Parameters
    ----------
    metadata : mapping
        Description of the model; keys and types have been checked.
    headers : mapping of str to Header
        Data types and shapes of the arrays, which have not been read yet.
    """

    metadata: Mapping[str, Any]
    headers: Mapping[str, Header]
    _file: Any

    def arrays(self) -> dict[str, np.ndarray]:
        """Read all arrays."""
        return {key: self._file.get_tensor(key) for key in self.headers}


@contextmanager
def open_model(path: Path, max_bytes: int = MAX_BYTES) -> Iterator[ModelFile]:
    """Open a model file.

    Parameters
    ----------
    path : Path
    max_bytes : int
        Larger files are refused before anything is read.

    Raises
    ------
    InputError
        If the file is missing, truncated, a pickle, larger than `max_bytes`, of
        another format version, or not a model file at all.
    """
    from safetensors import SafetensorError, safe_open

    refuse_special(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    size = path.stat().st_size
    if size > max_bytes:
        raise InputError(f"{path}: {size} bytes, expected at most {max_bytes} for a model")
    _refuse_pickle(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = _about(file.metadata() or {}, path)
            headers = {key: Header.of(file.get_slice(key)) for key in file.keys()}  # noqa: SIM118 - not a mapping
            yield ModelFile(metadata, headers, file)
    except SafetensorError as error:
        raise InputError(
            f"{path}: truncated, or not a safetensors file ({error}); expected a model that microchar wrote"
        ) from error


def _refuse_pickle(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(9)
    # The first eight bytes of a safetensors file are the length of its JSON header and may look like a pickle.
    if head[8:] != b"{" and (head[:1] == b"\x80" or head[:2] == b"PK"):
        raise InputError(
            f"{path}: looks like a pickle or a torch file, which can run code and is not opened; "
            "expected a safetensors file that microchar wrote"
        )


class Header:
    """Data type and shape of an array that has not been read yet."""

    _DTYPES: Mapping[str, str] = {
        **{"F16": "float16", "F32": "float32", "F64": "float64", "BOOL": "bool"},
        **{
            f"{kind}{bits}": f"{name}{bits}" for kind, name in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)
        },
    }

    def __init__(self, dtype: str, shape: tuple[int, ...]):
        self.dtype = self._DTYPES.get(dtype, dtype)
        self.shape = shape

    @classmethod
    def of(cls, header: Any) -> Header:
        """Return the header of an array in an open safetensors file."""
        return cls(header.get_dtype(), tuple(header.get_shape()))


def _about(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    if _KEY not in metadata:
        raise InputError(
            f"{path}: a safetensors file, but not a model that microchar wrote (no {_KEY!r} metadata); the checkpoint "
            "of a fit is none, but its folder may hold the best model so far"
        )
    try:
        about = parse_json(metadata[_KEY])
    except ValueError as error:
        raise InputError(f"{path}: its metadata are not valid JSON ({error}); was the file edited?") from error
    version = about.get("format") if isinstance(about, dict) else None
    if version != FORMAT:
        raise InputError(f"{path}: model format {version!r}, expected {FORMAT}; fit again, or update microchar")
    kinds = {"generator": str, "parameters": dict, "material": dict | None, "history": dict}
    wrong = sorted(key for key, kind in kinds.items() if key not in about or not isinstance(about[key], kind))
    if wrong:
        raise InputError(f"{path}: {wrong[0]!r} is missing in its metadata or has a wrong type; was the file edited?")
    return about
