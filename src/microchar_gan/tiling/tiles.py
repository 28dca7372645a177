"""Volumes of any size from a network, tile by tile, in bounded memory and without seams."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple, triple
from microchar.core.progress import Progress
from microchar_gan.tiling.lattice_noise import noise

Slices = tuple[slice, slice, slice]
#: Gives the input of a network in a box of cells: start, stop and the period of each axis.
Source = Callable[[Sequence[int], Sequence[int], Sequence[int | None]], np.ndarray]

#: Memory of a tile by default, in bytes.
MEMORY = 3 * 2**30


@dataclass(frozen=True)
class Field:
    """A network as a local map from an endless grid of noise to an endless grid of labels.

    Parameters
    ----------
    forward : callable
        From noise (float32, of shape (channels, a, b, c)) to labels (uint8): of
        shape scale·(a, b, c) if it treats its input as one period, of shape
        scale·(a − 2·halo, …) if it `trims`. Rolling or shifting the noise by `align`
        cells shifts the labels by scale·align voxels.
    channels : int
        Channels of the noise.
    scale : int
        Voxels along each axis for one cell of noise.
    halo : int
        Cells of noise around a tile that its labels depend on, a multiple of
        `align`; see `microchar_gan.tiling.halo`.
    align : int
        Tiles begin at multiples of this many cells: 2**depth for a U-net.
    trims : bool
        Whether `forward` omits the labels of the halo. If not, they are cut off here,
        and a periodic axis that fits into one tile needs no halo.
    shortest : int
        Smallest number of cells along an axis that a `forward` without trimming accepts.
    bytes_per_voxel : float
        Peak memory of `forward` per voxel of its result.
    part : callable, optional
        From noise and a box of its cells to the labels of the box alone: what `forward` makes there,
        to rounding, with less work. Not together with `trims`.
    part_bytes : callable, optional
        From the shape of the noise and the box to the peak memory of `part`.
    """

    forward: Callable[[np.ndarray], np.ndarray]
    channels: int
    scale: int = 1
    halo: int = 0
    align: int = 1
    trims: bool = False
    shortest: int = 1
    bytes_per_voxel: float = 1000.0
    part: Callable[[np.ndarray, Slices], np.ndarray] | None = None
    part_bytes: Callable[[Triple, Slices], float] | None = None

    def __post_init__(self) -> None:
        if min(self.channels, self.scale, self.align) < 1 or self.halo < 0 or self.halo % self.align:
            raise InputError(
                f"channels={self.channels}, scale={self.scale}, align={self.align}, halo={self.halo}: expected at "
                "least 1 each, and a halo that is a multiple of align"
            )

    @property
    def unit(self) -> int:
        """Voxels: tiles and periods are multiples of it."""
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

    The volume is the part of an endless grid of labels that begins at its origin, so
    that a larger volume of the same seed contains the smaller one. Along periodic
    axes the labels repeat after the volume's length. If a forward pass runs out of
    memory, this tile and all further ones are halved.

    Parameters
    ----------
    field : Field
        The network.
    shape : sequence of three int
        Shape of the volume in voxels; any lengths along axes that are not periodic.
    seed : int
        Seed of the noise.
    periodic : sequence of int
        Axes along which the volume repeats; their lengths must be multiples of ``field.unit``.
    tile : int or sequence of three int, optional
        Edges of a tile in voxels, rounded up to multiples of ``field.unit``. Default:
        as large as `memory` allows.
    memory : int
        Memory of a tile in bytes, estimated by ``field.bytes_per_voxel``.
    progress : callable, optional
        ``progress(fraction, text)`` before each tile and at the end.

    Yields
    ------
    slices : tuple of three slice
        Position of the labels in the volume.
    labels : ndarray of uint8
        The blocks cover the volume once, planes first.

    Raises
    ------
    InputError
        If the length of a periodic axis is no multiple of ``field.unit``, a tile is not
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
    return sweep(
        field,
        shape,
        lambda start, stop, periods: noise(seed, start, stop, field.channels, periods),
        periodic=periodic,
        tile=tile,
        memory=memory,
        progress=progress,
    )


def tile_of(field: Field, shape: Triple, periodic: Sequence[int], longest: int, memory: int = MEMORY) -> Triple:
    """Return the edges of the tiles of a volume, in voxels: as large as memory allows, at most about `longest`."""
    check_periods(shape, periodic, field.unit)
    plan = _Plan(field, shape, tuple(periodic))
    fits, capped = plan.voxels(plan.default_tile(memory)), max(longest // field.unit, 1) * field.unit
    a, b, c = (edge if edge <= capped else capped for edge in fits)
    return (a, b, c)


def labels_in(
    field: Field, shape: Triple, box: Slices, *, seed: int, periodic: Sequence[int], progress: Progress | None = None
) -> np.ndarray:
    """Return the labels of one of the tiles that `tile_of` cuts a volume into; those that `blocks` makes there."""
    plan = _Plan(field, shape, tuple(periodic))
    start, lengths = (
        plan.rounded(triple(edge)) for edge in zip(*((s.start, s.stop - s.start) for s in box), strict=True)
    )

    def source(a: Sequence[int], b: Sequence[int], periods: Sequence[int | None]) -> np.ndarray:
        return noise(seed, a, b, field.channels, periods)

    labels = np.empty([s.stop - s.start for s in box], np.uint8)
    for where, values in _tiles(plan, _Box(start, lengths), lengths, source, progress):
        a, b, c = (slice(w.start - s.start, w.stop - s.start) for w, s in zip(where, box, strict=True))
        labels[a, b, c] = values
    return labels


def sweep(
    field: Field,
    shape: Sequence[int],
    source: Source,
    *,
    periodic: Sequence[int] = (),
    tile: int | Sequence[int] | None = None,
    memory: int = MEMORY,
    progress: Progress | None = None,
) -> Iterator[tuple[Slices, np.ndarray]]:
    r"""Apply a network tile by tile to any input, as `blocks` does to noise.

    Parameters
    ----------
    field : Field
        Its `forward` may return further axes before the three of space.
    source : callable
        ``source(start, stop, periods)`` returns the input in a box of cells, of shape
        (channels, \*(stop − start)); coordinates may lie outside of the volume, and
        along an axis with a period they are meant modulo that period.
    shape, periodic, tile, memory, progress
        As for `blocks`.

    Yields
    ------
    slices, values
        As for `blocks`.
    """
    plan = _Plan(field, read_lengths(shape, "shape"), tuple(sorted(set(periodic))))
    check_periods(plan.shape, plan.periodic, field.unit)
    edges = plan.default_tile(memory) if tile is None else plan.rounded(read_lengths(tile, "tile"))
    return _tiles(plan, _Box((0, 0, 0), plan.cover), edges, source, progress)


def _tiles(
    plan: _Plan, box: _Box, tile: Triple, source: Source, progress: Progress | None
) -> Iterator[tuple[Slices, np.ndarray]]:
    todo = deque(_cut(box, tile))
    done = 0
    while todo:
        if progress is not None:
            progress(done / (done + len(todo)), f"tile {done + 1} of {done + len(todo)}")
        values = _values(plan, todo[0], source)
        if values is None:
            tile = plan.halved(todo[0])
            if progress is not None:
                progress(done / (done + len(todo)), "out of memory: continuing with smaller tiles")
            todo = deque(piece for larger in todo for piece in _cut(larger, tile))
            continue
        where = plan.slices(todo.popleft())
        done += 1
        yield where, _in_space(values, [slice(s.stop - s.start) for s in where])
    if progress is not None:
        progress(1.0, "tiles")


def _values(plan: _Plan, box: _Box, source: Source) -> np.ndarray | None:
    """Return the result of a tile, or None if memory does not suffice."""
    field = plan.field
    extents = [plan.extent(axis, length) for axis, length in enumerate(box.lengths)]
    start = [a - lead for a, (lead, _) in zip(box.start, extents, strict=True)]
    stop = [a + cells for a, (_, cells) in zip(start, extents, strict=True)]
    try:
        given = source(start, stop, plan.periods)
        values = field.forward(given) if field.part is None else field.part(given, plan.inner(box.lengths))
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        return None
    expected = plan.result(box.lengths) if field.part is None else plan.voxels(box.lengths)
    assert values.shape[-3:] == expected, f"the network gave a result of shape {values.shape}, expected {expected}"
    if field.part is not None:
        return values
    leads = [0 if field.trims else lead * field.scale for lead, _ in extents]
    return _in_space(values, [slice(a, a + n * field.scale) for a, n in zip(leads, box.lengths, strict=True)])


def _in_space(values: np.ndarray, box: Sequence[slice]) -> np.ndarray:
    """Return a box of the last three axes."""
    a, b, c = box
    return values[..., a, b, c]


def _out_of_memory(error: Exception) -> bool:
    # PyTorch raises MemoryError, an error of its own or a RuntimeError, depending on version and device.
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
    """Arrangement of the tiles of a volume; lengths are in cells of noise unless stated otherwise."""

    field: Field
    shape: Triple
    periodic: tuple[int, ...]

    @property
    def cover(self) -> Triple:
        """The cells that contain the volume, in whole units."""
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
        """Convert cells to voxels."""
        a, b, c = (n * self.field.scale for n in cells)
        return (a, b, c)

    def slices(self, box: _Box) -> Slices:
        """Return the position of a tile's labels in the volume, in voxels."""
        start, stop = self.voxels(box.start), self.voxels(box.lengths)
        a, b, c = (slice(s, min(s + n, end)) for s, n, end in zip(start, stop, self.shape, strict=True))
        return (a, b, c)

    def extent(self, axis: int, length: int) -> tuple[int, int]:
        """Return the cells of noise before a tile of that length, and all cells of noise that it needs."""
        field, period = self.field, self.cover[axis]
        cells = length + 2 * field.halo
        if field.trims:
            return field.halo, cells
        if axis in self.periodic and cells >= period:
            # The network's own padding closes the period; the period may begin anywhere and be repeated.
            return 0, period * -(-field.shortest // period)
        return field.halo, max(cells, -(-field.shortest // field.align) * field.align)

    def result(self, tile: Triple) -> Triple:
        """Return the shape of the result of `forward` for a tile, in voxels."""
        if self.field.trims:
            return self.voxels(tile)
        a, b, c = (self.extent(axis, length)[1] for axis, length in enumerate(tile))
        return self.voxels((a, b, c))

    def inner(self, tile: Triple) -> Slices:
        """Return the box of a tile in its noise."""
        leads = [self.extent(axis, length)[0] for axis, length in enumerate(tile)]
        a, b, c = (slice(lead, lead + length) for lead, length in zip(leads, tile, strict=True))
        return (a, b, c)

    def bytes_needed(self, tile: Triple) -> float:
        """Return about the memory that a tile takes."""
        result = self.result(tile)
        if self.field.part_bytes is not None:
            return self.field.part_bytes(result, self.inner(tile))
        return float(np.prod(result, dtype=float)) * self.field.bytes_per_voxel

    def default_tile(self, memory: int) -> Triple:
        """Return the largest tile that needs at most that much memory, with its halo as near to a cube as possible."""
        tile = self.cover
        while self.bytes_needed(tile) > memory:
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
        """Return half the tile that ran out of memory."""
        align = self.field.align
        tile = self._smaller(box.lengths, lambda length: max(length // (2 * align), 1) * align)
        if tile is None:
            raise InputError(
                f"out of memory with the smallest tile, {self.voxels(box.lengths)} voxels and their halo of "
                f"{self.field.halo * self.field.scale}: end other programs that use this memory, use a device with "
                "more memory (the CPU, if this is an accelerator), or a smaller network"
            )
        return tile

    def _smaller(self, tile: Triple, shorten: Callable[[int], int]) -> Triple | None:
        """Shorten a tile along the axis that is longest with its halo, among those where this saves noise."""
        shorter = {axis: self._shorter(axis, tile[axis], shorten) for axis in range(3)}
        possible = [axis for axis in range(3) if shorter[axis] is not None]
        if not possible:
            return None
        axis = max(possible, key=lambda axis: self.extent(axis, tile[axis])[1])
        a, b, c = ((shorter[i] or n) if i == axis else n for i, n in enumerate(tile))
        return (a, b, c)

    def _shorter(self, axis: int, length: int, shorten: Callable[[int], int]) -> int | None:
        """Return a shorter length along an axis that needs less noise, or None if there is none."""
        extent = self.extent(axis, length)[1]
        # If the tile took the whole period, a shorter one saves noise only if it fits into the period with its halos.
        for wanted in (shorten(length), self.cover[axis] - 2 * self.field.halo - self.field.align):
            if 0 < wanted < length and self.extent(axis, wanted)[1] < extent:
                return wanted
        return None


def check_periods(shape: Sequence[int], periodic: Sequence[int], unit: int) -> None:
    """Raise InputError if the length of a periodic axis is no multiple of the unit of a network, in voxels."""
    for axis in periodic:
        length = shape[axis]
        if length % unit:
            low = length // unit * unit
            near = f"{low} or {low + unit}" if low else f"{unit}"
            raise InputError(
                f"shape={tuple(shape)}: axis {axis} is periodic and {length} voxels long; this network needs "
                f"multiples of {unit} voxels along periodic axes: use {near}, or leave the axis out of periodic"
            )


def read_lengths(lengths: int | Sequence[int], argument: str) -> Triple:
    """Return three lengths in voxels from one or three; raise an InputError that names the argument otherwise."""
    values = (lengths,) * 3 if isinstance(lengths, int | np.integer) else tuple(lengths)
    if len(values) != 3 or any(not isinstance(n, int | np.integer) or n < 1 for n in values):
        raise InputError(f"{argument}={lengths!r}: expected three numbers of voxels, each at least 1")
    return triple(int(n) for n in values)
