"""Fitted models that installed distributions provide, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from microchar.core.errors import InputError
from microchar.core.registry import Registry
from microchar.generation.catalogue import generator_specs
from microchar.generation.loading import load_generator

if TYPE_CHECKING:
    from microchar.generation.generator import Generator


@dataclass(frozen=True, kw_only=True)
class BundledModel:
    """Description of a model file in a package.

    An entry point of the group ``microchar.models`` names an object of this
    class. Its module must not import heavy packages. If a generator has the same
    id, the generator is used.

    Parameters
    ----------
    id : str
        Name of the model, such as "berea".
    generator : str
        Id of the fitted generator.
    package, file : str
        Package that contains the file, and path within it: ``"microchar_gan"`` and
        ``"models/berea.safetensors"``.
    title, summary : str
        Name and one-line description for users.
    """

    id: str
    generator: str
    package: str
    file: str
    title: str
    summary: str

    def obstacle(self) -> str:
        """Return why the model cannot be used here and what to install; empty if it can be used."""
        if self.generator not in generator_specs():
            return f"needs the generator {self.generator!r}, not installed"
        return generator_specs()[self.generator].obstacle()

    def load(self) -> Generator:
        """Read the model."""
        with as_file(files(self.package).joinpath(self.file)) as path:
            return load_generator(path)


MODELS: Registry[BundledModel] = Registry("model", "microchar.models", BundledModel, listing="`microchar generators`")


def bundled_models() -> Mapping[str, BundledModel]:
    """Return all bundled models by name."""
    return MODELS.plugins


def load_model(name: str) -> Generator:
    """Return a bundled model, ready to generate; an unknown name is an InputError that suggests the most similar.

    Parameters
    ----------
    name : str
        Id of the model; ``microchar generators`` lists them.

    Returns
    -------
    Generator

    Raises
    ------
    InputError
        If there is no such model.
    MissingDependencyError
        If a package that its generator needs is not installed.

    Examples
    --------
    >>> import microchar as mc
    >>> mc.load_model("sandstoen")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    microchar.core.errors.InputError: unknown model 'sandstoen': ...
    """
    if name.endswith(".safetensors"):
        raise InputError(f"{name}: expected the name of a bundled model; a file is loaded by Generator.load")
    return MODELS.find(name).load()
