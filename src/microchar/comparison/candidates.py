"""Volumes in the forms in which other codes hold them: batches of arrays, one-hot phases, mappings, iterators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from microchar.core.arrays import plain_array
from microchar.core.errors import InputError
from microchar.core.phases import MAX_PHASES
from microchar.core.volume import Volume, as_volume


def volumes_of(data: Any, name: str, *, one_hot: bool = False) -> list[Volume]:
    """Return the volumes of anything that holds volumes.

    Parameters
    ----------
    data : Volume, array_like, or mapping, list, tuple or iterator of them
        An iterator is exhausted: all its volumes are in memory together. Arrays have
        the shape (D, H, W), (N, D, H, W) or (N, 1, D, H, W); a 2D image has the shape
        (H, W).
    name : str
        Name of the volume if it has none; numbered if there are several. The keys of
        a mapping are names.
    one_hot : bool
        Whether arrays have an axis of phases: (P, D, H, W) or (N, P, D, H, W). The
        phase of a voxel is that with the largest number.

    Raises
    ------
    InputError
        If an array has another shape, or a voxel has no single largest number.
    """
    if isinstance(data, Mapping):
        named = [(str(key), _of_one(each, str(key), one_hot)) for key, each in data.items()]
        return [
            replace(volume, name=label)
            for key, volumes in named
            for label, volume in zip(_names(key, len(volumes)), volumes, strict=True)
        ]
    if isinstance(data, list | tuple | Iterator):
        several = list(data)
        labels = _names(name, len(several))
        return [v for label, each in zip(labels, several, strict=True) for v in _of_one(each, label, one_hot)]
    return _of_one(data, name, one_hot)


def _names(name: str, number: int) -> list[str]:
    return [name] if number == 1 else [f"{name} {place}" for place in range(1, number + 1)]


def _of_one(data: Any, name: str, one_hot: bool) -> list[Volume]:
    return [data] if isinstance(data, Volume) else _of_array(data, name, one_hot)


def _of_array(data: Any, name: str, one_hot: bool) -> list[Volume]:
    array = data if hasattr(data, "shape") else plain_array(data, name).values
    shape = tuple(int(n) for n in array.shape)
    batch = len(shape) == 5 or (len(shape) == 4 and not one_hot)
    if one_hot and len(shape) not in (4, 5):
        raise InputError(f"{name}: one-hot phases have the shape (P, D, H, W) or (N, P, D, H, W), found {shape}")
    if len(shape) == 5 and not one_hot and shape[1] != 1:
        raise InputError(
            f"{name}: found a batch of shape {shape}, expected (N, D, H, W) or one channel, (N, 1, D, H, W); "
            "if the channels are phases, pass the phase of each voxel, array.argmax(1) (or say one_hot=True to compare)"
        )
    samples = [array[number] for number in range(shape[0])] if batch else [array]
    if not samples:
        raise InputError(f"{name}: the batch of shape {shape} holds no volume")
    labels = _names(name, len(samples))
    if batch and not one_hot and len(samples) > 1 and _is_one_hot(samples):
        raise InputError(
            f"{name}: exactly one of the {len(samples)} volumes of shape {shape[1:]} is 1 at each voxel, the others "
            "are 0: these are one-hot phases of one volume; pass the phase of each voxel, array.argmax(0)"
        )
    if one_hot:
        return [_of_phases(sample, label) for sample, label in zip(samples, labels, strict=True)]
    samples = [sample[0] if len(shape) == 5 else sample for sample in samples]
    return [as_volume(sample, name=label) for sample, label in zip(samples, labels, strict=True)]


def _is_one_hot(samples: list[Any]) -> bool:
    """Return whether samples of a batch are the indicators of phases: each voxel is in one of them."""
    arrays = [plain_array(sample, "batch").values for sample in samples[: MAX_PHASES + 1]]
    if len(samples) > MAX_PHASES or not all(((array == 0) | (array == 1)).all() for array in arrays):
        return False
    return bool((np.sum(arrays, axis=0) == 1).all())


def _of_phases(sample: Any, name: str) -> Volume:
    shares = plain_array(sample, name).values
    n = len(shares)
    if not 1 <= n <= MAX_PHASES:
        raise InputError(f"{name}: found {n} phases along the first axis, expected at most {MAX_PHASES}")
    largest = shares.max(axis=0)
    if not ((shares == largest).sum(axis=0) == 1).all():
        raise InputError(f"{name}: in some voxels no single phase has the largest number; expected one-hot phases")
    # All phases exist, also those that no voxel has.
    return as_volume(
        np.argmax(shares, axis=0).astype(np.uint8), phases={str(phase): phase for phase in range(n)}, name=name
    )
