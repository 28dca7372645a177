"""What a generator is: the contract that built-in ones and plugins fulfil."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple, triple
from microchar.core.material import Material
from microchar.core.progress import Progress, silent
from microchar.core.volume import Volume
from microchar.generation.fitted_state import Layout, check_finite, check_layout
from microchar.generation.loading import load_generator, save_generator
from microchar.generation.spec import GeneratorSpec
from microchar.generation.training import TrainingData
from microchar.io.writing import write_volume


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
    `microchar.generation.streaming.StreamingGenerator` instead, and implements `make_blocks` in place of `make`.

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
    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Return the fitted arrays, as `layout` says. May put numbers about the fit into ``self.history``.

        Where the spec says `keeps_progress`, ``self.folder`` is None or an existing
        folder for checkpoints and whatever else the fit writes: empty, or, if
        ``self.resume``, that of an earlier fit, to be continued as if it had never
        stopped. What the progress raises must leave a checkpoint there.
        """

    @abstractmethod
    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
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

    @property
    def id(self) -> str:
        """Return the id under which the generator is installed."""
        return self.spec.id

    @property
    def trained_on(self) -> str:
        """Return the SHA-256 of the data that it was fitted to; "" before a fit."""
        data = self.history.get("data")
        return str(data.get("sha256", "")) if isinstance(data, dict) else ""

    def least_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest shape that it makes and that holds a block of `shape`, or slices like it."""
        unit = self.spec.multiple_of
        sizes = [n if n == 1 else -(-n // unit) * unit for n in shape]
        if sum(n > 1 for n in sizes) not in self.spec.ndim and min(sizes) == 1:
            # Slices of a solid stand for images.
            sizes = [max(sizes)] * 3
        return tuple(sizes)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters: ``type(self)(**self.parameters())`` is the unfitted generator again."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def fit(
        self,
        data: Any,
        *,
        seed: int = 0,
        progress: Progress | None = None,
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
        progress : callable, optional
            ``progress(fraction, what)``; what it raises ends the fit.
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
        name = self.spec.id
        self._check_data(data)
        rng = _rng(seed)
        about = {"seed": int(seed), "data": data.describe()}
        before = self.history, self.material
        self.folder, self.resume = self._progress_folder(folder, resume), resume
        self.history, self.material = about, data.material
        try:
            state = self.learn(data, rng, progress or silent)
            check_layout(state, self.layout, f"generator {name!r}")
            check_finite(state, f"generator {name!r}: the fit went astray")
        except BaseException:
            self.history, self.material = before
            raise
        finally:
            self._leave_folder()
        self.state = state
        return self

    def _check_data(self, data: TrainingData) -> None:
        """Raise InputError unless the generator can be fitted to these data."""
        name, spec = self.spec.id, self.spec
        if data.kind not in spec.inputs:
            raise InputError(f"generator {name!r} is made from {' or '.join(spec.inputs)}, found {data.kind}")
        least, most = spec.phases
        n = len(data.material.phases)
        if not least <= n <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise InputError(f"generator {name!r} needs {wanted} phases, the training data have {n}")
        fractions = data.volume_fractions()
        absent = [phase for phase, share in zip(data.material.phases, fractions, strict=True) if share == 0]
        if absent:
            raise InputError(
                f"generator {name!r}: phase {absent[0]!r} has no voxels in the training data; "
                "there is nothing to learn of it"
            )

    def _progress_folder(self, folder: str | Path | None, resume: bool) -> Path | None:
        name = self.spec.id
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
        progress: Progress | None = None,
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
        progress : callable, optional
            ``progress(fraction, what)``; what it raises ends the work.

        Returns
        -------
        Volume

        Raises
        ------
        InputError
            If the spec does not offer what is asked for, or `fit` is needed first.
        """
        made = self.make(*self._asked(shape, seed, periodic), progress or silent)
        material = self.material or self.default_material()
        source = {"generator": self.spec.id, "parameters": self.parameters(), "seed": int(seed)}
        return material.volume(
            made,
            name=f"{self.spec.id}-{seed}",
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
        progress: Progress | None = None,
    ) -> None:
        """Make a volume and write it to a file, as `generate` and `write_volume` would: all of it, or nothing.

        A generator that streams needs no more memory than for a block, whatever
        the size of the volume, and writes ``.tif`` and ``.tiff`` only.

        Parameters
        ----------
        path : str or path
        shape, seed, periodic, progress
            As for `generate`.

        Raises
        ------
        InputError
            As for `generate`; also if the file cannot be written, or the disk has
            no room for it.
        """
        write_volume(self.generate(shape, seed=seed, periodic=periodic, progress=progress), path)

    def remarked(self) -> tuple[str, ...]:
        """Return in words what `make` reported of the last volume."""
        return tuple(f"{what}: {value}" for what, value in self.remarks.items())

    def save(self, path: str | Path) -> None:
        """Write the generator to a file (safetensors, no pickle): all of it, or nothing."""
        save_generator(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a generator from a file that `save` wrote; other kinds of generators are an error."""
        loaded = load_generator(Path(path))
        if not isinstance(loaded, cls):
            raise InputError(f"{path}: holds a {loaded.spec.id!r} generator, expected {cls.__qualname__}")
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
        name, spec = self.spec.id, self.spec
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
        return triple(sizes)


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
