"""The `shuffle` generator: voxels in random order, the baseline with the right volume fractions only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microchar.core.grid import Triple
from microchar.core.phases import MAX_PHASES
from microchar.core.progress import Progress
from microchar.generation.fitted_state import Layout, check_fractions
from microchar.generation.generator import Generator
from microchar.generation.spec import GeneratorSpec
from microchar.generation.training import TrainingData

SPEC = GeneratorSpec(
    id="shuffle",
    factory="microchar.generators.shuffle:Shuffle",
    title="Shuffle",
    summary="voxels in random order: the volume fractions and nothing else",
    inputs=("volume", "slices", "descriptors"),
    phases=(1, MAX_PHASES),
    periodic_axes=(0, 1, 2),
    always_periodic=True,
    cost="a second and 9 bytes a voxel",
)


@dataclass(kw_only=True)
class Shuffle(Generator):
    r"""Voxels in random order.

    Each volume has the volume fractions of the training data, to the voxel. The
    order of its voxels is drawn uniformly from all orders, so :math:`S_2 = \phi^2` at
    every lag except zero. A statistic that a shuffled volume reproduces contains no
    information about structure.

    Examples
    --------
    >>> import numpy as np
    >>> from microchar.generators.shuffle import Shuffle
    >>> generator = Shuffle().fit(np.indices((8, 8, 8)).sum(axis=0) % 2)
    >>> generator.generate((4, 4, 4), seed=1).values.mean()
    np.float64(0.5)
    """

    spec: ClassVar[GeneratorSpec] = SPEC
    layout: ClassVar[Layout] = {"fractions": ("float64", ("phase",))}

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Measure the volume fractions."""
        progress(0.0, "volume fractions")
        return {"fractions": data.volume_fractions()}

    def check_state(self) -> None:
        """Check the volume fractions."""
        assert self.material is not None
        check_fractions(self.state["fractions"])
        if len(self.state["fractions"]) != len(self.material.phases):
            raise ValueError("it has not one volume fraction for each phase")

    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Arrange the phases in order and shuffle the voxels."""
        progress(0.0, "shuffling")
        size = int(np.prod(shape))
        last = np.round(np.cumsum(self.state["fractions"]) * size).astype(np.int64)
        labels = np.repeat(np.arange(len(last), dtype=np.uint8), np.diff(last, prepend=0))
        rng.shuffle(labels)
        return labels.reshape(shape)
