"""What a generator is: the contract that built-in ones and plugins fulfil, and where generators are found."""

from __future__ import annotations

import difflib
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from microchar.errors import InputError, MissingDependencyError
from microchar.fitted_state import Layout, check_finite, check_layout
from microchar.plugins import installed
from microchar.training import Material, TrainingData
from microchar.volume import Triple, Volume

__all__ = [
    "GROUP",
    "Callback",
    "Generator",
    "GeneratorSpec",
    "Input",
    "Layout",
    "create",
    "find",
    "silent",
    "spec_of",
    "specs",
]

GROUP = "microchar.generators"

#: Called while fitting and generating with the share that is done and what is in work. What it raises ends the work
#: and reaches the caller; the generator stays as it was before.
Callback = Callable[[float, str], None]
Input = Literal["volume", "slices", "descriptors", "parameters"]


@dataclass(frozen=True, kw_only=True)
class GeneratorSpec:
    """What a generator needs and offers: all that can be known without importing it.

    An entry point of the group ``microchar.generators`` names an object of this
    class; its name is the generator's id. The module that holds it must import
    nothing heavy.

    Parameters
    ----------
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
        Whether it makes volumes block by block, see `microchar.streaming.StreamingGenerator`.
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

    def load(self, name: str) -> type[Generator]:
        """Import the generator's class; a missing dependency is an error that says what to install."""
        obstacle = self.obstacle()
        if obstacle:
            raise MissingDependencyError(f"generator {name!r} {obstacle}")
        module, _, attribute = self.factory.partition(":")
        return getattr(import_module(module), attribute)


