"""Writing generators to model files and reading them back. Each part of a file is checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microchar.core.errors import InputError
from microchar.core.material import Material
from microchar.generation.catalogue import create_generator, find_generator, find_spec
from microchar.generation.fitted_state import check_finite, check_layout
from microchar.generation.model_file import MAX_BYTES, open_model, write_model
from microchar.generation.parameter_types import fits, parameter_hints

if TYPE_CHECKING:
    from microchar.generation.generator import Generator


def save_generator(generator: Generator, path: Path) -> None:
    """Write a generator to a file. If that fails, no file is left behind."""
    metadata = {
        "generator": generator.spec.id,
        "revision": generator.spec.revision,
        "parameters": generator.parameters(),
        "material": None if generator.material is None else asdict(generator.material),
        "history": generator.history,
    }
    write_model(path, metadata, generator.state)


def load_generator(path: Path, *, max_bytes: int = MAX_BYTES) -> Generator:
    """Read a generator with its parameters and fitted state.

    Parameters
    ----------
    path : Path
        A file that `Generator.save` wrote.
    max_bytes : int
        Larger files are refused before anything is read.

    Returns
    -------
    Generator

    Raises
    ------
    InputError
        If the file is not a model file (see `microchar.generation.model_file.open_model`),
        comes from another revision of its generator, or lacks arrays that the
        generator expects.
    MissingDependencyError
        If a package required by the generator is not installed.
    """
    with open_model(path, max_bytes) as file:
        about = file.metadata
        _refuse_other_revision(about, path)
        generator = _create(about, path)
        if about["material"] is not None:
            generator.material = Material.of_plain(about["material"], str(path))
            least, most = generator.spec.phases
            if not least <= len(generator.material.phases) <= most:
                raise InputError(
                    f"{path}: a material of {len(generator.material.phases)} phases, which {generator.id!r} cannot "
                    "make; was the file edited?"
                )
        if file.headers and generator.material is None:
            raise InputError(f"{path}: has fitted arrays but no 'material' in its metadata; was the file edited?")
        if file.headers or generator.material is not None:
            check_layout(file.headers, generator.layout, str(path))
        generator.state = file.arrays()
    damaged = f"{path}: a damaged model, or the result of a failed fit"
    check_finite(generator.state, damaged)
    if generator.state:
        try:
            generator.check_state()
        except ValueError as error:
            raise InputError(f"{damaged}: {error}; fit again") from error
    generator.history = about["history"]
    return generator


def _refuse_other_revision(about: Mapping[str, Any], path: Path) -> None:
    name, revision = about["generator"], about.get("revision", 1)
    expected = find_spec(name).revision
    if revision != expected:
        raise InputError(
            f"{path}: revision {revision!r} of what {name!r} learns, but the installed one reads revision {expected}; "
            f"fit again, or use the version that wrote the file ({_versions(about)})"
        )


def _versions(about: Mapping[str, Any]) -> str:
    versions = about.get("versions")
    return f"microchar {versions.get('microchar', '?')}" if isinstance(versions, dict) else "unknown"


def _create(about: Mapping[str, Any], path: Path) -> Generator:
    """Create the unfitted generator, after checking the types of its parameters."""
    name, parameters = about["generator"], _parameters(about["parameters"])
    hints = parameter_hints(find_generator(name))
    for key, value in parameters.items():
        if not fits(value, hints.get(key, Any)):
            raise InputError(f"{path}: the parameter {key!r} is {value!r}, which {name!r} does not take; fit again")
    try:
        return create_generator(name, **parameters)
    except InputError as error:
        raise InputError(f"{path}: {error}; was the file edited?") from error


def _parameters(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _tuples(value) for key, value in plain.items()}


def _tuples(value: Any) -> Any:
    # JSON turns tuples into lists, and no parameter is a list.
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
