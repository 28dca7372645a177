"""Fit of Gaussian fields, one after the other, to the S2 of several phases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import numpy as np

from microchar.core.grid import Triple, triple
from microchar.core.progress import Progress, section
from microchar.generators.gaussian_field.lattice import steps
from microchar.generators.gaussian_field.level_cut import PairTable
from microchar.generators.gaussian_field.pair_statistics import PairStatistics, lines, width
from microchar.generators.gaussian_field.spectrum import fit_covariance

#: Edges of the lattice on which a covariance is fitted: a number of correlation lengths, two bounds in voxels, and the
#: number of correlation lengths that must fit even beyond the upper bound.
_LENGTHS, _LEAST, _MOST, _LENGTHS_AT_LEAST = 12, 32, 128, 8

#: Maps the covariance that a field should have to the one it gets; the second argument is the number of the field.
_Realise = Callable[[np.ndarray, int], np.ndarray]


def fit_fields(
    statistics: PairStatistics, phases: Sequence[str], progress: Progress
) -> tuple[tuple[int, ...], np.ndarray, dict[str, Any]]:
    """Return the order in which phases are cut, the covariances of their fields, and numbers about the fit."""
    order, wanted = _best_order(statistics)
    widths = [[width(line) for line in field] for field in wanted]
    lattice = _lattice(np.max(widths, axis=0))
    lags = _shorter(statistics.lags, lattice)
    short = statistics.cropped(lags)
    covariances: list[np.ndarray] = []
    errors: list[float] = []

    def realise(rho: np.ndarray, field: int) -> np.ndarray:
        start, stop = (0.3 + 0.7 * number / len(wanted) for number in (field, field + 1))
        part = section(progress, start, stop, f"spectrum of {phases[order[field]]}: ")
        widths[field] = [width(line) for line in lines(rho, lags)]
        fitted, error = fit_covariance(rho, lags, lattice, widths[field], part)
        covariances.append(fitted)
        errors.append(error)
        return fitted[np.ix_(*(steps(r) for r in lags))]

    implied = _chain(short.s2, statistics.fractions, order, realise)
    about = {
        "order": [phases[k] for k in order],
        "correlation_length": [[round(float(w), 3) for w in field] for field in widths],
        "covariance_error": errors,
        "s2_error": {
            phases[k]: _directional_error(implied[k], short.s2[k], float(statistics.fractions[k]), lags)
            for k in range(len(phases))
        },
    }
    return order, np.stack(covariances), about


def _chain(s2: np.ndarray, fractions: np.ndarray, order: Sequence[int], realise: _Realise) -> dict[int, np.ndarray]:
    """Assign a field to each phase except the last, and return the resulting S2 of the phases.

    ``rest`` is the probability that the earlier fields left both points free.
    """
    rest: Any = 1.0
    left = 1.0
    implied = {}
    for field, phase in enumerate(order[:-1]):
        share = float(fractions[phase]) / left
        table = PairTable.of(share)
        rho = realise(table.covariance(s2[phase] / rest).astype(np.float32), field)
        both = table.probability(rho)
        implied[phase] = rest * both
        rest = rest * (1 - 2 * share + both)
        left -= float(fractions[phase])
    implied[order[-1]] = rest
    return implied


def _best_order(statistics: PairStatistics) -> tuple[tuple[int, ...], list[list[np.ndarray]]]:
    """Return the order whose resulting S2 along the axes are nearest to the data, and its covariances along the axes.

    Whether the spectra are valid is not considered.
    """
    per_axis = lines(statistics.s2, statistics.lags)
    ends = np.cumsum([r + 1 for r in statistics.lags])[:-1]
    s2 = np.concatenate(per_axis, axis=1).astype(float)
    n, variance = len(s2), statistics.fractions * (1 - statistics.fractions)
    orders = [(1, 0)] if n == 2 else list(permutations(range(n)))
    best: tuple[float, tuple[int, ...], list[np.ndarray]] | None = None
    for order in orders:
        rhos: list[np.ndarray] = []

        def keep(rho: np.ndarray, field: int, rhos: list[np.ndarray] = rhos) -> np.ndarray:
            rhos.append(rho)
            return rho

        implied = _chain(s2, statistics.fractions, order, keep)
        error = sum(float(np.sum((implied[k] - s2[k]) ** 2)) / variance[k] ** 2 for k in range(n))
        if best is None or error < best[0]:
            best = (error, order, rhos)
    assert best is not None
    return best[1], [np.split(rho, ends) for rho in best[2]]


def _lattice(widths: Sequence[float]) -> Triple:
    from scipy import fft

    edges = [
        fft.next_fast_len(int(max(np.clip(_LENGTHS * w, _LEAST, _MOST), _LENGTHS_AT_LEAST * w)), real=True)
        for w in widths
    ]
    return triple(edges)


def _shorter(lags: Triple, lattice: Triple) -> Triple:
    cut = [min(r, (n - 1) // 2) for r, n in zip(lags, lattice, strict=True)]
    return triple(cut)


def _directional_error(implied: np.ndarray, measured: np.ndarray, fraction: float, lags: Triple) -> list[float]:
    difference = lines(implied - measured, lags)
    return [float(np.sqrt(np.mean(line**2))) / (fraction * (1 - fraction)) for line in difference]
