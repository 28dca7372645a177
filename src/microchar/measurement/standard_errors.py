"""Standard errors of additive metrics, from the low-frequency spectrum of the influence of the cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from microchar.core.influence import Influence
from microchar.core.result import Key, Result
from microchar.core.spectrum import Spectrum
from microchar.measurement.blocks import Counts

#: Lengths of the edges of a volume.
Lengths = tuple[float, float, float]
#: Confidence of the intervals that are given with values.
CONFIDENCE = 0.95


def with_errors(
    finish: Callable[[Counts], Result],
    cells: Counts,
    extra: Counts,
    lengths: Lengths,
    has_error: Callable[[Key], bool],
    *,
    edge_effect: bool = False,
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
    lengths : tuple of float
        Edges of the volume.
    has_error : callable
        ``has_error(key)`` tells whether a value has an error.
    edge_effect : bool
        Whether the faces of the volume change the expectation of the counts near them.
    """
    influence = influence_of_cells(finish, cells, extra, lengths)
    result = finish(total(cells) | extra)
    every = np.concatenate([influence.values, *influence.profiles], axis=-1)
    errors, quantiles = _errors(every, influence.lengths, edge_effect)
    ends = np.cumsum([influence.values.shape[-1], *(len(profile.y) for profile in result.profiles)])
    of_values, *of_profiles = np.split(errors, ends[:-1])
    values = tuple(
        replace(value, standard_error=float(error), lower=value.value - q * error, upper=value.value + q * error)
        if value.value is not None and np.isfinite(error) and has_error(value.key)
        else value
        for value, error, q in zip(result.values, of_values, quantiles, strict=False)
    )
    profiles = tuple(
        replace(profile, standard_error=error) if np.isfinite(error).any() else profile
        for profile, error in zip(result.profiles, of_profiles, strict=True)
    )
    return replace(result, values=values, profiles=profiles, influence=influence)


def total(cells: Counts) -> Counts:
    """Add the counts of all cells."""
    return {name: array.sum(axis=(0, 1, 2)) for name, array in cells.items()}


def influence_of_cells(finish: Callable[[Counts], Result], cells: Counts, extra: Counts, lengths: Lengths) -> Influence:
    """Return the influence of each cell on each number of a result.

    It is approximated by the difference that leaving out the cell makes, times the
    number of the other cells. For a ratio of counts, and cells of equal denominators,
    the two are equal.
    """
    numbers = next(iter(cells.values())).shape[:3]
    whole = total(cells)
    result = finish(whole | extra)
    all_values = _values(result, result)
    all_points = _points(result, result)
    others = int(np.prod(numbers)) - 1
    values = np.empty((*numbers, len(all_values)))
    points = np.empty((*numbers, len(all_points)))
    for cell in np.ndindex(*numbers):
        without = finish({name: whole[name] - array[cell] for name, array in cells.items()} | extra)
        values[cell] = others * (all_values - _values(without, result))
        points[cell] = others * (all_points - _points(without, result))
    ends = np.cumsum([len(profile.y) for profile in result.profiles])[:-1]
    profiles = tuple(np.split(points, ends, axis=-1)) if result.profiles else ()
    return Influence(values, profiles, lengths)


def _values(result: Result, like: Result) -> np.ndarray:
    """Return the values in the order of another result; nan where one does not exist."""
    by_key = {value.key: value.value for value in result.values}
    return np.array([by_key.get(value.key) for value in like.values], float)


def _points(result: Result, like: Result) -> np.ndarray:
    """Return the points of all profiles one after the other, like `_values`."""
    by_key = {profile.key: profile.y for profile in result.profiles}
    curves = [by_key.get(profile.key, np.full(len(profile.y), np.nan)) for profile in like.profiles]
    return np.concatenate(curves) if curves else np.empty(0)


def _errors(psi: np.ndarray, lengths: Lengths, edge_effect: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return standard errors and the quantiles of Student's t of their intervals; nan for numbers without influence."""
    from scipy.special import stdtrit  # the quantiles of Student's t: `scipy.stats` takes a second to import

    spectrum = Spectrum.of(psi, lengths, edge_effect=edge_effect)
    errors = np.sqrt(spectrum.variance)
    # A number that no cell changes has no error: a share of exactly 1, or one that does not depend on the cells.
    errors[errors == 0] = np.nan
    return errors, stdtrit(spectrum.df, (1 + CONFIDENCE) / 2)
