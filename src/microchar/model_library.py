"""Fitted models that distributions bring along, found by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

from microchar.errors import InputError
from microchar.generator import Generator, specs
from microchar.plugins import installed

GROUP = "microchar.models"


@dataclass(frozen=True, kw_only=True)
class BundledModel:
    """A model file in a package: what can be known without reading it.

    An entry point of the group ``microchar.models`` names an object of this
    class; its name is the model's. The module that holds it must import nothing
    heavy. A generator of the same name goes before it.

    Parameters
    ----------
    generator : str
        Id of the generator that it is a fit of.
    package, file : str
        Where it is: ``"microchar_gan"`` and ``"models/berea.safetensors"``.
    title, summary : str
        For people: name and one line.
    """

    generator: str
    package: str
    file: str
    title: str
    summary: str

    def obstacle(self) -> str:
        """Return why it cannot be used here, and what to do about it; empty if it can."""
        if self.generator not in specs():
            return f"needs the generator {self.generator!r}, not installed"
        return specs()[self.generator].obstacle()

    def load(self) -> Generator:
        """Read the model."""
        from microchar.model_file import load_generator

        with as_file(files(self.package).joinpath(self.file)) as path:
            return load_generator(path)


@cache
def models() -> Mapping[str, BundledModel]:
    """Return all bundled models by name; one that cannot be read is a warning that names it."""
    return installed(GROUP, BundledModel, "model")


def load_model(name: str) -> Generator:
    """Return a bundled model, ready to generate; an unknown name is an error that lists those there are.

    Examples
    --------
    >>> from microchar.model_library import load_model
    >>> load_model("sandstoen")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    microchar.errors.InputError: unknown model 'sandstoen': ...
    """
    known = models()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"unknown model {name!r}: {hint}bundled are {', '.join(known) or 'none'}")
    return known[name].load()
