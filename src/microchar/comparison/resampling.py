"""Scatter of a total score: samples and reference blocks are drawn again, with replacement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Number of times that samples and blocks are drawn.
DRAWS = 400
#: Seed of the draws; the same for all candidates, so that their totals are compared on the same blocks.
_SEED = 20_26


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances by one metric, in units of the noise floor.

    Parameters
    ----------
    across : ndarray, (samples, blocks)
        Between samples and reference blocks.
    samples, blocks : ndarray, square
        Between two samples, and between two blocks.
    """

    across: np.ndarray
    samples: np.ndarray
    blocks: np.ndarray

    def excesses(self, of_samples: np.ndarray, of_blocks: np.ndarray) -> np.ndarray:
        """Return the excess (see `Score`) for each row of numbers of times that samples and blocks occur.

        Where only one sample occurs, its scatter is taken to be that of the blocks.
        """
        n, m = self.across.shape
        across = ((of_samples @ self.across) * of_blocks).sum(axis=1) / (n * m)
        within_blocks = _means_of_pairs(self.blocks, of_blocks)
        within_samples = _means_of_pairs(self.samples, of_samples)
        within_blocks = np.where(np.isnan(within_blocks), 1.0, within_blocks)
        within_samples = np.where(np.isnan(within_samples), within_blocks, within_samples)
        return across - (within_samples + within_blocks) / 2


def _means_of_pairs(distances: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the mean distance between two different members for each row; nan if only one of them occurs."""
    sums = ((times @ distances) * times).sum(axis=1)  # the distance of a member from itself is zero
    pairs = (times.sum(axis=1) ** 2 - (times**2).sum(axis=1)).astype(float)
    return np.divide(sums, pairs, out=np.full(len(times), np.nan), where=pairs > 0)


def drawn_excesses(groups: Sequence[Distances]) -> np.ndarray:
    """Return the excess of one metric, the mean over the groups of blocks, for each draw."""
    excesses = np.zeros(DRAWS)
    for number, distances in enumerate(groups):
        n, m = distances.across.shape
        blocks = np.random.default_rng((_SEED, number)).multinomial(m, np.full(m, 1 / m), DRAWS)
        samples = np.random.default_rng((_SEED, number, n)).multinomial(n, np.full(n, 1 / n), DRAWS)
        excesses += distances.excesses(samples, blocks)
    return excesses / len(groups)
