"""Standard errors of additive metrics, from the low-frequency spectrum of the influence of the cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from microchar.core.grid import Grid, triple
from microchar.core.influence import Influence
from microchar.core.result import Key, Result
from microchar.core.spectrum import Spectrum
from microchar.measurement.blocks import Counts

#: Confidence of the intervals that are given with values.
CONFIDENCE = 0.95


def with_errors(
    finish: Callable[[Counts], Result],
    cells: Counts,
    extra: Counts,
    grid: Grid,
    has_error: Callable[[Key], bool],
) -> Result:
    """Return the result of the sum of the counts, with standard errors and the influence of the cells.

    Parameters
    ----------
    finish : callable
        ``finish(counts)`` returns the result.
    cells : dict of str to ndarray
        Counts per cell: the first three axes are the cells along axes 0, 1 and 2.
    extra : dict of str to ndarray
        Counts that are not sums over cells. What depends only on them has no error.
    grid : Grid
    has_error : callable
        ``has_error(key)`` tells whether a value has an error.
    """
    influence = influence_of_cells(finish, cells, extra, grid)
    result = finish(total(cells) | extra)
    errors, quantiles = _errors(influence.values, influence.lengths)
    values = tuple(
        replace(value, standard_error=float(error), lower=value.value - q * error, upper=value.value + q * error)
        if value.value is not None and np.isfinite(error) and has_error(value.key)
        else value
        for value, error, q in zip(result.values, errors, quantiles, strict=True)
    )
    profiles = tuple(
        replace(profile, standard_error=error)
        if np.isfinite(error := _errors(psi, influence.lengths)[0]).any()
        else profile
        for profile, psi in zip(result.profiles, influence.profiles, strict=True)
    )
    return replace(result, values=values, profiles=profiles, influence=influence)


def total(cells: Counts) -> Counts:
    """Add the counts of all cells."""
    return {name: array.sum(axis=(0, 1, 2)) for name, array in cells.items()}


def influence_of_cells(finish: Callable[[Counts], Result], cells: Counts, extra: Counts, grid: Grid) -> Influence:
    """Return the influence of each cell on each number of a result.

    It is approximated by the difference that leaving out the cell makes, times the
    number of the other cells. For a ratio of counts, and cells of equal denominators,
    the two are equal.
    """
    numbers = next(iter(cells.values())).shape[:3]
    whole = total(cells)
    all_values, all_profiles = _numbers(finish(whole | extra))
    others = int(np.prod(numbers)) - 1
    values = np.empty((*numbers, len(all_values)))
    profiles = [np.empty((*numbers, len(points))) for points in all_profiles]
    for cell in np.ndindex(*numbers):
        without = {name: whole[name] - array[cell] for name, array in cells.items()}
        cell_values, cell_profiles = _numbers(finish(without | extra))
        values[cell] = others * (all_values - cell_values)
        for psi, points, cell_points in zip(profiles, all_profiles, cell_profiles, strict=True):
            psi[cell] = others * (points - cell_points)
    lengths = triple(float(n * size) for n, size in zip(grid.shape, grid.voxel_size, strict=True))
    return Influence(values, tuple(profiles), lengths)


def _numbers(result: Result) -> tuple[np.ndarray, list[np.ndarray]]:
    values = np.array([np.nan if value.value is None else value.value for value in result.values], float)
    return values, [profile.y for profile in result.profiles]


def _errors(psi: np.ndarray, lengths: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return standard errors and the quantiles of Student's t of their intervals; nan for numbers without influence."""
    from scipy.stats import t

    spectrum = Spectrum.of(psi, lengths)
    errors = np.sqrt(spectrum.variance)
    # A number that no cell changes has no error: a share of exactly 1, or one that does not depend on the cells.
    errors[errors == 0] = np.nan
    return errors, t.ppf((1 + CONFIDENCE) / 2, spectrum.df)
