"""Base of generators whose volumes are the tiles of a `Field`."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from microchar.core.grid import Triple
from microchar.core.progress import Progress
from microchar.generation.streaming import Box, TiledGenerator
from microchar_gan.tiling.tiles import Field, labels_in, tile_of


class FieldGenerator(TiledGenerator):
    """Base of generators whose volumes are the tiles of a `Field`."""

    @property
    @abstractmethod
    def _field(self) -> Field:
        """The fitted network as a field."""

    def tile(self, shape: Triple, periodic: tuple[int, ...], longest: int) -> Triple:
        """Return tiles that fit into memory with their halos."""
        return tile_of(self._field, shape, periodic, longest)

    def make_box(
        self, box: Box, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Make one tile from its part of the noise."""
        seed = int(rng.integers(2**62))
        return labels_in(self._field, shape, box, seed=seed, periodic=periodic, progress=progress)
