"""Volumes of any size from a network of any size, tile by tile, in bounded memory and without seams."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.progress import Progress
from microchar_gan.tiling.noise import noise

Slices = tuple[slice, slice, slice]

#: Bytes that a tile may take by default.
MEMORY = 3 * 2**30


@dataclass(frozen=True)
class Field:
    """A network as the tiles see it: a local map from endless noise to an endless field of labels.

    Parameters
    ----------
    forward : callable
        From noise (float32, of shape (channels, a, b, c)) to labels (uint8): of
        shape scale·(a, b, c) if it treats its input as one period of a periodic
        field, of shape scale·(a − 2·halo, …) if it `trims`. Rolling or shifting
        the noise by `align` cells shifts the labels by scale·align voxels.
    channels : int
        Of the noise.
    scale : int
        Voxels along each axis for one cell of noise.
    halo : int
        Cells of noise beyond a tile that its labels depend on, a multiple of
        `align`; see `microchar_gan.tiling.halo`.
    align : int
        Tiles begin at multiples of that many cells: 2**depth of a U-net.
    trims : bool
        Whether `forward` leaves out the labels that the halo spoils. If not, the
        tiles leave them out, and a periodic axis that fits whole needs no halo.
    shortest : int
        Fewest cells along an axis that a `forward` which does not trim accepts.
    bytes_per_voxel : float
        Peak memory of `forward` for each voxel of its result.
    """

    forward: Callable[[np.ndarray], np.ndarray]
    channels: int
    scale: int = 1
    halo: int = 0
    align: int = 1
    trims: bool = False
    shortest: int = 1
    bytes_per_voxel: float = 1000.0

    def __post_init__(self) -> None:
        if min(self.channels, self.scale, self.align) < 1 or self.halo < 0 or self.halo % self.align:
            raise InputError(
                f"channels={self.channels}, scale={self.scale}, align={self.align}, halo={self.halo}: expected at "
                "least 1 each, and a halo that is a multiple of align"
            )

    @property
    def unit(self) -> int:
        """Voxels that tiles, and periods, are multiples of."""
        return self.align * self.scale


def blocks(
    field: Field,
    shape: Sequence[int],
    *,
    seed: int,
    periodic: Sequence[int] = (),
    tile: int | Sequence[int] | None = None,
    memory: int = MEMORY,
    progress: Progress | None = None,
) -> Iterator[tuple[Slices, np.ndarray]]:
    """Make a volume tile by tile.

    The volume is the part of an endless field that begins at its origin, so that
    a larger volume of the same seed holds the smaller one; along periodic axes
    the field repeats after the volume's length. Where a forward pass runs out of
    memory, the tile and all further ones are halved.

    Parameters
    ----------
    field : Field
        The network.
    shape : sequence of three int
        Of the volume, in voxels; any lengths along axes that are not periodic.
    seed : int
        Of the noise.
    periodic : sequence of int
        Axes along which the volume repeats; their lengths must be multiples of ``field.unit``.
    tile : int or sequence of three int, optional
        Edges of a tile in voxels, rounded up to multiples of ``field.unit``; by
        default as large as `memory` allows.
    memory : int
        Bytes that a tile may take, by ``field.bytes_per_voxel``.
    progress : callable, optional
        ``progress(fraction, text)`` before each tile and at the end.

    Yields
    ------
    slices : tuple of three slice
        Where the labels belong in the volume.
    labels : ndarray of uint8
        They cover the volume once, planes first.

    Raises
    ------
    InputError
        If the length of a periodic axis does not suit the network, a tile is not
        positive, or the smallest tile runs out of memory.

    Examples
    --------
    >>> import numpy as np
    >>> from microchar_gan.tiling.tiles import Field, blocks
    >>> def forward(noise):
    ...     smooth = sum(np.roll(noise[0], step, axis=0) for step in (-1, 0, 1))
    ...     return (smooth > 0).astype(np.uint8)
    >>> field = Field(forward, channels=1, halo=1)
    >>> [labels.shape for _, labels in blocks(field, (5, 4, 4), seed=0, tile=4)]
    [(4, 4, 4), (1, 4, 4)]
    """
    plan = _Plan(field, triple(shape, "shape"), tuple(sorted(set(periodic))))
    plan.check()
    edges = plan.default_tile(memory) if tile is None else plan.rounded(triple(tile, "tile"))
    return _tiles(plan, edges, seed, progress)


def _tiles(plan: _Plan, tile: Triple, seed: int, progress: Progress | None) -> Iterator[tuple[Slices, np.ndarray]]:
    todo = deque(_cut(_Box((0, 0, 0), plan.cover), tile))
    done = 0
    while todo:
        if progress is not None:
            progress(done / (done + len(todo)), f"tile {done + 1} of {done + len(todo)}")
        labels = _labels(plan, todo[0], seed)
        if labels is None:
            tile = plan.halved(todo[0])
            if progress is not None:
                progress(done / (done + len(todo)), f"out of memory: on with tiles of {plan.voxels(tile)} voxels")
            todo = deque(piece for box in todo for piece in _cut(box, tile))
            continue
        box = todo.popleft()
        done += 1
        where = plan.slices(box)
        yield where, labels[tuple(slice(s.stop - s.start) for s in where)]
    if progress is not None:
        progress(1.0, "tiles")


def _labels(plan: _Plan, box: _Box, seed: int) -> np.ndarray | None:
    """Return the labels of a tile, or None where memory does not suffice."""
    field = plan.field
    extents = [plan.extent(axis, length) for axis, length in enumerate(box.lengths)]
    start = [a - lead for a, (lead, _) in zip(box.start, extents, strict=True)]
    stop = [a + cells for a, (_, cells) in zip(start, extents, strict=True)]
    try:
        labels = field.forward(noise(seed, start, stop, field.channels, plan.periods))
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        return None
    leads = [0 if field.trims else lead * field.scale for lead, _ in extents]
    expected = plan.result(box.lengths)
    assert labels.shape == expected, f"forward gave labels of shape {labels.shape}, expected {expected}"
    return labels[tuple(slice(a, a + n * field.scale) for a, n in zip(leads, box.lengths, strict=True))]


def _out_of_memory(error: Exception) -> bool:
    """PyTorch says it with MemoryError, errors of its own or a RuntimeError, according to version and device."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        sign in text for sign in ("out of memory", "not enough memory", "allocate memory")
    )


