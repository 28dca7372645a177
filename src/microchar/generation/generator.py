"""`Generator`: the contract that built-in generators and plugins fulfil."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from microchar.core.errors import InputError
from microchar.core.files import file_path
from microchar.core.grid import Triple
from microchar.core.material import Material
from microchar.core.progress import Progress, silent
from microchar.core.volume import Volume
from microchar.generation.checkpoints import progress_folder
from microchar.generation.fitted_state import Layout, check_finite, check_layout
from microchar.generation.given_slice import GivenSlice
from microchar.generation.loading import load_generator, save_generator
from microchar.generation.requests import check_data, checked_volume, random_generator
from microchar.generation.spec import GeneratorSpec, Work
from microchar.generation.training import TrainingData
from microchar.io.writing import write_volume


@dataclass(kw_only=True)
class Generator(ABC):
    """A source of volumes, either fitted to data or defined by its parameters alone.

    A generator is a dataclass whose keyword-only fields are its parameters; the
    constructor only stores them. Users call `fit`, `generate`, `save` and `load`
    of this class, which check every request against the `spec`. A subclass
    implements

    - `learn`, which turns training data into fitted arrays (`state`);
    - `make`, which turns these into labels;
    - `layout`, which declares the arrays, so that a model file can be checked
      before its content is used, and `check_state`, which checks their values.

    A generator that makes volumes of any size block by block derives from
    `microchar.generation.streaming.StreamingGenerator` and implements `make_blocks` instead of `make`.

    Attributes
    ----------
    spec : GeneratorSpec
        The object that the entry point names.
    layout : mapping of str to (dtype, dimensions)
        Data type and shape of each array of the fitted state: a class attribute,
        or a property if it depends on the parameters or the material, both of
        which are set before it is read.
    """

    spec: ClassVar[GeneratorSpec]

    #: Fitted arrays; empty before `fit`.
    state: dict[str, np.ndarray] = field(default_factory=dict, init=False, repr=False, compare=False)
    #: Phases and voxel size of the training data; None before `fit`.
    material: Material | None = field(default=None, init=False, repr=False, compare=False)
    #: Origin of the fit: sha256 of the data, seed, and what `learn` reports.
    history: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    #: What `make` reports about its last volume; copied into the source and notes of the volume.
    remarks: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    #: During work that keeps progress: the folder for checkpoints, and whether to start from those in it.
    folder: Path | None = field(default=None, init=False, repr=False, compare=False)
    resume: bool = field(default=False, init=False, repr=False, compare=False)
    #: The slice that the present volume must contain; None if there is none.
    held: GivenSlice | None = field(default=None, init=False, repr=False, compare=False)

    # --- implemented by each generator ---

    @property
    def layout(self) -> Layout:
        """Data type and shape of each fitted array."""
        return {}

    @abstractmethod
    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Return the arrays that `layout` declares, fitted to the data.

        Numbers about the fit may be stored in ``self.history``.

        If the spec's `keeps_progress` contains "fit", ``self.folder`` is None or an
        existing folder for checkpoints and other files of the fit. It is empty
        unless ``self.resume`` is True; then it contains the files of an earlier
        fit, and `learn` must continue that fit and return what the fit would have
        returned without the interruption. Before an exception raised by `progress`
        leaves `learn`, a checkpoint must have been written.

        Parameters
        ----------
        data : TrainingData
            Checked against the spec.
        rng : numpy.random.Generator
            The only source of randomness.
        progress : Progress
            Called at least about once a second. Exceptions it raises must not be caught.

        Returns
        -------
        dict of str to ndarray
        """

    @abstractmethod
    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Return the labels of a volume, made from ``self.state`` or the parameters.

        Numbers about the volume may be stored in ``self.remarks``, which is empty at the start.

        If the spec's `keeps_progress` contains "generate", ``self.folder`` and
        ``self.resume`` have the same meaning as in `learn`. `make` must refuse the
        checkpoint of another request (other parameters, fit, shape, periodic axes or
        seed) with an InputError, and delete its checkpoints when the volume is complete.

        Parameters
        ----------
        shape : tuple of three int
            Checked against the spec.
        rng : numpy.random.Generator
            The only source of randomness.
        periodic : tuple of int
            Axes along which the volume must repeat; never an axis of length one.
        progress : Progress
            Called at least about once a second. Exceptions it raises must not be caught.

        Returns
        -------
        ndarray of uint8
            Labels 0, 1, … of the phases, of the given shape.
        """

    def check_state(self) -> None:
        """Raise ValueError if the arrays of a model file have the layout, but values that no fit gives."""
        return

    def whole_only(self) -> str:
        """Return why a volume cannot be made in tiles that are independent of each other; empty if it can."""
        return "it makes volumes as a whole"

    def default_material(self) -> Material:
        """Return the phases of volumes made from parameters alone."""
        return Material(phases=("0", "1"), grey_values=(0, 1))

    @classmethod
    def when_unset(cls) -> Mapping[str, Any]:
        """Return the effective values of parameters that are None by default, with all others at their defaults."""
        return {}

    # --- called by users ---

    @property
    def id(self) -> str:
        """Id under which the generator is installed."""
        return self.spec.id

    @property
    def trained_on(self) -> str:
        """SHA-256 of the training data; empty before a fit."""
        data = self.history.get("data")
        return str(data.get("sha256", "")) if isinstance(data, dict) else ""

    def least_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest shape that it can make and that contains a block of `shape`, or slices like it."""
        unit = self.spec.multiple_of
        lengths = [n if n == 1 else -(-n // unit) * unit for n in shape]
        if sum(n > 1 for n in lengths) not in self.spec.ndim and min(lengths) == 1:
            # A generator of solids only: images are slices of a cube.
            lengths = [max(lengths)] * 3
        return tuple(lengths)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters: ``type(self)(**self.parameters())`` is an unfitted copy of the generator."""
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
        """Fit the generator to a volume, to slices or to descriptors.

        Parameters
        ----------
        data : TrainingData, Volume, array_like or Measurement
            See `TrainingData` for slices and descriptors.
        seed : int
            Equal seeds give equal fits.
        progress : Progress, optional
            An exception that it raises stops the fit.
        folder : str or path, optional
            Where a generator that keeps progress saves checkpoints. It is created if
            it does not exist.
        resume : bool
            Whether to continue the fit whose checkpoints are in `folder`.

        Returns
        -------
        Generator
            The same object.

        Raises
        ------
        InputError
            If the data are not what the spec asks for, the generator keeps no
            progress of its fit, or `resume` does not fit the content of `folder`.
        """
        data = TrainingData.of(data)
        check_data(self.spec, data)
        rng = random_generator(seed)
        before = self.history, self.material
        with self._keeping_progress("fit", folder, resume):
            self.history, self.material = {"seed": int(seed), "data": data.describe()}, data.material
            try:
                state = self.learn(data, rng, progress or silent)
                check_layout(state, self.layout, f"generator {self.id!r}")
                check_finite(state, f"generator {self.id!r}: the fit failed")
            except BaseException:
                self.history, self.material = before
                raise
        self.state = state
        return self

    def generate(
        self,
        shape: Sequence[int],
        *,
        seed: int = 0,
        periodic: Sequence[int] = (),
        given: GivenSlice | None = None,
        progress: Progress | None = None,
        folder: str | Path | None = None,
        resume: bool = False,
    ) -> Volume:
        """Make a volume.

        Parameters
        ----------
        shape : sequence of two or three int
            Two lengths make a 2D image.
        seed : int
            Equal seeds give equal volumes, bit for bit.
        periodic : sequence of int
            Axes along which the volume must repeat.
        given : GivenSlice, optional
            A slice that the volume must contain, if the spec has ``takes_slice=True``.
        progress : Progress, optional
            An exception that it raises stops the work.
        folder : str or path, optional
            Where a generator that keeps progress saves checkpoints. It is created if
            it does not exist, and removed when the volume is complete.
        resume : bool
            Whether to continue the volume whose checkpoints are in `folder`. The
            request must be the same.

        Returns
        -------
        Volume

        Raises
        ------
        InputError
            If the spec does not offer what is asked for, the slice does not fit, the generator must be fitted
            first, it keeps no progress of its volumes, or `resume` does not fit the
            content of `folder`.
        """
        request = self._checked_request(shape, seed, periodic, given)
        with self._keeping_progress("generate", folder, resume):
            labels = self.make(*request, progress or silent)
        material = self.material or self.default_material()
        source = {"generator": self.id, "parameters": self.parameters(), "seed": int(seed)}
        source |= {} if given is None else {"slice": given.describe()}
        return material.volume(
            labels,
            name=f"{self.id}-{seed}",
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
        given: GivenSlice | None = None,
        progress: Progress | None = None,
        folder: str | Path | None = None,
        resume: bool = False,
    ) -> None:
        """Make a volume and write it to a file, like `generate` followed by `write_volume`.

        If anything fails, no file is left behind. A generator that streams needs
        memory for one block only, whatever the size of the volume; it writes
        ``.tif`` and ``.tiff`` files only.

        Parameters
        ----------
        path : str or path
            The file; its suffix chooses the format, as for `microchar.write_volume`.
        shape, seed, periodic, given, progress, folder, resume
            See `generate`.

        Raises
        ------
        InputError
            See `generate`; also if the file cannot be written or does not fit on the disk.
        """
        volume = self.generate(
            shape, seed=seed, periodic=periodic, given=given, progress=progress, folder=folder, resume=resume
        )
        write_volume(volume, path)

    def remarked(self) -> tuple[str, ...]:
        """Return the remarks about the last volume as texts."""
        return tuple(f"{what}: {value}" for what, value in self.remarks.items())

    def save(self, path: str | Path) -> None:
        """Write the generator to a safetensors file (no pickle). If that fails, no file is left behind."""
        save_generator(self, file_path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a generator from a file that `save` wrote; a file of another generator is an InputError."""
        loaded = load_generator(Path(path))
        if not isinstance(loaded, cls):
            raise InputError(f"{path}: holds a {loaded.id!r} generator, expected {cls.__qualname__}")
        return loaded

    # --- shared by `generate` and streaming generators ---

    def _checked_request(
        self, shape: Sequence[int], seed: int, periodic: Sequence[int], given: GivenSlice | None
    ) -> tuple[Triple, np.random.Generator, tuple[int, ...]]:
        """Return the first three arguments of `make`, set the slice that is given, and clear the remarks."""
        if self.spec.needs_fit and not self.state:
            raise InputError(f"generator {self.id!r} must be fitted before it generates: call fit(volume) first")
        lengths, axes = checked_volume(self.spec, shape, periodic)
        rng = random_generator(seed)
        if given is not None and not self.spec.takes_slice:
            raise InputError(f"generator {self.id!r} makes no volumes around a slice; leave the slice out")
        if given is not None:
            given.labels(self.material or self.default_material(), lengths)  # refuses one that does not fit
        self.held = given
        self.remarks = {}
        return lengths, rng, axes

    @contextmanager
    def _keeping_progress(self, work: Work, folder: str | Path | None, resume: bool) -> Iterator[None]:
        """Set the folder for checkpoints while the block runs; then forget the slice that was given, too."""
        with progress_folder(self.spec, work, folder, resume) as path:
            self.folder, self.resume = path, resume
            try:
                yield
            finally:
                self.folder, self.resume, self.held = None, False, None