@dataclass(kw_only=True)
class Generator(ABC):
    """Something that makes volumes, after being fitted to one or from parameters alone.

    A generator is a dataclass whose keyword-only fields are its parameters; its
    constructor only stores them. Users call `fit`, `generate`, `save` and `load`
    of this class, which check what is asked for against the `spec`; a generator
    implements

    - `learn`, to turn training data into fitted arrays (`state`);
    - `make`, to turn them into labels;
    - `layout`, which arrays those are, so that a file can be checked before it
      is believed.

    One that makes volumes of any size block by block derives from
    `microchar.streaming.StreamingGenerator` instead, and implements `make_blocks` in place of `make`.

    Attributes
    ----------
    spec : GeneratorSpec
        The same object that the entry point names.
    layout : mapping of str to (dtype, dimensions)
        Every array of the fitted state: its data type and shape. A class
        attribute, or a property where it depends on the parameters or the
        material, which are both set when it is asked for.
    """

    spec: ClassVar[GeneratorSpec]

    #: Fitted arrays, empty before `fit`.
    state: dict[str, np.ndarray] = field(default_factory=dict, init=False, repr=False, compare=False)
    #: Phases and voxel size of what it was fitted to; those of the parameters before.
    material: Material | None = field(default=None, init=False, repr=False, compare=False)
    #: Where the fit came from: sha256 of the data, seed, what the fit reports of itself.
    history: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    #: What `make` reports of the volume it made; goes into the volume's source and notes.
    remarks: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    #: While a fit that keeps progress is at work: where checkpoints go, and whether to start from those there.
    folder: Path | None = field(default=None, init=False, repr=False, compare=False)
    resume: bool = field(default=False, init=False, repr=False, compare=False)

    # --- what a generator implements ---

    @property
    def layout(self) -> Layout:
        """Return data type and shape of every fitted array."""
        return {}

    @abstractmethod
    def learn(self, data: TrainingData, rng: np.random.Generator, callback: Callback) -> dict[str, np.ndarray]:
        """Return the fitted arrays, as `layout` says. May put numbers about the fit into ``self.history``.

        Where the spec says `keeps_progress`, ``self.folder`` is None or an existing
        folder for checkpoints and whatever else the fit writes: empty, or, if
        ``self.resume``, that of an earlier fit, to be continued as if it had never
        stopped. What the callback raises must leave a checkpoint there.
        """

    @abstractmethod
    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], callback: Callback
    ) -> np.ndarray:
        """Return labels 0, 1, … (uint8) of that shape, from ``self.state`` or the parameters.

        An axis of length one is never among the periodic ones.
        May put numbers about the volume into ``self.remarks``, which is empty before.
        """

    def default_material(self) -> Material:
        """Return the phases of volumes made from parameters alone."""
        return Material(phases=("0", "1"), grey_values=(0, 1))

    @classmethod
    def when_unset(cls) -> Mapping[str, Any]:
        """Return what parameters that are None by default then stand for, all others being at their defaults."""
        return {}

    # --- what users call ---

    @classmethod
    def name(cls) -> str:
        """Return the id under which the generator is installed."""
        for name, spec in specs().items():
            if spec is cls.spec:
                return name
        raise InputError(f"{cls.__qualname__} is not installed: no entry point of the group {GROUP} names its spec")

    def parameters(self) -> dict[str, Any]:
        """Return the parameters: ``type(self)(**self.parameters())`` is the unfitted generator again."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def fit(
        self,
        data: Any,
        *,
        seed: int = 0,
        callback: Callback | None = None,
        folder: str | Path | None = None,
        resume: bool = False,
    ) -> Self:
        """Fit to a volume, to slices or to descriptors.

        Parameters
        ----------
        data : TrainingData, Volume, array_like or Measurement
            What to fit to; see `TrainingData` for slices and descriptors.
        seed : int
            Equal seeds give equal fits.
        callback : callable, optional
            ``callback(fraction, what)``; what it raises ends the fit.
        folder : str or path, optional
            Where a generator that keeps progress leaves checkpoints; made if need be.
        resume : bool
            Whether to continue the fit that left its checkpoints there.

        Returns
        -------
        Generator
            Itself.

        Raises
        ------
        InputError
            If the data are not what the spec asks for, the generator keeps no
            progress, or there is none to resume from (or some that would be lost).
        """
        data = TrainingData.of(data)
        name = type(self).name()
        data.check_against(self.spec, name)
        rng = _rng(seed)
        about = {"seed": int(seed), "data": data.describe()}
        before = self.history, self.material
        self.folder, self.resume = self._progress_folder(folder, resume), resume
        self.history, self.material = about, data.material
        try:
            state = self.learn(data, rng, callback or silent)
            check_layout(state, self.layout, f"generator {name!r}")
            check_finite(state, f"generator {name!r}: the fit went astray")
        except BaseException:
            self.history, self.material = before
            raise
        finally:
            self._leave_folder()
        self.state = state
        return self

    def _progress_folder(self, folder: str | Path | None, resume: bool) -> Path | None:
        name = type(self).name()
        if folder is None and not resume:
            return None
        if not self.spec.keeps_progress:
            raise InputError(f"generator {name!r} keeps no progress of its fit: leave folder= and resume= out")
        if folder is None:
            raise InputError("resume=True: say with folder= which fit to resume")
        path = Path(folder)
        held = path.is_dir() and any(path.iterdir())
        if resume and not held:
            raise InputError(f"{path}: holds no fit to resume; leave resume (--resume) out to begin one")
        if held and not resume:
            raise InputError(
                f"{path}: holds the progress of an earlier fit; continue it with resume=True (--resume), "
                "or remove the folder to begin anew"
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{path}: cannot be made ({error.strerror}); expected a folder for checkpoints") from error
        return path

    def _leave_folder(self) -> None:
        # A fit that left nothing leaves no folder either.
        if self.folder is not None and not any(self.folder.iterdir()):
            self.folder.rmdir()
        self.folder, self.resume = None, False

    def generate(
        self,
        shape: Sequence[int],
        *,
        seed: int = 0,
        periodic: Sequence[int] = (),
        callback: Callback | None = None,
    ) -> Volume:
        """Make a volume.

        Parameters
        ----------
        shape : sequence of two or three int
            Two make a 2D image.
        seed : int
            Equal seeds give equal volumes, bit for bit.
        periodic : sequence of int
            Axes along which the volume must repeat.
        callback : callable, optional
            ``callback(fraction, what)``; what it raises ends the work.

        Returns
        -------
        Volume

        Raises
        ------
        InputError
            If the spec does not offer what is asked for, or `fit` is needed first.
        """
        made = self.make(*self._asked(shape, seed, periodic), callback or silent)
        material = self.material or self.default_material()
        source = {"generator": type(self).name(), "parameters": self.parameters(), "seed": int(seed)}
        return material.volume(
            made,
            name=f"{type(self).name()}-{seed}",
            source=source | ({"remarks": self.remarks} if self.remarks else {}),
            notes=self.remarked(),
        )

    def generate_to(
        self,
        path: str | Path,
        shape: Sequence[int],
        *,
        seed: int = 0,
        periodic: Sequence[int] = (),
        callback: Callback | None = None,
    ) -> None:
        """Make a volume and write it to a file, as `generate` and `write_volume` would: all of it, or nothing.

        A generator that streams needs no more memory than for a block, whatever
        the size of the volume, and writes ``.tif`` and ``.tiff`` only.

        Parameters
        ----------
        path : str or path
        shape, seed, periodic, callback
            As for `generate`.

        Raises
        ------
        InputError
            As for `generate`; also if the file cannot be written, or the disk has
            no room for it.
        """
        from microchar.io import write_volume

        write_volume(self.generate(shape, seed=seed, periodic=periodic, callback=callback), path)

    def remarked(self) -> tuple[str, ...]:
        """Return in words what `make` reported of the last volume."""
        return tuple(f"{what}: {value}" for what, value in self.remarks.items())

    def save(self, path: str | Path) -> None:
        """Write the generator to a file (safetensors, no pickle): all of it, or nothing."""
        from microchar.model_file import save_generator

        save_generator(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a generator from a file that `save` wrote; other kinds of generators are an error."""
        from microchar.model_file import load_generator

        loaded = load_generator(Path(path))
        if not isinstance(loaded, cls):
            raise InputError(f"{path}: holds a {type(loaded).name()!r} generator, expected {cls.__qualname__}")
        return loaded

    def _asked(
        self, shape: Sequence[int], seed: int, periodic: Sequence[int]
    ) -> tuple[Triple, np.random.Generator, tuple[int, ...]]:
        """Return what `make` is given, checked against the spec."""
        axes = _whole_numbers(periodic, "periodic", "the numbers of axes")
        wanted = self._checked(_whole_numbers(shape, "shape", "two or three lengths"), axes)
        rng = _rng(seed)
        self.remarks = {}
        return wanted, rng, tuple(axis for axis in sorted(set(axes)) if wanted[axis] > 1)

    def _checked(self, shape: tuple[int, ...], periodic: tuple[int, ...]) -> Triple:
        name, spec = type(self).name(), self.spec
        if spec.needs_fit and not self.state:
            raise InputError(f"generator {name!r} must be fitted before it generates: call fit(volume) first")
        sizes = (1, *shape) if len(shape) == 2 else shape
        if len(sizes) != 3 or min(sizes) < 1:
            raise InputError(f"shape={shape!r}: expected two or three lengths of at least one voxel")
        ndim = sum(n > 1 for n in sizes)
        if ndim not in spec.ndim:
            offers = " or ".join(f"{n}D" for n in spec.ndim)
            raise InputError(f"shape={shape!r}: generator {name!r} makes {offers}, not {ndim}D")
        odd = [n for n in sizes if n > 1 and n % spec.multiple_of]
        if odd:
            raise InputError(
                f"shape={shape!r}: generator {name!r} needs multiples of {spec.multiple_of}, found {odd[0]}"
            )
        refused = sorted(set(periodic) - set(spec.periodic_axes))
        if refused:
            able = ", ".join(map(str, spec.periodic_axes)) or "none"
            raise InputError(
                f"periodic={periodic!r}: generator {name!r} can be periodic along axes {able}, "
                f"not along {', '.join(map(str, refused))}"
            )
        return (sizes[0], sizes[1], sizes[2])


