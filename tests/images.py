"""Small images for the tests of reading and writing, and how a path is refused."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

import microchar as mc

SHAPE = (7, 9, 11)
BINARY_SHAPE = (5, 24, 31)


def voxels(shape=SHAPE, dtype=np.uint8, greys=(0, 3, 9), seed=0):
    """Return voxels of random grey values."""
    return np.random.default_rng(seed).choice(np.array(greys, dtype), shape)


def base_of(array):
    """Return the array, memory-mapped perhaps, that an array is a view of."""
    while array.base is not None and not isinstance(array, np.memmap):
        array = array.base
    return array


def write_slices(folder, image, suffix=".png"):
    """Write the planes of an image as numbered files."""
    folder.mkdir()
    for place, plane in enumerate(image, start=1):
        file = folder / f"slice {place}{suffix}"  # 1, 2, 10: not in the order of the alphabet
        Image.fromarray(plane).save(file) if suffix == ".png" else tifffile.imwrite(file, plane)


def binary_voxels(shape=BINARY_SHAPE, dtype=np.uint8):
    """Return voxels that are 0 or 1 at random."""
    return np.random.default_rng(0).integers(0, 2, shape).astype(dtype)


def refusal(path, **how):
    """Return the message with which a path is refused; it must begin with the path as given."""
    with pytest.raises(mc.InputError) as caught:
        mc.read_volume(path, **how)
    message = str(caught.value)
    assert message.startswith(str(path))
    return message


def assert_says(message, *parts):
    """Check that a message holds all of these parts."""
    for part in parts:
        assert part in message
