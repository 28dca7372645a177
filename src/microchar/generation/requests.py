"""Checks of what `Generator.fit` and `Generator.generate` are asked for, against the spec of the generator."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple, triple
from microchar.core.memory import physical_memory
from microchar.generation.spec import GeneratorSpec
from microchar.generation.training import TrainingData


def check_data(spec: GeneratorSpec, data: TrainingData) -> None:
    """Raise InputError unless a generator can be fitted to these data."""
    if data.kind not in spec.inputs:
        raise InputError(f"generator {spec.id!r} is made from {' or '.join(spec.inputs)}, found {data.kind}")
    least, most = spec.phases
    phases = data.material.phases
    if not least <= len(phases) <= most:
        expected = str(least) if least == most else f"{least} to {most}"
        raise InputError(f"generator {spec.id!r} needs {expected} phases, the training data have {len(phases)}")
    absent = [phase for phase, share in zip(phases, data.volume_fractions(), strict=True) if share == 0]
    if absent:
        raise InputError(
            f"generator {spec.id!r}: phase {absent[0]!r} has no voxels in the training data, so that nothing can be "
            "learnt about it; expected at least one voxel of each phase"
        )


def checked_volume(
    spec: GeneratorSpec, shape: Sequence[int], periodic: Sequence[int]
) -> tuple[Triple, tuple[int, ...]]:
    """Return three lengths and the periodic axes longer than one voxel.

    Raises
    ------
    InputError
        If a generator of this spec cannot make such a volume.
    """
    axes = _whole_numbers(periodic, "periodic", "the numbers of axes")
    lengths = _checked_shape(spec, _whole_numbers(shape, "shape", "two or three lengths"))
    refused = sorted(set(axes) - set(spec.periodic_axes))
    if refused:
        able = ", ".join(map(str, spec.periodic_axes)) or "none"
        raise InputError(
            f"periodic={axes!r}: generator {spec.id!r} can be periodic along axes {able}, "
            f"not along {', '.join(map(str, refused))}"
        )
    return lengths, tuple(axis for axis in sorted(set(axes)) if lengths[axis] > 1)


def _checked_shape(spec: GeneratorSpec, shape: tuple[int, ...]) -> Triple:
    lengths = (1, *shape) if len(shape) == 2 else shape
    if len(lengths) != 3 or min(lengths) < 1:
        raise InputError(f"shape={shape!r}: expected two or three lengths of at least one voxel")
    ndim = sum(n > 1 for n in lengths)
    if ndim not in spec.ndim:
        offers = " or ".join(f"{n}D" for n in spec.ndim)
        raise InputError(f"shape={shape!r}: generator {spec.id!r} makes {offers}, not {ndim}D")
    if not spec.streams:
        refuse_beyond_memory(shape)
    if math.prod(lengths) >= 2**63:
        raise InputError(f"shape={shape!r}: expected less than 2^63 voxels")
    odd = [n for n in lengths if n > 1 and n % spec.multiple_of]
    if odd:
        raise InputError(
            f"shape={shape!r}: generator {spec.id!r} needs multiples of {spec.multiple_of}, found {odd[0]}"
        )
    return triple(lengths)


def refuse_beyond_memory(shape: tuple[int, ...]) -> None:
    """Raise InputError if the labels of a volume, at least a byte each, do not fit into the memory of this machine."""
    if math.prod(shape) > physical_memory():
        raise InputError(
            f"shape={shape!r}: {math.prod(shape):.3g} voxels do not fit into the memory of this machine, "
            f"{physical_memory():.3g} bytes; make smaller volumes"
        )


def random_generator(seed: int) -> np.random.Generator:
    """Return NumPy's generator of random numbers for a seed; other seeds than whole numbers are an InputError."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed={seed!r}: expected a whole number, 0 or greater")
    return np.random.default_rng(int(seed))


def _whole_numbers(numbers: Any, argument: str, expected: str) -> tuple[int, ...]:
    """Return a sequence of whole numbers; anything else, Booleans included, is an error that names the argument."""
    try:
        if any(isinstance(number, bool | np.bool_) for number in numbers):
            raise TypeError
        return tuple(operator.index(number) for number in numbers)
    except TypeError:
        raise InputError(f"{argument}={numbers!r}: expected {expected}, a sequence of whole numbers") from None