def _whole_numbers(numbers: Any, argument: str, expected: str) -> tuple[int, ...]:
    """Read a sequence of whole numbers; anything else, Booleans too, is an error that names the argument."""
    try:
        if any(isinstance(number, bool | np.bool_) for number in numbers):
            raise TypeError
        return tuple(operator.index(number) for number in numbers)
    except TypeError:
        raise InputError(f"{argument}={numbers!r}: expected {expected}, a sequence of whole numbers") from None


def _rng(seed: int) -> np.random.Generator:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed={seed!r}: expected a whole number, 0 or greater")
    return np.random.default_rng(int(seed))


def silent(fraction: float, what: str) -> None:
    """Do nothing: the callback of who wants none."""
    del fraction, what


# --- where generators are found ----------------------------------------------


@cache
def specs() -> Mapping[str, GeneratorSpec]:
    """Return the specs of all installed generators by id.

    A plugin that cannot be read is a warning that names it; two of one name are
    an error.
    """
    return installed(GROUP, GeneratorSpec, "generator")


def spec_of(name: str) -> GeneratorSpec:
    """Return the spec of an installed generator; an unknown id is an error that lists those installed."""
    known = specs()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"unknown generator {name!r}: {hint}installed are {', '.join(known)}")
    return known[name]


def find(name: str) -> type[Generator]:
    """Return the class of an installed generator."""
    return spec_of(name).load(name)


def create(name: str, **parameters: Any) -> Generator:
    """Make an unfitted generator; unknown parameters are an error that lists the generator's own."""
    cls = find(name)
    own = [f.name for f in fields(cls) if f.init]
    unknown = sorted(set(parameters) - set(own))
    if unknown:
        near = difflib.get_close_matches(unknown[0], own, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"generator {name!r} has no parameter {unknown[0]!r}; {hint}it has {', '.join(own) or 'none'}")
    return cls(**parameters)
