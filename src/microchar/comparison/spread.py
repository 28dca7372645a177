"""Scatter between the samples of a group, relative to that of real pieces of their size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microchar.comparison.estimate import Estimate
from microchar.comparison.inference import LEVEL
from microchar.core.verdict import Spread

#: Number of samples from which on their spread has a word.
ENOUGH_SAMPLES = 8
#: Smaller ratios count as this one: samples may agree exactly, as those with a set volume fraction do.
SMALLEST_RATIO = 0.01
#: Draws of which the distribution of the ratio is made.
_DRAWS = 20_000


def relative_spread(quantities: Sequence[tuple[Estimate, Estimate]], reals: int, samples: int) -> Spread | None:
    r"""Return the ratio of the scatters, the geometric mean over the quantities.

    The variance of a mean over a volume is inversely proportional to the volume. The
    ratio of the variance between the samples and that of the real material, for the
    volume of a sample, follows Fisher's F distribution if both are equal. The interval
    is made of draws from it, for each quantity independently.

    Parameters
    ----------
    quantities : sequence of pair of Estimate
        One number each, of the real material and of the samples: the volume fraction,
        and others at equal volume fraction, which are not correlated with it.
    reals, samples : int
        Number of real volumes and of samples.
    """
    rng = np.random.default_rng(0)
    logarithms = []
    noise = np.zeros(_DRAWS)
    for real, of_samples in quantities:
        between = of_samples.variance[0] * samples * of_samples.extent
        expected = real.variance[0] * reals * real.extent
        if not expected > 0:
            return None
        logarithms.append(np.log(max(between / expected, SMALLEST_RATIO**2)))
        noise += np.log(rng.f(of_samples.df[0], real.df[0], _DRAWS))
    low, high = np.quantile(noise / len(quantities), [LEVEL / 2, 1 - LEVEL / 2])
    mean = float(np.mean(logarithms))
    ratio, lower, upper = (float(np.exp(x / 2)) for x in (mean, mean - high, mean - low))
    word = "too alike" if upper < 1 else "too varied" if lower > 1 else "no difference seen"
    return Spread(
        ratio=ratio, lower=lower, upper=upper, samples=samples, word=word if samples >= ENOUGH_SAMPLES else ""
    )
