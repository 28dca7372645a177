"""`GeneratorSpec`: what a generator needs and offers, known without importing it."""

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


@dataclass(frozen=True, kw_only=True)
class GeneratorSpec:
    """What a generator needs and offers: all that can be known without importing it.

    An entry point of the group ``microchar.generators`` names an object of this
    class. The module that holds it must import nothing heavy.

    Parameters
    ----------
    id : str
        The generator's name on the command line and in model files, such as "gaussian-field".
    factory : str
        ``"package.module:Class"`` of the generator, imported when it is used.
    title, summary : str
        For people: name and one line.
    inputs : tuple of {"volume", "slices", "descriptors", "parameters"}
        What it can be made from: a 3D volume, 2D slices, descriptors such as
        `microchar measure` finds, or parameters alone.
    phases : tuple of int
        Smallest and largest number of phases.
    ndim : tuple of int
        Numbers of axes that it can generate: (2, 3), say.
    periodic_axes : tuple of int
        Axes along which it can make periodic volumes on request.
    always_periodic : bool
        Whether its volumes are periodic along these axes even unasked.
    multiple_of : int
        What each axis of a generated volume must be a multiple of.
    revision : int
        Version of the fitted state. A model file of another one is refused: raise
        it when old arrays would make other volumes, or none.
    keeps_progress : bool
        Whether a fit can leave checkpoints in a folder and be resumed from them.
    streams : bool
        Whether it makes volumes block by block, see `microchar.generation.streaming.StreamingGenerator`.
    adjustable : tuple of str
        Parameters that say how volumes are made and not which (a device, the size
        of tiles): they may be given anew for a fitted model.
    requires : tuple of str
        Modules that must be installed for it.
    extra : str
        The extra of microchar (or the distribution) that installs them.
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
    keeps_progress: bool = False
    streams: bool = False
    adjustable: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    extra: str = ""
    cost: str = ""

    @property
    def needs_fit(self) -> bool:
        """Whether it cannot generate from parameters alone."""
        return "parameters" not in self.inputs

    def missing(self) -> list[str]:
        """Return the required modules that are not installed."""
        return [module for module in self.requires if find_spec(module) is None]

    def obstacle(self) -> str:
        """Return why it cannot be used here, and what to do about it; empty if it can."""
        missing = self.missing()
        if not missing:
            return ""
        what = f'pip install "{self.extra}"' if self.extra else f"pip install {' '.join(missing)}"
        return f"needs {', '.join(missing)}, not installed: {what}"

    def load(self) -> type[Generator]:
        """Import the generator's class; a missing dependency is an error that says what to install."""
        obstacle = self.obstacle()
        if obstacle:
            raise MissingDependencyError(f"generator {self.id!r} {obstacle}")
        module, _, attribute = self.factory.partition(":")
        return getattr(import_module(module), attribute)
