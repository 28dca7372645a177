"""The split of training data into a part to learn from and a held-out part, with a gap between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microchar.generation.training import TrainingData

#: Voxels between the parts: with less, slices on both sides would share features.
GAP = 40
#: Share of the data that is held out, if slices of the critic's size fit.
SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """Labels to learn from, held-out data to score by, and a description of the split."""

    labels: np.ndarray | dict[int, Sequence[np.ndarray]]
    held_out: TrainingData
    how: str
    #: Whether the two parts have nothing in common.
    clean: bool


def split(data: TrainingData, crop: int) -> Split:
    """Split a volume (along its longest axis) or 2D images into train | gap | held out.

    Data that are too small to be split serve as both parts, and `how` states that.
    """
    return _split_volume(data, crop) if data.volume is not None else _split_images(data, crop)


def _room(n: int, crop: int) -> tuple[int, int] | None:
    """Return the end of the training part and the start of the held-out part along n voxels, None without room."""
    held = max(crop, round(SHARE * n))
    train = n - held - GAP
    # The training part must stay the larger one.
    return (train, n - held) if train >= max(crop, held) else None


_SAME = "the data are too small to hold a part out: scores are of the training data themselves"


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
    how = f"along axis {axis}: 0 to {train} for training, {start} to {volume.shape[axis]} held out"
    return Split(kept, held, how, clean=True)


def _split_images(data: TrainingData, crop: int) -> Split:
    kept: dict[int, Sequence[np.ndarray]] = {}
    held: dict[int, tuple[np.ndarray, ...]] = {}
    for axis, group in data.slices.items():
        parts = _parts(group, crop)
        if parts is None:
            return Split(dict(data.slices), data, _SAME, clean=False)
        kept[axis], held[axis] = parts
    how = "the end of each image held out, or the last fifth of the images where they are too small to be split"
    return Split(kept, TrainingData(material=data.material, slices=held), how, clean=True)


def _parts(group: Sequence[np.ndarray], crop: int) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]] | None:
    kept: list[np.ndarray] = []
    held: list[np.ndarray] = []
    for image in group:
        axis = int(np.argmax(image.shape))
        room = _room(image.shape[axis], crop)
        if room is None:
            # The images may be consecutive planes: of the last ones, only one is next to a training plane.
            cut = len(group) - len(group) // 5
            return (tuple(group[:cut]), tuple(group[cut:])) if len(group) >= 5 else None
        kept.append(np.ascontiguousarray(np.take(image, range(room[0]), axis)))
        held.append(np.ascontiguousarray(np.take(image, range(room[1], image.shape[axis]), axis)))
    return tuple(kept), tuple(held)
