"""What a training learns from and what it is judged by: contiguous parts with a gap between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microchar.generation.training import TrainingData

#: Voxels between the parts: slices on both sides of less would share features.
GAP = 40
#: Share of the data that is held out, if the critic's slices leave room for it.
SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """Labels to learn from, data to be judged by, and how they were parted."""

    labels: np.ndarray | dict[int, Sequence[np.ndarray]]
    held_out: TrainingData
    how: str
    #: Whether nothing held out was learnt from.
    clean: bool


def split(data: TrainingData, crop: int) -> Split:
    """Part a volume (along its longest axis) or 2D images into train | gap | held out.

    Where there is no room for that, the training data are held out from nothing,
    and `how` says so.
    """
    return _split_volume(data, crop) if data.volume is not None else _split_images(data, crop)


def _room(n: int, crop: int) -> tuple[int, int] | None:
    """Return where training ends and where the held-out part begins along n voxels."""
    held = max(crop, round(SHARE * n))
    train = n - held - GAP
    # What is learnt from stays the larger part.
    return (train, n - held) if train >= max(crop, held) else None


_SAME = "the data are too small to hold a part out: scores are of the very data that were learnt from"


def _split_volume(data: TrainingData, crop: int) -> Split:
    volume = data.volume
    assert volume is not None
    labels = volume.read()
    axis = int(np.argmax(volume.shape))
    room = _room(volume.shape[axis], crop)
    if room is None:
        return Split(labels, data, _SAME, clean=False)
    train, start = room
    corner = [start if a == axis else 0 for a in range(3)]
    held = TrainingData(material=data.material, volume=volume.crop(corner, volume.shape))
    kept = np.ascontiguousarray(np.take(labels, range(train), axis))
    how = f"along axis {axis}: 0 to {train} learnt from, {start} to {volume.shape[axis]} held out"
    return Split(kept, held, how, clean=True)


def _split_images(data: TrainingData, crop: int) -> Split:
    kept: dict[int, Sequence[np.ndarray]] = {}
    held: dict[int, tuple[np.ndarray, ...]] = {}
    for axis, group in data.slices.items():
        parts = _parts(group, crop)
        if parts is None:
            return Split(dict(data.slices), data, _SAME, clean=False)
        kept[axis], held[axis] = parts
    how = "the end of each image held out, or the last fifth of the images where they are too small to be cut"
    return Split(kept, TrainingData(material=data.material, slices=held), how, clean=True)


def _parts(group: Sequence[np.ndarray], crop: int) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]] | None:
    kept: list[np.ndarray] = []
    held: list[np.ndarray] = []
    for image in group:
        axis = int(np.argmax(image.shape))
        room = _room(image.shape[axis], crop)
        if room is None:
            # They may be planes that follow each other: of those at the end one only has a neighbour learnt from.
            whole = len(group) - len(group) // 5
            return (tuple(group[:whole]), tuple(group[whole:])) if len(group) >= 5 else None
        kept.append(np.ascontiguousarray(np.take(image, range(room[0]), axis)))
        held.append(np.ascontiguousarray(np.take(image, range(room[1], image.shape[axis]), axis)))
    return tuple(kept), tuple(held)
