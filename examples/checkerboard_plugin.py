"""A complete generator plugin: cubes of equal size, with the volume fraction and the interface of the real volume."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.volume import OUTSIDE
from microchar.generation.fitted_state import Layout
from microchar.generation.generator import Generator
from microchar.generation.spec import GeneratorSpec

SPEC = GeneratorSpec(
    id="checkerboard",
    factory="checkerboard_plugin:Checkerboard",
    title="Random checkerboard",
    summary="cubes of equal size, coloured at random",
    inputs=("volume",),
)


@dataclass(kw_only=True)
class Checkerboard(Generator):
    """Cubic cells, each phase 1 with probability phi; ``cell`` is their edge in voxels, fitted by default."""

    spec: ClassVar[GeneratorSpec] = SPEC
    layout: ClassVar[Layout] = {"fraction": ("float64", ()), "cell": ("int64", ())}

    cell: int | None = None

    def learn(self, data, rng, progress):
        """Measure the volume fraction, and compute the edge from the share of unlike neighbours."""
        if self.cell is not None and self.cell < 1:
            raise InputError(f"cell={self.cell!r}: expected a whole number of voxels, at least 1")
        fraction = data.volume_fractions()[1]
        labels = data.volume.read()
        unlike = pairs = 0
        for axis in range(3):
            progress(axis / 3, f"faces along axis {axis}")
            a, b = (np.moveaxis(labels, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
            inside = (a != OUTSIDE) & (b != OUTSIDE)  # voxels outside the mask must not be used
            unlike += np.count_nonzero((a != b) & inside)
            pairs += np.count_nonzero(inside)
        # Neighbours lie in different cells with probability 1/cell, and then differ with probability 2 phi (1 - phi).
        cell = self.cell or max(1, round(2 * fraction * (1 - fraction) * pairs / unlike))
        return {"fraction": np.array(fraction), "cell": np.array(cell)}

    def make(self, shape, rng, periodic, progress):
        """Colour cells on a grid with a random offset."""
        progress(0.0, "colouring cells")
        cell = int(self.state["cell"])
        indices = [(np.arange(n) + rng.integers(cell)) // cell for n in shape]
        cells = rng.random([index[-1] + 1 for index in indices]) < self.state["fraction"]
        return cells[np.ix_(*indices)].astype(np.uint8)
