"""Labels of a volume as text: runs of equal labels, compressed, in base64.

Of the packings that were tried (bytes, bit planes, differences of lines and planes, runs), compressed runs are the
smallest for materials whose pores and grains are several voxels wide. Browsers decompress
with ``DecompressionStream("deflate")``.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from microchar.core.grid import Triple, triple
from microchar.core.volume import OUTSIDE, Volume

#: A length of this value is continued by the next one.
_LONGEST = 255
#: Voxels that are read at a time.
_AT_ONCE = 1 << 24


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A packed volume.

    Parameters
    ----------
    shape : tuple of int
        Number of packed voxels along axes 0, 1, 2.
    lengths : str
        Length of each run of equal labels, in C order: a byte, or several, of which all but
        the last are 255 and which add up. Compressed (zlib), in base64.
    labels : str
        Label of each run, a byte; `n_phases` where voxels are outside the mask. Likewise.
    """

    shape: Triple
    lengths: str
    labels: str

    @property
    def size(self) -> int:
        """Number of characters."""
        return len(self.lengths) + len(self.labels)


def pack(volume: Volume, factor: int = 1) -> Packed:
    """Pack the labels of a volume, or of every `factor`-th voxel by majority.

    Parameters
    ----------
    volume : Volume
    factor : int
        Edge of the cubes of voxels that are packed as one, of their most frequent label
        (the lowest of several). Cubes at the far ends may be cut.
    """
    lengths, labels = _Stream(), _Stream()
    for slab in _slabs(volume, factor):
        run_lengths, run_labels = _runs(slab.ravel())
        lengths.add(run_lengths)
        labels.add(run_labels)
    shape = triple(-(-n // factor) for n in volume.shape)
    return Packed(shape=shape, lengths=lengths.text(), labels=labels.text())


class _Stream:
    """Bytes that are compressed as they come."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj()
        self._parts: list[bytes] = []

    def add(self, values: np.ndarray) -> None:
        self._parts.append(self._compressor.compress(values.tobytes()))

    def text(self) -> str:
        return base64.b64encode(b"".join([*self._parts, self._compressor.flush()])).decode("ascii")


def _slabs(volume: Volume, factor: int) -> Iterator[np.ndarray]:
    """Yield the labels from plane to plane, each cube as one voxel, voxels outside the mask as `n_phases`."""
    planes, rows, columns = volume.shape
    step = max(_AT_ONCE // (rows * columns * factor), 1) * factor
    for first in range(0, planes, step):
        labels = volume.read((first, 0, 0), (min(first + step, planes), rows, columns))
        labels[labels == OUTSIDE] = volume.n_phases
        yield labels if factor == 1 else _majority(labels, factor, volume.n_phases + (volume.mask is not None))


def _majority(labels: np.ndarray, factor: int, n_labels: int) -> np.ndarray:
    """Return the most frequent label of each cube, the lowest of several."""
    counts = [block_sums(labels == label, (factor,) * 3) for label in range(n_labels)]
    return np.argmax(counts, axis=0).astype(np.uint8)


def block_sums(array: np.ndarray, edges: Triple) -> np.ndarray:
    """Return the sum of an array of bool over each block of a grid; blocks at the far ends may be cut."""
    sums = array
    for axis, edge in enumerate(edges):
        lines = np.moveaxis(sums, axis, 0)
        # Bytes hold the sums along the first axis, where most of the work is, of all but very long blocks.
        dtype = np.uint8 if axis == 0 and edge < 256 else np.int32
        sums = np.zeros((-(-len(lines) // edge), *lines.shape[1:]), dtype)
        for first in range(min(edge, len(lines))):
            of_each = lines[first::edge]
            sums[: len(of_each)] += of_each
        sums = np.moveaxis(sums, 0, axis)
    return sums


def _runs(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths and the labels of the runs of equal labels, as bytes."""
    begins = np.concatenate([[0], np.flatnonzero(labels[1:] != labels[:-1]) + 1])
    lengths = np.diff(begins, append=labels.size)
    # A length that is a multiple of 255 ends with the byte 0.
    ends = np.cumsum(lengths // _LONGEST + 1) - 1
    coded = np.full(ends[-1] + 1, _LONGEST, np.uint8)
    coded[ends] = lengths % _LONGEST
    return coded, labels[begins]
