"""Generators that make volumes of any size: block by block, or any box of it by itself."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from microchar.core.errors import MicrocharError
from microchar.core.grid import Triple
from microchar.core.progress import Progress, section, silent
from microchar.generation.generator import Generator
from microchar.generation.given_slice import GivenSlice
from microchar.generation.requests import refuse_beyond_memory
from microchar.io.writing import write_blocks

#: Position of a block in a volume.
Box = tuple[slice, slice, slice]


@dataclass(kw_only=True)
class StreamingGenerator(Generator):
    """A generator that makes volumes block by block, so that they may be larger than memory.

    Its spec says ``streams=True``. A subclass implements `make_blocks` instead of `make`.
    """

    @abstractmethod
    def make_blocks(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> Iterator[tuple[Box, np.ndarray]]:
        """Yield each block of the volume: its position as three slices, and its labels (uint8).

        The blocks must cover each voxel exactly once. The volume must not depend on
        the division into blocks. See `make` for the arguments.
        """

    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Assemble the blocks."""
        refuse_beyond_memory(shape)
        labels = np.empty(shape, np.uint8)
        done = 0
        for box, block in self.make_blocks(shape, rng, periodic, progress):
            labels[box] = block
            done += block.size
        if done != labels.size:
            raise MicrocharError(f"generator {self.id!r} made blocks of {done} voxels for a volume of {labels.size}")
        return labels

    def generate_to(
        self,
        path: str | Path,
        shape: Sequence[int],
        *,
        seed: int = 0,
        periodic: Sequence[int] = (),
        given: GivenSlice | None = None,
        progress: Progress | None = None,
        folder: str | Path | None = None,
        resume: bool = False,
    ) -> None:
        """Make a volume and write it block by block; see `Generator.generate_to`."""
        lengths, rng, axes = self._checked_request(shape, seed, periodic, given)
        material = self.material or self.default_material()
        table = material.table()
        with self._keeping_progress("generate", folder, resume):
            blocks = self.make_blocks(lengths, rng, axes, progress or silent)
            write_blocks(
                ((box, table[labels]) for box, labels in blocks),
                path,
                shape=lengths,
                dtype=table.dtype,
                voxel_size=material.voxel_size,
                unit=material.unit,
            )


@dataclass(kw_only=True)
class TiledGenerator(StreamingGenerator):
    """A streaming generator that makes any tile of a volume by itself: in parallel, and resumable.

    A subclass implements `tile` and `make_box` instead of `make_blocks`. See
    `microchar.generation.tiled.generate_tiled`.
    """

    @abstractmethod
    def tile(self, shape: Triple, periodic: tuple[int, ...], longest: int) -> Triple:
        """Return the edges of the tiles in which a volume is made best, at most `longest` if that is possible."""

    @abstractmethod
    def make_box(
        self, box: Box, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Return the labels (uint8) of one tile of a volume.

        `rng` is in the same state for each tile of a volume, and nothing but the
        arguments may decide on the labels. See `make` for the others.
        """

    def make_blocks(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> Iterator[tuple[Box, np.ndarray]]:
        """Make the tiles one after the other."""
        edges = self.tile(shape, periodic, max(shape))
        boxes = list(tiles_of(shape, edges))
        for number, box in enumerate(boxes):
            part = section(progress, number / len(boxes), (number + 1) / len(boxes))
            yield box, self.make_box(box, shape, copy.deepcopy(rng), periodic, part)

    def whole_only(self) -> str:
        """Return why a volume cannot be made in independent tiles; empty, because it can."""
        return ""

    def use_threads(self, threads: int) -> None:
        """Use that many threads of this process, which makes nothing but tiles; by default, do nothing."""
        return


def tiles_of(shape: Triple, edges: Triple) -> Iterator[Box]:
    """Yield the tiles of a volume, those at its far faces cut."""
    ranges = [[slice(a, min(a + edge, n)) for a in range(0, n, edge)] for n, edge in zip(shape, edges, strict=True)]
    yield from product(*ranges)
