"""Fitted generators in files: one safetensors file with JSON metadata, believed only after it was checked.

The format: the arrays of `Generator.state`, and under the metadata key
``microchar`` a JSON object with ``format`` (1), ``generator``, ``revision`` of its
state (1 where it says none), ``parameters``,
``material``, ``history`` (data, seed, what the fit reports) and ``versions``.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from microchar.errors import InputError
from microchar.fitted_state import check_finite, check_layout
from microchar.generator import Generator, create, spec_of
from microchar.training import Material

FORMAT = 1
#: Larger models are refused before anything is allocated, unless the caller allows them.
MAX_BYTES = 2 * 2**30
_KEY = "microchar"


def save_generator(generator: Generator, path: Path) -> None:
    """Write a generator to a file; nothing is left behind if that fails."""
    from safetensors.numpy import save

    from microchar import __version__

    about = {
        "format": FORMAT,
        "generator": type(generator).name(),
        "revision": generator.spec.revision,
        "parameters": generator.parameters(),
        "material": None if generator.material is None else asdict(generator.material),
        "history": generator.history,
        "versions": {"microchar": __version__, "numpy": np.__version__, "python": platform.python_version()},
    }
    arrays = {key: np.asarray(array, order="C") for key, array in generator.state.items()}
    content = save(arrays, {_KEY: json.dumps(about, allow_nan=False)})
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist")
    try:
        # In a folder of its own the file gets the permissions of any other that the user writes.
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            written = Path(folder) / path.name
            written.write_bytes(content)
            os.replace(written, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error


def load_generator(path: Path, *, max_bytes: int = MAX_BYTES) -> Generator:
    """Read a generator: its kind, parameters and state, each checked before it is believed.

    Parameters
    ----------
    path : Path
        A file that `Generator.save` wrote.
    max_bytes : int
        Larger files are refused before anything is allocated.

    Returns
    -------
    Generator

    Raises
    ------
    InputError
        If the file is missing, truncated, no model, a pickle, of another
        version, larger than `max_bytes`, or does not hold the arrays that its
        generator expects. MissingDependencyError if the generator's own
        dependencies are missing.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    size = path.stat().st_size
    if size > max_bytes:
        raise InputError(f"{path}: {size} bytes, more than the {max_bytes} that a model may have")
    about, generator, arrays = _read(path)
    check_finite(arrays, f"{path}: a damaged model, or one whose fit went astray")
    generator.state = arrays
    generator.history = about["history"]
    return generator


def _read(path: Path) -> tuple[dict[str, Any], Generator, dict[str, np.ndarray]]:
    from safetensors import SafetensorError, safe_open

    with path.open("rb") as file:
        head = file.read(9)
    # A safetensors file starts with the length of its JSON header, which may well begin like a pickle.
    if head[8:] != b"{" and (head[:1] == b"\x80" or head[:2] == b"PK"):
        raise InputError(
            f"{path}: looks like a pickle (or a torch file, which holds one); it could run code and is not opened. "
            "Expected a safetensors file that microchar wrote"
        )
    try:
        with safe_open(path, framework="numpy") as file:
            about = _about(file.metadata() or {}, path)
            _refuse_other_revision(about, path)
            generator = create(about["generator"], **_parameters(about["parameters"]))
            if about["material"] is not None:
                generator.material = Material.of_plain(about["material"], str(path))
            headers = {key: _Header.of(file.get_slice(key)) for key in file.keys()}  # noqa: SIM118 - not a mapping
            if headers and generator.material is None and generator.spec.needs_fit:
                raise InputError(f"{path}: its metadata have no 'material', but a fit; was the file edited?")
            if headers or generator.material is not None:
                check_layout(headers, generator.layout, str(path))
            return about, generator, {key: file.get_tensor(key) for key in headers}
    except SafetensorError as error:
        raise InputError(
            f"{path}: truncated, or no safetensors file ({error}); expected a model that microchar wrote"
        ) from error


def _refuse_other_revision(about: Mapping[str, Any], path: Path) -> None:
    name, found = about["generator"], about.get("revision", 1)
    expected = spec_of(name).revision
    if found != expected:
        raise InputError(
            f"{path}: revision {found!r} of what {name!r} learns, the one installed reads revision {expected}; "
            f"fit again, or use the version that wrote it ({_versions(about)})"
        )


def _versions(about: Mapping[str, Any]) -> str:
    versions = about.get("versions")
    return f"microchar {versions.get('microchar', '?')}" if isinstance(versions, dict) else "not stated"


class _Header:
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
    def of(cls, header: Any) -> _Header:
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


def _parameters(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _tuples(value) for key, value in plain.items()}


def _tuples(value: Any) -> Any:
    # JSON knows no tuples; parameters know no lists.
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
