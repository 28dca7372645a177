"""The format of model files: arrays and JSON metadata in one safetensors file, checked before it is believed.

The arrays are the fitted state of a generator. Under the metadata key ``microchar`` stands a JSON object with
``format`` (1), ``generator``, ``revision`` of its state (1 where it says none), ``parameters``, ``material``,
``history`` (data, seed, what the fit reports) and ``versions``. Nothing here knows what a generator is.
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

FORMAT = 1
#: Larger models are refused before anything is allocated, unless the caller allows them.
MAX_BYTES = 2 * 2**30
_KEY = "microchar"


def write_model(path: Path, metadata: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a model file; nothing is left behind if that fails.

    Parameters
    ----------
    path : Path
    metadata : mapping
        What the file says of the model, fit for JSON; format and versions are added.
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


@dataclass(frozen=True, eq=False)
class ModelFile:
    """A model file that is open for reading.

    Parameters
    ----------
    metadata : mapping
        What it says of the model; keys and their kinds are checked.
    headers : mapping of str to Header
        Data types and shapes of the arrays, which have not been read.
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
        Larger files are refused before anything is allocated.

    Raises
    ------
    InputError
        If the file is missing, truncated, no model, a pickle, of another format,
        or larger than `max_bytes`.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    size = path.stat().st_size
    if size > max_bytes:
        raise InputError(f"{path}: {size} bytes, more than the {max_bytes} that a model may have")
    _refuse_pickle(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = _about(file.metadata() or {}, path)
            headers = {key: Header.of(file.get_slice(key)) for key in file.keys()}  # noqa: SIM118 - not a mapping
            yield ModelFile(metadata, headers, file)
    except SafetensorError as error:
        raise InputError(
            f"{path}: truncated, or no safetensors file ({error}); expected a model that microchar wrote"
        ) from error


def _refuse_pickle(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(9)
    # A safetensors file starts with the length of its JSON header, which may well begin like a pickle.
    if head[8:] != b"{" and (head[:1] == b"\x80" or head[:2] == b"PK"):
        raise InputError(
            f"{path}: looks like a pickle (or a torch file, which holds one); it could run code and is not opened. "
            "Expected a safetensors file that microchar wrote"
        )


class Header:
    """Data type and shape of an array that has not been read."""

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
        """Return that of an array of an open safetensors file."""
        return cls(header.get_dtype(), tuple(header.get_shape()))


def _about(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    if _KEY not in metadata:
        raise InputError(
            f"{path}: a safetensors file, but not a model that microchar wrote (no {_KEY!r} metadata); the checkpoint "
            "of a fit is none, but may have its best model so far beside it"
        )
    try:
        about = json.loads(metadata[_KEY])
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: its metadata are no JSON ({error})") from error
    version = about.get("format") if isinstance(about, dict) else None
    if version != FORMAT:
        raise InputError(f"{path}: model format {version!r}, this microchar reads format {FORMAT}; fit again or update")
    kinds = {"generator": str, "parameters": dict, "material": dict | None, "history": dict}
    wrong = sorted(key for key, kind in kinds.items() if key not in about or not isinstance(about[key], kind))
    if wrong:
        raise InputError(f"{path}: its metadata have no {wrong[0]!r}, or one of a wrong kind; was the file edited?")
    return about
