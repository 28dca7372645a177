"""The `bootstrap` generator: random blocks of the real volume, the baseline that is real except at its seams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple, triple
from microchar.core.phases import MAX_PHASES
from microchar.core.progress import Progress
from microchar.core.volume import OUTSIDE
from microchar.generation.fitted_state import Layout, check_labels
from microchar.generation.generator import Generator
from microchar.generation.spec import GeneratorSpec
from microchar.generation.training import TrainingData

SPEC = GeneratorSpec(
    id="bootstrap",
    factory="microchar.generators.bootstrap:Bootstrap",
    title="Bootstrap",
    summary="random blocks of the real volume side by side: real within blocks, unrelated across their faces",
    inputs=("volume",),
    phases=(1, MAX_PHASES),
    cost="under a second and a few bytes a voxel; the model holds the training volume",
)

#: Largest default block, along each axis.
_BLOCK = 64


@dataclass(kw_only=True)
class Bootstrap(Generator):
    r"""Random blocks of the training volume, side by side.

    The volume is tiled with blocks of equal size; the last along each axis is cut.
    Each block is a copy from a position in the training volume, drawn uniformly and
    independently from all positions at which the block lies inside the volume and
    its mask.

    Parameters
    ----------
    block : int or tuple of three int, optional
        Edges of a block in voxels; by default half of each axis of the training
        volume, at most 64.

    Notes
    -----
    *What it reproduces*: the mean volume fractions, except that voxels near the faces
    of the training volume are in fewer blocks than those inside; within a block
    everything, to the voxel. Two points at a lag :math:`h` lie in the same block with
    probability :math:`p = \prod_a \max(0, 1 - |h_a| / b_a)`, so :math:`S_2(h)` is that of
    the real volume times `p` plus :math:`\phi^2 (1 - p)`. *What it does not*: anything
    that crosses a seam. The specific surface area is too large by about
    :math:`2 \phi (1 - \phi) \sum_a 1/b_a`; chords, clusters and paths are cut. The
    result is a copy, not an independent sample. *Cost*: about that of copying the
    volume, 0.2 s at 256³.

    References
    ----------
    Politis, D. N. and Romano, J. P. (1994), J. Am. Stat. Assoc. 89, 1303 (the
    block bootstrap of random fields and its relatives).

    Examples
    --------
    >>> import numpy as np
    >>> from microchar.generators.bootstrap import Bootstrap
    >>> real = np.indices((8, 8, 8)).sum(axis=0) % 2
    >>> Bootstrap(block=4).fit(real).generate((16, 8, 8), seed=1).shape
    (16, 8, 8)
    """

    spec: ClassVar[GeneratorSpec] = SPEC
    layout: ClassVar[Layout] = {"labels": ("uint8", (None, None, None)), "block": ("int64", (3,))}

    block: int | tuple[int, ...] | None = None

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Keep the volume, after checking that it contains a block."""
        progress(0.0, "reading the volume")
        assert data.volume is not None  # the spec asks for a volume
        labels = data.volume.read()
        block = self._block(labels.shape)
        if not _positions(labels, block).any():
            raise InputError(
                f"block={self.block!r}: no block of {block} voxels lies inside the mask; choose a smaller one"
            )
        return {"labels": labels, "block": np.array(block, np.int64)}

    def check_state(self) -> None:
        """Check labels and block."""
        assert self.material is not None
        labels, block = self.state["labels"], self.state["block"]
        check_labels(labels, len(self.material.phases))
        if not ((block >= 1) & (block <= labels.shape)).all() or not _positions(labels, block.tolist()).any():
            raise ValueError(f"no block of {block.tolist()} voxels lies in its volume of {labels.shape}")

    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Place one block after the other."""
        real, block = self.state["labels"], tuple(self.state["block"].tolist())
        progress(0.0, "positions of blocks")
        positions = _positions(real, block)
        allowed = None if positions.all() else np.flatnonzero(positions)
        labels = np.empty(shape, np.uint8)
        corners = list(product(*(range(0, n, b) for n, b in zip(shape, block, strict=True))))
        for i, corner in enumerate(corners):
            progress(i / len(corners), "blocks")
            drawn = int(rng.integers(positions.size if allowed is None else len(allowed)))
            start = np.unravel_index(drawn if allowed is None else allowed[drawn], positions.shape)
            stop = [min(c + b, n) for c, b, n in zip(corner, block, shape, strict=True)]
            target = tuple(slice(a, b) for a, b in zip(corner, stop, strict=True))
            labels[target] = real[tuple(slice(s, s + b - a) for s, a, b in zip(start, corner, stop, strict=True))]
        return labels

    def _block(self, shape: Sequence[int]) -> Triple:
        if self.block is None:
            edges = [min(max(n // 2, 1), _BLOCK) for n in shape]
        else:
            edges = list(self.block) if isinstance(self.block, Sequence) else [self.block] * 3
        if len(edges) != 3 or any(not isinstance(b, int | np.integer) or b < 1 for b in edges):
            raise InputError(f"block={self.block!r}: expected one or three whole numbers of voxels, at least 1")
        large = [axis for axis in range(3) if edges[axis] > shape[axis]]
        if large:
            raise InputError(
                f"block={self.block!r}: larger than the training volume {tuple(shape)} along axis {large[0]}; "
                "choose a smaller one"
            )
        return triple(edges)


def _positions(labels: np.ndarray, block: Sequence[int]) -> np.ndarray:
    """Mark the positions at which all voxels of a block lie inside the volume and its mask."""
    inside = labels != OUTSIDE
    if inside.all():
        return np.ones([n - b + 1 for n, b in zip(labels.shape, block, strict=True)], bool)
    for axis, b in enumerate(block):
        n = inside.shape[axis] - b + 1
        total = np.cumsum(inside, axis=axis, dtype=np.int32)
        last = np.take(total, range(b - 1, b - 1 + n), axis)
        last[tuple(slice(1, None) if a == axis else slice(None) for a in range(3))] -= np.take(
            total, range(n - 1), axis
        )
        inside = last == b
    return inside
