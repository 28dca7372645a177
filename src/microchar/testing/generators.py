"""The contract of a generator as a test that any plugin can be put to."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from microchar.errors import InputError
from microchar.generator import Generator
from microchar.io import read_volume
from microchar.streaming import StreamingGenerator
from microchar.volume import Volume

#: So many voxels of a face, of one volume or several, tell a seam from an interface that is there by chance.
_FACE = 300


class _Cancelled(Exception):
    """What the cancelling callback raises."""


def check_generator(generator: Generator, data: Any = None, *, shape: Sequence[int] = (24, 20, 16)) -> None:
    """Raise AssertionError if a generator breaks the contract of `microchar.generator.Generator`.

    Checked are: equal seeds make equal volumes and different seeds different
    ones, fits included; shape, data type, phases, grey values and voxel size;
    periodic faces where they are offered; that save and load give an equal
    generator; what is refused (an unfitted generator, a wrong shape, axes along
    which it cannot be periodic); that a callback can cancel; that a volume written
    to a file, block by block where that is offered, is the one generated; that a
    cancelled fit which keeps progress can be resumed and ends as if it had not
    been; that NumPy's global random state and the training data are left alone.

    Parameters
    ----------
    generator : Generator
        Unfitted, with its parameters.
    data : TrainingData, Volume or array_like, optional
        What to fit it to; none for a generator that is made from parameters.
    shape : sequence of int
        Of the volumes it is asked for; small.

    Raises
    ------
    AssertionError
        Naming the clause that is broken.
    """
    before = _global_state()
    if data is not None:
        _check_unfitted(generator, shape)
        _check_fit(generator, data)
    _check_generate(generator, shape)
    _check_periodic(generator, shape)
    _check_refusals(generator, shape)
    _check_save(generator, shape)
    _check_cancel(generator, data, shape)
    _check_written(generator, shape)
    if data is not None and generator.spec.keeps_progress:
        _check_resume(generator, data)
    assert np.array_equal(before, _global_state()), "the global random state was used"


def _global_state() -> np.ndarray:
    state: Any = np.random.get_state()  # noqa: NPY002 - to see that nobody touches it
    return np.array(state[1])


def _equal(a: Volume, b: Volume) -> bool:
    return np.array_equal(a.values, b.values)


def _check_unfitted(generator: Generator, shape: Sequence[int]) -> None:
    if generator.spec.needs_fit:
        _refuses(generator, shape, (), "fit")


def _check_fit(generator: Generator, data: Any) -> None:
    assert generator.fit(data, seed=1) is generator, "fit does not return the generator"
    first = {key: array.copy() for key, array in generator.state.items()}
    generator.fit(data, seed=1)
    for key, array in first.items():
        assert np.array_equal(array, generator.state[key]), f"fit: {key!r} differs between two fits of one seed"


def _check_generate(generator: Generator, shape: Sequence[int]) -> None:
    one, again, other = (generator.generate(shape, seed=seed) for seed in (3, 3, 4))
    assert _equal(one, again), "generate: equal seeds make different volumes"
    assert not _equal(one, other), "generate: different seeds make equal volumes"
    wanted = tuple(shape) if len(shape) == 3 else (1, *shape)
    assert one.shape == wanted, f"generate: shape {one.shape}, expected {wanted}"
    assert set(np.unique(one.values)) <= set(one.grey_values), "generate: grey values that belong to no phase"
    material = generator.material or generator.default_material()
    assert (one.phases, one.voxel_size, one.unit) == (material.phases, material.voxel_size, material.unit), (
        "generate: other phases or voxel size than the training data"
    )


def _check_periodic(generator: Generator, shape: Sequence[int]) -> None:
    axes = generator.spec.periodic_axes
    if not axes:
        return
    # Unlike neighbours must be about as frequent across the wrapped faces as elsewhere. A small face holds an
    # interface by chance, so that several are looked at.
    sizes = [n for n in shape if n > 1]
    repeats = min(16, -(-_FACE * max(sizes) // int(np.prod(sizes))))
    volumes = [generator.generate(shape, seed=5 + i, periodic=axes).values for i in range(repeats)]
    for axis in (axis for axis in axes if volumes[0].shape[axis] > 1):
        inside = np.mean([np.diff(volume, axis=axis) != 0 for volume in volumes])
        across = np.mean([np.take(volume, 0, axis) != np.take(volume, -1, axis) for volume in volumes])
        assert across <= 2.5 * inside + 0.05, f"periodic: a seam along axis {axis} ({across:.2f} against {inside:.2f})"


def _check_refusals(generator: Generator, shape: Sequence[int]) -> None:
    for bad in ((), (4,), (0, 8, 8), (2, 2, 2, 2)):
        _refuses(generator, bad, (), "shape")
    refused = sorted({0, 1, 2} - set(generator.spec.periodic_axes))
    if refused:
        _refuses(generator, shape, refused[:1], "periodic")
    _refuses(generator, shape, (3,), "periodic")


def _refuses(generator: Generator, shape: Sequence[int], periodic: Sequence[int], word: str) -> None:
    message = ""
    try:
        generator.generate(shape, periodic=periodic)
    except InputError as error:
        message = str(error)
    assert message, f"refusal: shape={tuple(shape)}, periodic={tuple(periodic)} was accepted"
    assert word in message, f"refusal: the error does not say {word!r}: {message}"


def _check_save(generator: Generator, shape: Sequence[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        generator.save(path)
        assert [file.name for file in Path(folder).iterdir()] == [path.name], "save: leaves other files behind"
        loaded = type(generator).load(path)
    assert loaded == generator, "load: other parameters than were saved"
    assert loaded.material == generator.material, "load: other phases or voxel size than were saved"
    assert _equal(loaded.generate(shape, seed=6), generator.generate(shape, seed=6)), "load: makes another volume"


def _check_cancel(generator: Generator, data: Any, shape: Sequence[int]) -> None:
    def cancel(fraction: float, what: str) -> None:
        raise _Cancelled

    expected = generator.generate(shape, seed=7)
    for work in ("generate", "fit") if data is not None else ("generate",):
        try:
            if work == "fit":
                generator.fit(data, seed=8, callback=cancel)
            else:
                generator.generate(shape, seed=8, callback=cancel)
        except _Cancelled:
            pass
        else:
            raise AssertionError(f"cancel: {work} never calls the callback, or swallows what it raises")
    assert _equal(generator.generate(shape, seed=7), expected), "cancel: the generator is not as it was before"


def _check_written(generator: Generator, shape: Sequence[int]) -> None:
    assert generator.spec.streams == isinstance(generator, StreamingGenerator), (
        "streams: the spec says one thing, the class (a StreamingGenerator, or not) another"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "volume.tif"
        generator.generate_to(path, shape, seed=9, periodic=generator.spec.periodic_axes)
        written = read_volume(path).values
    made = generator.generate(shape, seed=9, periodic=generator.spec.periodic_axes).values
    assert np.array_equal(written, made), "generate_to: the file holds another volume than generate makes"


def _check_resume(generator: Generator, data: Any) -> None:
    """Stop a fit half-way and resume it."""
    calls = 0
    stop_at: float = float("inf")

    def callback(fraction: float, what: str) -> None:
        nonlocal calls
        calls += 1
        if calls >= stop_at:
            raise _Cancelled

    generator.fit(data, seed=10, callback=callback)
    whole = {key: array.copy() for key, array in generator.state.items()}
    with tempfile.TemporaryDirectory() as folder:
        progress = Path(folder) / "progress"
        calls, stop_at = 0, max(1, calls // 2)
        with suppress(_Cancelled):
            generator.fit(data, seed=10, callback=callback, folder=progress)
        assert progress.is_dir(), "resume: a fit that was cancelled leaves no checkpoint"
        generator.fit(data, seed=10, folder=progress, resume=True)
    for key, array in whole.items():
        assert np.array_equal(array, generator.state[key]), f"resume: {key!r} is not what an undisturbed fit learns"
