"""The contract of a generator, as named checks that can be run on any plugin."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.volume import Volume
from microchar.generation.generator import Generator
from microchar.generation.given_slice import GivenSlice
from microchar.generation.streaming import StreamingGenerator
from microchar.io import read_volume
from microchar.testing.checks import Check, run_checks

#: Number of voxels of a face, in one or several volumes, with which a seam can be told from a chance interface.
_FACE = 300


class _Cancelled(Exception):
    """Exception that the cancelling progress raises."""


def generator_checks(generator: Generator, data: Any = None, *, shape: Sequence[int] = (24, 20, 16)) -> list[Check]:
    """Return the clauses of the contract of `microchar.generation.generator.Generator`, each as a separate check.

    Parameters
    ----------
    generator : Generator
        Unfitted generator with its parameters.
    data : TrainingData, Volume or array_like, optional
        Data to fit the generator to; None for a generator that is made from parameters.
    shape : sequence of int
        Shape of the generated volumes; keep it small.

    Returns
    -------
    list of Check
        No check changes the given generator.

        - ``unfitted``: a generator that needs a fit refuses to generate before it;
        - ``fit``: equal seeds give equal fits, and the training data stay as they were;
        - ``generate``: equal seeds make equal volumes and different seeds different
          ones; shape, data type, phases, grey values and voxel size;
        - ``periodic``: faces fit together where that is offered;
        - ``refusals``: a wrong shape, axes along which it cannot be periodic;
        - ``save``: save and load give an equal generator;
        - ``cancel``: what the progress raises ends the work;
        - ``written``: a volume written to a file, block by block where that is
          offered, is the one generated;
        - ``resume``: a cancelled fit or generate that keeps progress can be resumed and
          gives the result that it would have given without the interruption;
        - ``random_state``: NumPy's global random state is left alone.

    Examples
    --------
    Each clause as a separate test, with pytest::

        @pytest.mark.parametrize("check", generator_checks(Shuffle(), real), ids=str)
        def test_contract(check):
            check()
    """
    clauses: dict[str, Callable[[Generator, Any, Sequence[int]], None]] = {
        "generate": _check_generate,
        "periodic": _check_periodic,
        "refusals": _check_refusals,
        "save": _check_save,
        "cancel": _check_cancel,
        "written": _check_written,
        "random_state": _check_random_state,
    }
    if data is not None:
        clauses = {"unfitted": _check_unfitted, "fit": _check_fit} | clauses
    if generator.spec.keeps_progress:
        clauses["resume"] = _check_resume
    if generator.spec.takes_slice:
        clauses["slice"] = _check_slice
    fitted = _Fitted(generator, data)
    return [Check(name, partial(_run, clause, name, fitted, data, shape)) for name, clause in clauses.items()]


def check_generator(generator: Generator, data: Any = None, *, shape: Sequence[int] = (24, 20, 16)) -> None:
    """Run all `generator_checks` and raise one AssertionError that names every broken clause.

    Parameters
    ----------
    generator, data, shape
        See `generator_checks`.

    Raises
    ------
    AssertionError
        If the generator breaks a clause of its contract.

    Examples
    --------
    >>> import microchar as mc
    >>> mc.testing.check_generator(mc.create_generator("shuffle"), mc.datasets.slabs((8, 8, 8), thicknesses=(2, 2)))
    """
    run_checks(generator_checks(generator, data, shape=shape), f"generator {generator.spec.id!r}")


class _Fitted:
    """Copies of a generator, unfitted or fitted; the fit is done once for all checks that need it."""

    def __init__(self, generator: Generator, data: Any):
        self._generator, self._data = generator, data
        self._fitted: Generator | None = None

    def copy(self, fitted: bool) -> Generator:
        if not fitted or self._data is None:
            return copy.deepcopy(self._generator)
        if self._fitted is None:
            self._fitted = copy.deepcopy(self._generator).fit(self._data, seed=1)
        return copy.deepcopy(self._fitted)


def _run(
    clause: Callable[[Generator, Any, Sequence[int]], None], name: str, fitted: _Fitted, data: Any, shape: Sequence[int]
) -> None:
    clause(fitted.copy(name not in ("unfitted", "fit")), data, shape)


def _global_state() -> np.ndarray:
    state: Any = np.random.get_state()  # noqa: NPY002 - to check that it is not changed
    return np.array(state[1])


def _equal(a: Volume, b: Volume) -> bool:
    return np.array_equal(a.values, b.values)


def _check_unfitted(generator: Generator, data: Any, shape: Sequence[int]) -> None:
    del data
    if generator.spec.needs_fit:
        _refuses(generator, shape, (), "fit")


def _check_fit(generator: Generator, data: Any, shape: Sequence[int]) -> None:
    del shape
    before = _voxels(data)
    assert generator.fit(data, seed=1) is generator, "fit does not return the generator"
    first = {key: array.copy() for key, array in generator.state.items()}
    generator.fit(data, seed=1)
    for key, array in first.items():
        assert np.array_equal(array, generator.state[key]), f"fit: {key!r} differs between two fits of one seed"
    assert np.array_equal(before, _voxels(data), equal_nan=True), "fit: the training data were changed"


def _voxels(data: Any) -> np.ndarray:
    volume = data if isinstance(data, Volume) else getattr(data, "volume", None)
    if volume is not None:
        return np.array(volume.values)
    return np.array(data) if isinstance(data, np.ndarray) else np.empty(0)


def _check_generate(generator: Generator, data: Any, shape: Sequence[int]) -> None:
    del data
    first, again, other = (generator.generate(shape, seed=seed) for seed in (3, 3, 4))
    assert _equal(first, again), "generate: equal seeds make different volumes"
    assert not _equal(first, other), "generate: different seeds make equal volumes"
    wanted = tuple(shape) if len(shape) == 3 else (1, *shape)
    assert first.shape == wanted, f"generate: shape {first.shape}, expected {wanted}"
    assert set(np.unique(first.values)) <= set(first.grey_values), "generate: grey values that belong to no phase"
    material = generator.material or generator.default_material()
    assert (first.phases, first.voxel_size, first.unit) == (material.phases, material.voxel_size, material.unit), (
        "generate: other phases or voxel size than the training data"
    )


def _check_periodic(generator: Generator, data: Any, shape: Sequence[int]) -> None:
    del data
    axes = generator.spec.periodic_axes
    if not axes:
        return
    # Neighbours of different phases must be about as frequent across the periodic faces as elsewhere. A small face can
    # contain an interface by chance, so several volumes are checked.
    sizes = [n for n in shape if n > 1]
    repeats = min(16, -(-_FACE * max(sizes) // int(np.prod(sizes))))
    volumes = [generator.generate(shape, seed=5 + i, periodic=axes).values for i in range(repeats)]
    for axis in (axis for axis in axes if volumes[0].shape[axis] > 1):
        inside = np.mean([np.diff(volume, axis=axis) != 0 for volume in volumes])
        across = np.mean([np.take(volume, 0, axis) != np.take(volume, -1, axis) for volume in volumes])
        assert across <= 2.5 * inside + 0.05, f"periodic: a seam along axis {axis} ({across:.2f} against {inside:.2f})"


def _check_refusals(generator: Generator, data: Any, shape: Sequence[int]) -> None:
    del data
    for bad in ((), (4,), (0, 8, 8), (2, 2, 2, 2)):
        _refuses(generator, bad, (), "shape")
    refused = sorted({0, 1, 2} - set(generator.spec.periodic_axes))
    if refused:
        _refuses(generator, shape, refused[:1], "periodic")
    _refuses(generator, shape, (3,), "periodic")


def _refuses(
    generator: Generator, shape: Sequence[int], periodic: Sequence[int], word: str, given: GivenSlice | None = None
) -> None:
    message = ""
    try:
        generator.generate(shape, periodic=periodic, given=given)
    except InputError as error:
        message = str(error)
    asked = f"shape={tuple(shape)}, periodic={tuple(periodic)}" + (f", {given}" if given else "")
    assert message, f"refusal: {asked} was accepted"
    assert word in message, f"refusal: the error does not say {word!r}: {message}"


def _check_slice(generator: Generator, data: Any, shape: Sequence[int]) -> None:
    """A volume contains the slice that is given, wherever it lies, and the seed decides on the rest."""
    del data
    values = generator.generate(shape, seed=1).values
    for axis, n in enumerate(shape):
        image = np.take(np.asarray(values), n // 2, axis)
        given = GivenSlice(image, axis, n // 3)
        made = [np.asarray(generator.generate(shape, seed=seed, given=given).values) for seed in (2, 3)]
        for one in made:
            assert np.array_equal(np.take(one, n // 3, axis), image), f"slice: the one across axis {axis} is another"
        assert not np.array_equal(made[0], made[1]), "slice: two seeds gave the same volume"
    _refuses(generator, shape, (), "slice", GivenSlice(image, 2, shape[2]))


def _check_save(generator: Generator, data: Any, shape: Sequence[int]) -> None:
    del data
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        generator.save(path)
        assert [file.name for file in Path(folder).iterdir()] == [path.name], "save: leaves other files behind"
        loaded = type(generator).load(path)
    assert loaded == generator, "load: other parameters than were saved"
    assert loaded.material == generator.material, "load: other phases or voxel size than were saved"
    assert _equal(loaded.generate(shape, seed=6), generator.generate(shape, seed=6)), "load: makes another volume"


def _check_random_state(generator: Generator, data: Any, shape: Sequence[int]) -> None:
    before = _global_state()
    if data is not None:
        generator.fit(data, seed=2)
    generator.generate(shape, seed=2)
    assert np.array_equal(before, _global_state()), "the global random state was used"


def _check_cancel(generator: Generator, data: Any, shape: Sequence[int]) -> None:
    def cancel(fraction: float, what: str) -> None:
        raise _Cancelled

    expected = generator.generate(shape, seed=7)
    for work in ("generate", "fit") if data is not None else ("generate",):
        try:
            if work == "fit":
                generator.fit(data, seed=8, progress=cancel)
            else:
                generator.generate(shape, seed=8, progress=cancel)
        except _Cancelled:
            pass
        else:
            raise AssertionError(f"cancel: {work} never calls the progress, or swallows what it raises")
    assert _equal(generator.generate(shape, seed=7), expected), "cancel: the generator is not as it was before"


def _check_written(generator: Generator, data: Any, shape: Sequence[int]) -> None:
    del data
    assert generator.spec.streams == isinstance(generator, StreamingGenerator), (
        "streams: the spec says one thing, the class (a StreamingGenerator, or not) another"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "volume.tif"
        generator.generate_to(path, shape, seed=9, periodic=generator.spec.periodic_axes)
        written = read_volume(path).values
    made = generator.generate(shape, seed=9, periodic=generator.spec.periodic_axes).values
    assert np.array_equal(written, made), "generate_to: the file holds another volume than generate makes"


def _check_resume(generator: Generator, data: Any, shape: Sequence[int]) -> None:
    keeps = generator.spec.keeps_progress
    if "fit" in keeps and data is not None:
        _check_resumed_fit(generator, data)
    if "generate" in keeps:
        _check_resumed_volume(generator, shape)


def _check_resumed_fit(generator: Generator, data: Any) -> None:
    """Stop a fit half-way and resume it."""
    calls = _Calls()
    expected = copy.deepcopy(generator).fit(data, seed=10, progress=calls).state
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "progress"
        with suppress(_Cancelled):
            generator.fit(data, seed=10, progress=_Calls(stop_at=max(1, calls.number // 2)), folder=folder)
        assert folder.is_dir(), "resume: a cancelled fit leaves no checkpoint"
        generator.fit(data, seed=10, folder=folder, resume=True)
    for key, array in expected.items():
        assert np.array_equal(array, generator.state[key]), f"resume: {key!r} differs from that of an undisturbed fit"


def _check_resumed_volume(generator: Generator, shape: Sequence[int]) -> None:
    """Stop the generation of a volume and resume it."""
    calls = _Calls()
    expected = generator.generate(shape, seed=10, progress=calls)
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "progress"
        # Of a small volume most calls may precede the first checkpoint.
        with suppress(_Cancelled):
            generator.generate(shape, seed=10, progress=_Calls(stop_at=calls.number), folder=folder)
        assert folder.is_dir(), "resume: a cancelled generate leaves no checkpoint"
        with suppress(InputError):
            generator.generate(shape, seed=11, folder=folder, resume=True)
            raise AssertionError("resume: the checkpoint of another seed was accepted")
        resumed = generator.generate(shape, seed=10, folder=folder, resume=True)
        assert not folder.exists(), "resume: a complete volume leaves a checkpoint behind"
    assert _equal(resumed, expected), "resume: another volume than that of an undisturbed generate"


class _Calls:
    """A progress that counts its calls, and cancels the work at one of them."""

    def __init__(self, stop_at: int = 0):
        self.number, self._stop_at = 0, stop_at

    def __call__(self, fraction: float, text: str, /) -> None:
        self.number += 1
        if self.number == self._stop_at:
            raise _Cancelled
