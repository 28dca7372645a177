"""Cut blocks from held-out material, and cut samples into pieces to compare with the blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from microchar.comparison.score import LEAST_FOR_SPREAD
from microchar.core.errors import InputError
from microchar.core.grid import Triple, triple
from microchar.core.specimen import Specimen
from microchar.core.text import by
from microchar.core.volume import Volume

#: Largest number of pieces that a sample is cut into.
MOST_PIECES = 8
#: Smallest edge to which blocks are halved.
LEAST_EDGE = 8
#: Number of slices of a sample that are compared in each direction, if only images are held out.
SLICES = 3


def count_blocks(specimen: Specimen, shape: Sequence[int]) -> int:
    """Return the number of disjoint blocks of a shape that fit in a specimen; of images, the least over directions."""
    groups = sources(specimen, block_lengths(shape))
    return min(sum(len(disjoint_starts(image, lengths)) for image in images) for images, lengths, _ in groups)


def block_lengths(shape: Sequence[int]) -> Triple:
    """Check the shape of a block and return its three lengths; two lengths become one plane."""
    if np.ndim(shape) != 1:
        raise InputError(f"shape={shape!r}: expected two or three lengths of a block in voxels, such as (64, 64, 64)")
    sizes = tuple(int(n) for n in shape)
    sizes = (1, *sizes) if len(sizes) == 2 else sizes
    if len(sizes) != 3 or min(sizes) < 1 or sum(n > 1 for n in sizes) < 2:
        raise InputError(f"shape={tuple(shape)!r}: expected two or three lengths of a block in voxels")
    return triple(sizes)


def sources(data: Specimen, lengths: Triple) -> list[tuple[list[Volume], Triple, tuple[int, ...]]]:
    """Return, for each group, its volumes or images, the lengths of its blocks, and the normals of its slices."""
    if data.volume is not None:
        if min(lengths) == 1:
            raise InputError(f"shape={lengths!r}: the held-out volume is 3D, expected blocks of three lengths")
        return [([data.volume], lengths, ())]
    if not data.slices:
        raise InputError("held-out material: found descriptors, expected a volume or images; they have no blocks")
    edge = min(n for n in lengths if n > 1)
    groups: list[tuple[list[Volume], Triple, tuple[int, ...]]] = []
    for axis, group in data.slices.items():
        alone = len(data.slices) == 1
        rows, columns = (edge, edge) if alone else tuple(n for a, n in enumerate(lengths) if a != axis)
        if min(rows, columns) == 1:
            raise InputError(f"shape={lengths!r}: images of several directions are held out, expected three lengths")
        size = data.material.voxel_size
        in_plane = [size[a] for a in range(3) if a != axis]
        material = replace(data.material, voxel_size=(size[axis], in_plane[0], in_plane[1]))
        images = [material.volume(image[np.newaxis], name=f"image normal to {axis}", source={}) for image in group]
        groups.append((images, (1, rows, columns), (0, 1, 2) if alone else (axis,)))
    return groups


def cut_blocks(
    images: Sequence[Volume], lengths: Triple, most: int
) -> tuple[Triple, list[tuple[int, Triple]], list[str]]:
    """Return the shape and positions of the blocks, and notes; the shape is halved until two disjoint blocks fit."""
    wanted = lengths
    longest = [max(image.shape[axis] for image in images) for axis in range(3)]
    shape = _least(lengths, longest)
    while True:
        starts = [(i, start) for i, image in enumerate(images) for start in disjoint_starts(image, shape)]
        if len(starts) >= 2:
            break
        smaller = _least(shape, [max(n // 2, min(n, LEAST_EDGE)) for n in shape])
        if smaller == shape:
            raise InputError(
                f"{images[0].name}: found no two disjoint blocks of {by(shape)} voxels, which the scatter "
                "of the material is measured from; hold out more of it"
                + ("" if images[0].mask is None else ", or give a larger mask")
            )
        shape = smaller
    notes = []
    if shape != wanted:
        notes.append(
            f"blocks of {by(shape)} instead of {by(wanted)} voxels: no two disjoint blocks of that shape fit "
            f"in {images[0].name}; samples are cut to this shape"
        )
    chosen = [starts[i] for i in spread_out(len(starts), most)]
    if len(chosen) < LEAST_FOR_SPREAD:
        notes.append(
            f"only {len(chosen)} reference blocks: the noise floor is a guess, and there are no ratios of spreads"
        )
    return shape, chosen, notes


def spread_out(n: int, most: int) -> list[int]:
    """Return at most `most` evenly spaced numbers out of 0 to n - 1."""
    return [int(i) for i in np.unique(np.linspace(0, n - 1, min(n, most)).round())]


def _least(a: Sequence[int], b: Sequence[int]) -> Triple:
    return triple(min(m, n) for m, n in zip(a, b, strict=True))


def disjoint_starts(volume: Volume, shape: Triple) -> list[Triple]:
    """Return the first corners of disjoint boxes inside the mask, on a lattice from the first corner of its bounds."""
    first, last = [0, 0, 0], list(volume.shape)
    if volume.mask is not None:
        for axis in range(3):
            others = tuple(a for a in range(3) if a != axis)
            inside = np.flatnonzero(volume.mask.any(axis=others))
            first[axis], last[axis] = int(inside[0]), int(inside[-1]) + 1
    corners = product(*(range(a, b - n + 1, n) for a, b, n in zip(first, last, shape, strict=True)))
    starts = [triple(corner) for corner in corners]
    if volume.mask is None:
        return starts
    boxes = [tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True)) for start in starts]
    return [start for start, box in zip(starts, boxes, strict=True) if volume.mask[box].all()]


def box_of(volume: Volume, start: Triple, shape: Triple) -> Volume:
    """Return a box of a volume; the box must lie inside the mask."""
    stop = [a + n for a, n in zip(start, shape, strict=True)]
    # A box inside the mask needs no mask, and is measured faster without one.
    return replace(volume.crop(start, stop), mask=None, grey=None)


def pieces_of(sample: Volume, shape: Triple, normals: Sequence[int], plane: str) -> list[Volume]:
    """Return disjoint pieces of a sample or, if `normals` are given, of some of its slices normal to these axes."""
    if not normals:
        return _cut_sample(sample, shape)
    thin = [axis for axis in range(3) if sample.shape[axis] == 1]
    pieces = []
    for normal in normals:
        if not thin:
            positions = spread_out(sample.shape[normal], SLICES + 2)[1:-1] or [0]
        else:
            positions = [0] if normal in thin else []
        slices = [replace(plane_of(sample, normal, position), mask=None, grey=None) for position in positions]
        pieces += [piece for image in slices for piece in _cut_sample(image, shape)[:1]]
    if not pieces:
        raise InputError(
            f"{sample.name}: an image normal to axis {thin[0]}, the held-out images are normal to axis {plane}"
        )
    return pieces


def plane_of(sample: Volume, normal: int, position: int, thin: int = 0) -> Volume:
    """Return a slice as a one-plane volume normal to the axis `thin`."""
    start, stop = [0, 0, 0], list(sample.shape)
    start[normal], stop[normal] = position, position + 1
    plane = sample.crop(start, stop)
    sizes = [sample.voxel_size[axis] for axis in range(3) if axis != normal]
    sizes.insert(thin, sample.voxel_size[normal])
    return replace(
        plane,
        values=np.moveaxis(plane.values, normal, thin),
        mask=None if plane.mask is None else np.moveaxis(plane.mask, normal, thin),
        grey=None if plane.grey is None else np.moveaxis(plane.grey, normal, thin),
        voxel_size=triple(sizes),
    )


def _cut_sample(sample: Volume, shape: Triple) -> list[Volume]:
    starts = disjoint_starts(sample, shape)
    if not starts:
        raise InputError(
            f"{sample.name}: shape {by(sample.shape)} holds no block of {by(shape)} voxels; expected samples at "
            "least as large as the reference blocks, or a smaller shape= (--shape)"
        )
    return [box_of(sample, starts[i], shape) for i in spread_out(len(starts), MOST_PIECES)]
