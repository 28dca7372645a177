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

    def excess(self, of_samples: np.ndarray, of_blocks: np.ndarray) -> float:
        """Return the excess (see `Score`) if samples and blocks occur as often as stated."""
        n, m = of_samples.sum(), of_blocks.sum()
        across = of_samples @ self.across @ of_blocks / (n * m)
        within_blocks = _mean_of_pairs(self.blocks, of_blocks)
        within_samples = _mean_of_pairs(self.samples, of_samples)
        if within_samples is None or within_blocks is None:
            return float(across - (within_blocks if within_blocks is not None else 1.0))
        return float(across - (within_samples + within_blocks) / 2)


def _mean_of_pairs(distances: np.ndarray, times: np.ndarray) -> float | None:
    """Return the mean distance between two different members; None if only one of them occurs."""
    pairs = np.outer(times, times).astype(float)
    np.fill_diagonal(pairs, 0.0)
    return float((pairs * distances).sum() / pairs.sum()) if pairs.any() else None


def drawn_excesses(groups: Sequence[Distances]) -> np.ndarray:
    """Return the excess of one metric, the mean over the groups of blocks, for each draw."""
    excesses = np.zeros(DRAWS)
    for number, distances in enumerate(groups):
        n, m = distances.across.shape
        blocks = np.random.default_rng((_SEED, number)).multinomial(m, np.full(m, 1 / m), DRAWS)
        samples = np.random.default_rng((_SEED, number, n)).multinomial(n, np.full(n, 1 / n), DRAWS)
        excesses += [distances.excess(s, b) for s, b in zip(samples, blocks, strict=True)]
    return excesses / len(groups)
