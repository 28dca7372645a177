"""`GeneratorSpec`: what a generator needs and offers, readable without importing the generator."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from microchar.core.errors import MissingDependencyError

if TYPE_CHECKING:
    from microchar.generation.generator import Generator

#: What a generator can be made from.
Input = Literal["volume", "slices", "descriptors", "parameters"]
#: Work that can be stopped and resumed from a checkpoint.
Work = Literal["fit", "generate"]


@dataclass(frozen=True, kw_only=True)
class GeneratorSpec:
    """What a generator needs and offers.

    An entry point of the group ``microchar.generators`` names an object of this
    class. Its module must not import heavy packages, because every spec is read
    whenever generators are listed.

    Parameters
    ----------
    id : str
        Name of the generator on the command line and in model files, such as "gaussian-field".
    factory : str
        ``"package.module:Class"`` of the generator. It is imported on first use.
    title, summary : str
        Name and one-line description for users.
    inputs : tuple of {"volume", "slices", "descriptors", "parameters"}
        What the generator can be made from: a 3D volume, 2D slices, descriptors
        measured by `microchar measure`, or its parameters alone.
    phases : tuple of int
        Smallest and largest number of phases.
    ndim : tuple of int
        Supported numbers of dimensions, for example (2, 3).
    periodic_axes : tuple of int
        Axes along which it can make periodic volumes on request.
    always_periodic : bool
        Whether its volumes are periodic along these axes even without a request.
    multiple_of : int
        Each axis of a generated volume must be a multiple of this.
    revision : int
        Version of the fitted state. Model files of another revision are refused.
        Increase it when existing arrays would give other volumes or become unusable.
    keeps_progress : tuple of {"fit", "generate"}
        Methods that save checkpoints in a folder and can resume from them.
    streams : bool
        Whether it makes volumes block by block; see `microchar.generation.streaming.StreamingGenerator`.
    takes_slice : bool
        Whether it makes volumes that contain a given slice.
    adjustable : tuple of str
        Parameters that affect how volumes are made but not the result, such as a
        device or a tile size. They can be changed after the fit.
    requires : tuple of str
        Modules that must be installed.
    extra : str
        Extra of microchar, or distribution, that installs them.
    cost : str
        Time and memory, in words.
    """

    id: str
    factory: str
    title: str
    summary: str
    inputs: tuple[Input, ...]
    phases: tuple[int, int] = (2, 2)
    ndim: tuple[int, ...] = (2, 3)
    periodic_axes: tuple[int, ...] = ()
    always_periodic: bool = False
    multiple_of: int = 1
    revision: int = 1
    keeps_progress: tuple[Work, ...] = ()
    streams: bool = False
    takes_slice: bool = False
    adjustable: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    extra: str = ""
    cost: str = ""

    @property
    def needs_fit(self) -> bool:
        """Whether the generator must be fitted before it can generate."""
        return "parameters" not in self.inputs

    def missing(self) -> list[str]:
        """Return the required modules that are not installed."""
        return [module for module in self.requires if find_spec(module) is None]

    def obstacle(self) -> str:
        """Return why the generator cannot be used here and what to install; empty if it can be used."""
        missing = self.missing()
        if not missing:
            return ""
        what = f'pip install "{self.extra}"' if self.extra else f"pip install {' '.join(missing)}"
        return f"needs {', '.join(missing)}, not installed: {what}"

    def load(self) -> type[Generator]:
        """Import the class of the generator.

        Raises
        ------
        MissingDependencyError
            If a required module is not installed.
        """
        obstacle = self.obstacle()
        if obstacle:
            raise MissingDependencyError(f"generator {self.id!r} {obstacle}")
        module, _, attribute = self.factory.partition(":")
        return getattr(import_module(module), attribute)
