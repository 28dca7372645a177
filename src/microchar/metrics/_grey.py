"""Shared code of the grey-level metrics: readers of grey levels, slices, and the texture features of every slice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microchar.core.grey_values import spread_levels, value_range
from microchar.core.grid import Triple
from microchar.core.result import Status, Value
from microchar.core.volume import OUTSIDE, Volume
from microchar.kernels import cooccurrence
from microchar.kernels.bits import pack
from microchar.kernels.levels import look_up, turn
from microchar.measurement.blocks import Block, Counts
from microchar.measurement.metric import AdditiveMetric, Kind, Metric, PairMetric, Shared

Reader = Callable[[Triple, Triple], np.ndarray]

#: Largest grey level of the pair metrics.
FULL_SCALE = 65535
#: Level that marks a pixel outside the mask; 8-bit levels end at 255.
OUTSIDE_LEVEL = 256
#: Up to this number of phases, the pixels of each pair of phases are compared as bits.
_FEW_PHASES = 8
#: The texture features, in the order of the published anisotropy-index tables.
FEATURES = ("contrast", "homogeneity", "energy", "entropy")


def slice_axes(shape: Triple) -> tuple[int, ...]:
    """Return the axes whose normal slices are used: all three, or for a 2D image its axis of length one."""
    short = tuple(axis for axis in range(3) if shape[axis] == 1)
    return short[:1] or (0, 1, 2)


def stacked(box: np.ndarray, axis: int) -> np.ndarray:
    """Return a slab as a contiguous array (slice, row, column)."""
    box = np.ascontiguousarray(box)
    if axis < 2:
        return np.ascontiguousarray(np.moveaxis(box, axis, 0))
    rows, columns, n = box.shape
    slices = np.empty((n, rows, columns), box.dtype)
    turn(box.reshape(-1, n), slices.reshape(n, -1))
    return slices


def eight_bit_reader(volume: Volume) -> Reader:
    """Return a reader of 8-bit grey levels as uint16; voxels outside the mask read `OUTSIDE_LEVEL`."""
    if volume.grey is None:
        return _phase_reader(volume, volume.phase_levels())
    rescale = _as_stored if volume.grey.dtype == np.uint8 else _rescaler(volume, 255)

    def read(start: Triple, stop: Triple) -> np.ndarray:
        levels = rescale(volume.grey_levels(start, stop))
        if volume.mask is not None:
            levels[volume.read(start, stop) == OUTSIDE] = OUTSIDE_LEVEL
        return levels

    return read


def sixteen_bit_reader(volume: Volume) -> Reader:
    """Return a reader of grey levels on a 16-bit scale, so that 8-bit and 16-bit images can be compared.

    Two phases are read as bool: True is `FULL_SCALE`, see `on_full_scale`.
    """
    if volume.grey is None and volume.n_phases == 2:
        return lambda start, stop: volume.read(start, stop) == 1
    if volume.grey is None:
        return _phase_reader(volume, volume.phase_levels() * 257)
    if volume.grey.dtype == np.uint8:
        return lambda start, stop: volume.grey_levels(start, stop) * np.uint16(257)
    rescale = _as_stored if volume.grey.dtype == np.uint16 else _rescaler(volume, FULL_SCALE)
    return lambda start, stop: rescale(volume.grey_levels(start, stop))


def on_full_scale(levels: np.ndarray) -> np.ndarray:
    """Return what `sixteen_bit_reader` read as uint16."""
    return levels.astype(np.uint16) * np.uint16(FULL_SCALE) if levels.dtype == bool else levels


def _phase_reader(volume: Volume, levels: np.ndarray) -> Reader:
    """Return a reader of the level of the phase of each voxel as uint16, `OUTSIDE_LEVEL` outside the mask."""
    table = np.full(256, OUTSIDE_LEVEL, np.uint16)
    direct = volume.values.dtype == np.uint8 and volume.mask is None
    if direct:  # from grey value to level in one step, without the label
        table[:] = levels[np.searchsorted(volume.grey_values[1:], np.arange(256), side="right")]
    else:
        table[: volume.n_phases] = levels

    def read(start: Triple, stop: Triple) -> np.ndarray:
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        codes = np.ascontiguousarray(volume.values[box]) if direct else volume.read(start, stop)
        read_levels = np.empty(codes.shape, np.uint16)
        look_up(codes.reshape(-1), table, read_levels.reshape(-1))
        return read_levels

    return read


def level_source(volume: Volume, *stored: type[np.generic]) -> str:
    """Describe the grey levels for the convention record; images of the dtypes in `stored` are not rescaled."""
    if volume.grey is None:
        levels = ", ".join(str(level) for level in volume.phase_levels())
        return f"phases in ascending order of grey value, spread evenly over 0..255: {levels}"
    if volume.grey.dtype in stored:
        return f"grey image ({volume.grey.dtype})"
    return f"grey image ({volume.grey.dtype}), its range rescaled to the full scale, rounded to the nearest level"


def _as_stored(levels: np.ndarray) -> np.ndarray:
    return levels.astype(np.uint16)


def _rescaler(volume: Volume, top: int) -> Callable[[np.ndarray], np.ndarray]:
    assert volume.grey is not None
    low, high = value_range(volume.grey, volume.mask, f"{volume.name}: grey image")
    scale = top / (high - low) if high > low else 0.0
    # The range is that of the voxels inside the mask; levels outside the mask may exceed it.
    return lambda levels: np.rint(np.clip((levels - float(low)) * scale, 0, top)).astype(np.uint16)


def pair_values(
    metric: Metric, volume: Volume, by_axis: Mapping[int, float | None], status: Status, message: str
) -> list[Value]:
    """Make a `Value` for each direction and one for their mean; where the number is None, it gets `status`."""
    defined = [value for value in by_axis.values() if value is not None]
    by_direction = {str(axis): value for axis, value in by_axis.items()}
    by_direction["mean"] = float(np.mean(defined)) if defined else None
    return [
        metric.scalar(volume.grid, None, status=status, message=message, direction=direction)
        if value is None
        else metric.scalar(volume.grid, value, direction=direction)
        for direction, value in by_direction.items()
    ]


class SlicePair(PairMetric):
    """Base of `ssim` and `psnr`: compares the slices of two volumes as grey levels on a common scale."""

    kind: ClassVar[Kind] = "scalar"
    min_ndim = 2
    periodic_supported = False
    mask_supported = False
    acts_on_grey_levels = True

    def convention(self, volume: Volume) -> dict[str, str]:
        """Add the source of the grey levels to the record."""
        return super().convention(volume) | {"grey levels": level_source(volume, np.uint8, np.uint16)}

    def reader(self, volume: Volume, shared: Shared) -> Reader:
        """Return a reader of grey levels on a common 16-bit scale."""
        del shared
        return sixteen_bit_reader(volume)


@dataclass(frozen=True)
class SliceTexture(AdditiveMetric):
    """Base of `glcm` and `anisotropy_index`: counts the texture features of every slice along each axis."""

    additive = "float"
    # Energy and entropy are kept per slice: their counts are no sums over places within a slice.
    error_source = "none"
    layout = "slabs"
    min_ndim = 2
    periodic_supported = False
    acts_on_grey_levels = True
    cost = 10.0

    def count_key(self) -> Hashable:
        """Return one key for all metrics on these features, which have no parameters."""
        return "slice texture"

    def reader(self, volume: Volume, shared: Shared) -> Reader:
        """Return a reader of 8-bit grey levels as uint16; of few phases, of their labels as uint8."""
        del shared
        return volume.read if volume.grey is None and volume.n_phases <= _FEW_PHASES else eight_bit_reader(volume)

    def count(self, block: Block) -> Counts:
        """Compute the features of the block's slices, at their positions in an array for all slices of the volume.

        Energy and entropy are not linear in the pair counts. Therefore the block
        returns the features of each slice, not its pair counts.
        """
        assert block.axis is not None
        if block.labels.dtype == np.uint8:
            grey = spread_levels(block.n_phases)
            tables = iter(_compared(block.labels, block.axis, block.n_phases))
        else:
            levels = stacked(block.labels, block.axis)
            present = np.zeros(OUTSIDE_LEVEL + 1, bool)
            cooccurrence.mark_present(levels, present)
            grey = np.flatnonzero(present[:OUTSIDE_LEVEL])
            tables = _tallied(levels, grey)

        features = np.zeros((3, max(block.shape), len(FEATURES)))
        slices = np.zeros((3, max(block.shape)), np.int64)
        for position, pairs in enumerate(tables, start=block.start[block.axis]):
            slices[block.axis, position] = cooccurrence.texture(pairs, grey, features[block.axis, position])
        return {"features": features, "slices": slices}


def _compared(labels: np.ndarray, axis: int, n_phases: int) -> np.ndarray:
    """Return the pair counts (slices, angles, phases, phases) of a slab, from the pixels of each phase as bits."""
    slices, rows, columns = np.moveaxis(labels, axis, 0).shape
    words = (columns + 63) // 64 + 1
    bits = np.zeros((n_phases, slices, rows, words), np.uint64)
    for phase in range(n_phases):
        if axis == 2:
            cooccurrence.pack_columns(labels, phase, bits[phase])
        else:
            bits[phase] = np.moveaxis(pack(labels == phase, words), axis, 0)
    pairs = np.zeros((slices, 4, n_phases, n_phases), np.uint32)
    cooccurrence.compare_neighbours(bits, columns, pairs)
    return pairs


def _tallied(levels: np.ndarray, grey: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the pair counts (angles, codes, codes) of each slice, counted pixel by pixel; the last code is no level."""
    _, rows, columns = levels.shape
    code = np.full(OUTSIDE_LEVEL + 1, len(grey), np.uint16)
    code[grey] = np.arange(len(grey))
    framed = np.full((rows + 1, columns + 2), len(grey), np.uint16)
    # A small table stays in the cache.
    table = np.empty((4, len(grey) + 1, len(grey) + 1), np.uint32)
    for pixels in levels:
        cooccurrence.encode(pixels, code, framed)
        table[:] = 0
        cooccurrence.count_neighbours(framed, table)
        yield table


def direction_means(counts: Counts) -> np.ndarray:
    """Return the features averaged over the slices of each direction, (3, features); nan without slices."""
    slices = counts["slices"].sum(axis=1)[:, np.newaxis]
    sums = counts["features"].sum(axis=1)
    return np.divide(sums, slices, out=np.full(sums.shape, np.nan), where=slices > 0)
