"""The installed generators, by id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from microchar.core.errors import InputError
from microchar.core.registry import Registry
from microchar.core.text import did_you_mean
from microchar.generation.spec import GeneratorSpec

if TYPE_CHECKING:
    from microchar.generation.generator import Generator

GENERATORS: Registry[GeneratorSpec] = Registry(
    "generator", "microchar.generators", GeneratorSpec, listing="`microchar generators`"
)


def generator_specs() -> Mapping[str, GeneratorSpec]:
    """Return the specs of all installed generators by id."""
    return GENERATORS.plugins


def find_spec(name: str) -> GeneratorSpec:
    """Return the spec of an installed generator; an unknown id is an InputError that suggests the most similar."""
    return GENERATORS.find(name)


def find_generator(name: str) -> type[Generator]:
    """Return the class of an installed generator."""
    return find_spec(name).load()


def create_generator(name: str, /, **parameters: Any) -> Generator:
    """Create an unfitted generator.

    Parameters
    ----------
    name : str
        Id of an installed generator, such as "gaussian-field".
    **parameters
        Parameters of the generator; the others keep their defaults.

    Returns
    -------
    Generator

    Raises
    ------
    InputError
        If the generator or one of the parameters does not exist.
    MissingDependencyError
        If a required package is not installed.

    Examples
    --------
    >>> import microchar as mc
    >>> mc.create_generator("gaussian-field", volume_fraction=0.3).generate((16, 16, 16)).shape
    (16, 16, 16)
    """
    cls = find_generator(name)
    known = [f.name for f in fields(cls) if f.init]
    for key in sorted(set(parameters) - set(known)):
        hint = did_you_mean(key, known)
        raise InputError(f"generator {name!r} has no parameter {key!r}; {hint}it has {', '.join(known) or 'none'}")
    return cls(**parameters)
