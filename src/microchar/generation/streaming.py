"""`StreamingGenerator`: a generator that makes volumes of any size, block by block."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microchar.core.errors import MicrocharError
from microchar.core.grid import Triple
from microchar.core.progress import Progress, silent
from microchar.generation.generator import Generator
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
        progress: Progress | None = None,
        folder: str | Path | None = None,
        resume: bool = False,
    ) -> None:
        """Make a volume and write it block by block; see `Generator.generate_to`."""
        lengths, rng, axes = self._checked_request(shape, seed, periodic)
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