class _Box(NamedTuple):
    """A tile without its halo, in cells of noise."""

    start: Triple
    lengths: Triple


def _cut(box: _Box, tile: Triple) -> list[_Box]:
    """Cut into boxes of at most that many cells along each axis."""
    ranges = [
        [(at, min(edge, a + n - at)) for at in range(a, a + n, edge)]
        for a, n, edge in zip(box.start, box.lengths, tile, strict=True)
    ]
    return [_Box((a, b, c), (i, j, k)) for (a, i), (b, j), (c, k) in product(*ranges)]


@dataclass(frozen=True)
class _Plan:
    """How the tiles of a volume lie; lengths in cells of noise unless said otherwise."""

    field: Field
    shape: Triple
    periodic: tuple[int, ...]

    def check(self) -> None:
        """Raise InputError if a periodic axis has a length that the network cannot repeat after."""
        unit = self.field.unit
        for axis in self.periodic:
            length = self.shape[axis]
            if length % unit:
                low = length // unit * unit
                near = f"{low} or {low + unit}" if low else f"{unit}"
                raise InputError(
                    f"shape={self.shape}: axis {axis} is periodic and {length} voxels long; this network repeats "
                    f"after multiples of {unit} voxels only: make it {near}, or not periodic"
                )

    @property
    def cover(self) -> Triple:
        """The cells that hold the volume, whole units of them."""
        return self.rounded(self.shape)

    @property
    def periods(self) -> tuple[int | None, ...]:
        """The period of the noise along each axis."""
        return tuple(n if axis in self.periodic else None for axis, n in enumerate(self.cover))

    def rounded(self, voxels: Triple) -> Triple:
        """Round voxels up to whole units, in cells."""
        a, b, c = (-(-n // self.field.unit) * self.field.align for n in voxels)
        return (a, b, c)

    def voxels(self, cells: Triple) -> Triple:
        """Turn cells into voxels."""
        a, b, c = (n * self.field.scale for n in cells)
        return (a, b, c)

    def slices(self, box: _Box) -> Slices:
        """Return where the labels of a tile belong in the volume, in voxels."""
        start, stop = self.voxels(box.start), self.voxels(box.lengths)
        a, b, c = (slice(s, min(s + n, end)) for s, n, end in zip(start, stop, self.shape, strict=True))
        return (a, b, c)

    def extent(self, axis: int, length: int) -> tuple[int, int]:
        """Return for a tile of that length how many cells of noise lie before it, and how many there are in all."""
        field, period = self.field, self.cover[axis]
        cells = length + 2 * field.halo
        if field.trims:
            return field.halo, cells
        if axis in self.periodic and cells >= period:
            # The network's own padding closes the period; it may begin anywhere, and be gone through repeatedly.
            return 0, period * -(-field.shortest // period)
        return field.halo, max(cells, -(-field.shortest // field.align) * field.align)

    def result(self, tile: Triple) -> Triple:
        """Return the shape of what `forward` makes for a tile, in voxels."""
        if self.field.trims:
            return self.voxels(tile)
        a, b, c = (self.extent(axis, length)[1] for axis, length in enumerate(tile))
        return self.voxels((a, b, c))

    def default_tile(self, memory: int) -> Triple:
        """Return the largest tile that needs at most that many bytes: a cube with its halo, as far as it can be."""
        tile = self.cover
        while np.prod(self.result(tile), dtype=float) * self.field.bytes_per_voxel > memory:
            smaller = self._smaller(tile, lambda length: length - self.field.align)
            if smaller is None:
                break
            tile = smaller
        # As many tiles, of nearly equal lengths.
        counts = [-(-n // edge) for n, edge in zip(self.cover, tile, strict=True)]
        align = self.field.align
        a, b, c = (-(-n // (count * align)) * align for n, count in zip(self.cover, counts, strict=True))
        return (a, b, c)

    def halved(self, box: _Box) -> Triple:
        """Return the tile that goes on where this one ran out of memory."""
        align = self.field.align
        tile = self._smaller(box.lengths, lambda length: max(length // (2 * align), 1) * align)
        if tile is None:
            raise InputError(
                f"out of memory with the smallest tile, {self.voxels(box.lengths)} voxels and their halo of "
                f"{self.field.halo * self.field.scale}: end other programs that use this memory, use a device with "
                "more of it (the processor itself, if this is an accelerator), or a smaller network"
            )
        return tile

    def _smaller(self, tile: Triple, shorten: Callable[[int], int]) -> Triple | None:
        """Shorten a tile along the axis that is longest with its halo, of those where that makes less to compute."""
        shorter = {axis: self._shorter(axis, tile[axis], shorten) for axis in range(3)}
        able = [axis for axis in range(3) if shorter[axis] is not None]
        if not able:
            return None
        axis = max(able, key=lambda axis: self.extent(axis, tile[axis])[1])
        a, b, c = ((shorter[i] or n) if i == axis else n for i, n in enumerate(tile))
        return (a, b, c)

    def _shorter(self, axis: int, length: int, shorten: Callable[[int], int]) -> int | None:
        """Return a shorter tile along an axis that needs less noise, or None if there is none."""
        extent = self.extent(axis, length)[1]
        # Where the period was gone through whole, a tile and its two halos must be shorter than the period.
        for wanted in (shorten(length), self.cover[axis] - 2 * self.field.halo - self.field.align):
            if 0 < wanted < length and self.extent(axis, wanted)[1] < extent:
                return wanted
        return None


def triple(lengths: int | Sequence[int], argument: str) -> Triple:
    """Read one or three numbers of voxels; anything else is an error that names the argument."""
    found = (lengths,) * 3 if isinstance(lengths, int | np.integer) else tuple(lengths)
    if len(found) != 3 or any(not isinstance(n, int | np.integer) or n < 1 for n in found):
        raise InputError(f"{argument}={lengths!r}: expected three numbers of voxels, at least 1")
    return (int(found[0]), int(found[1]), int(found[2]))
