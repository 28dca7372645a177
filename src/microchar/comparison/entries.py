"""From two estimates to an `Entry`: the test of their difference, in the scale in which it is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from microchar.comparison.estimate import Estimate
from microchar.comparison.inference import Difference, difference, studentised
from microchar.comparison.wording import quantity_name
from microchar.core.result import Key
from microchar.core.verdict import Curve, Entry

#: Estimates of the same numbers of both sides, the reference first.
Pair = tuple[Estimate, Estimate]
#: Number of real pieces that are kept.
_MOST_PIECES = 30
#: Share that is added on both sides before the logit of a share.
_FLOOR = 0.005


@dataclass(frozen=True)
class Scale:
    """How a difference in the scale of the test is shown."""

    name: str
    show: Callable[[float], float]
    limits: tuple[float, float] = (-math.inf, math.inf)

    def size(self, error: float, at: float = 0.0) -> float:
        """Return the standard error of a difference `at` as it is shown."""
        return abs(self.show(at + error) - self.show(at - error)) / 2


ABSOLUTE = Scale("absolute", float)


def relative(reference: Estimate) -> Scale:
    """Show differences relative to the value of the reference, or to twice its standard error if that is larger.

    Without the second rule a quantity whose value is near zero, as the Euler
    characteristic may be, would differ by any number of percent.
    """
    error = float(np.sqrt(np.nan_to_num(reference.variance[0])))
    size = max(abs(float(reference.value[0])), 2 * error) or 1.0
    return Scale("relative", lambda d: d / size)


def logit(share: float | np.ndarray) -> np.ndarray:
    """Return the logit of a share that may be 0 or 1."""
    share = np.clip(share, 0.0, 1.0)
    return np.asarray(np.log((share + _FLOOR) / (1 - share + _FLOOR)))


def of_logit(reference: Estimate) -> Scale:
    """Show differences of logits as differences of shares."""

    def share(value: float) -> float:
        odds = np.exp(value)
        return float((odds * (1 + _FLOOR) - _FLOOR) / (1 + odds))

    at = float(reference.value[0])
    return Scale("absolute", lambda d: share(at + d) - share(at), limits=(-share(at), 1 - share(at)))


@dataclass(frozen=True, eq=False)
class Lags:
    """Lags of a profile: all directions, one after the other."""

    x: np.ndarray
    directions: Sequence[str]
    unit: str

    def around(self, index: int) -> tuple[str, slice]:
        """Return the direction that a point belongs to, and the points of this direction."""
        starts = [0, *(np.flatnonzero(np.diff(self.x) <= 0) + 1), len(self.x)]
        number = int(np.searchsorted(starts, index, side="right")) - 1
        return self.directions[number], slice(starts[number], starts[number + 1])

    def where(self, found: Difference) -> str:
        """Return the range of the lags at which the interval of the difference does not hold zero."""
        outside = self.x[(found.lower > 0) | (found.upper < 0)]
        if not len(outside):
            return ""
        ends = f"{outside.min():.3g} to {outside.max():.3g}" if len(outside) > 1 else f"{outside[0]:.3g}"
        return f"r = {ends} {self.unit}"


def entry_of(
    metric: str,
    key: Key,
    tested: Pair,
    pair: Pair,
    scale: Scale,
    *,
    margin: float,
    adjusted: bool,
    lags: Lags | None = None,
    plain_values: bool = True,
) -> Entry:
    """Test whether two estimates differ, and describe the outcome.

    Parameters
    ----------
    metric, key
        What is compared.
    tested : pair of Estimate
        What is tested: `pair`, or `pair` at equal volume fraction.
    pair : pair of Estimate
        The values as measured.
    scale : Scale
    margin : float
    adjusted : bool
    lags : Lags, optional
        The lags of a profile.
    plain_values : bool
        Whether the values of `pair` mean something to a reader, as logits do not.
    """
    found = difference(*tested)
    at = int(np.argmax(studentised(found.value, found.standard_error)))
    seen = found.sees * float(np.nanmax(found.standard_error))  # of a profile, at its least accurate lag
    real, candidate = tested
    ratio = real.whole / candidate.whole
    errors = [float(np.sqrt(e.variance[at])) for e in tested]
    # A logit and a share change at different rates: each side's error is shown at its own value.
    error = math.hypot(scale.size(errors[0]), scale.size(errors[1], float(found.value[at])))
    lower, upper = _interval(found, scale, at, error)
    values = [float(e.value[0]) if plain_values and lags is None else None for e in pair]
    # Neither side knows its scatter well: if both together imply a larger one, it is the unit of a fairer distance.
    scatter = max(real.variance[at] * ratio, found.standard_error[at] ** 2 * ratio / (1 + ratio))
    observations = [o for o in (e.observations for e in tested) if o is not None]
    return Entry(
        metric=metric,
        **key._asdict(),
        title=quantity_name(metric),
        scale=scale.name,
        reference_value=values[0],
        value=values[1],
        difference=scale.show(float(found.value[at])),
        standard_error=error,
        lower=float(lower[at]),
        upper=float(upper[at]),
        df=found.df,
        n_eff=min(observations, default=None),
        p=found.p,
        margin=margin,
        bound=float(np.nanmax(np.abs(np.concatenate([lower, upper])))),
        smallest_seen=max(abs(scale.show(seen)), abs(scale.show(-seen))),
        adjusted=adjusted,
        where=lags.where(found) if lags else "",
        real_scatter=scale.size(float(np.sqrt(scatter))),
        real_pieces=tuple(scale.show(float(d)) for d in _some(real.parts[:, at]) * np.sqrt(ratio)),
        curve=_curve(lags, at, pair, found) if lags else None,
    )


def _interval(found: Difference, scale: Scale, at: int, error: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the interval as they are shown.

    Where the scale bends, the interval is at least as wide as the standard error, which is
    that `at` the most significant point, implies.
    """
    lower, upper = (np.array([scale.show(float(v)) for v in ends]) for ends in (found.lower, found.upper))
    difference = scale.show(float(found.value[at]))
    lower[at] = max(min(lower[at], difference - found.critical * error), scale.limits[0])
    upper[at] = min(max(upper[at], difference + found.critical * error), scale.limits[1])
    return lower, upper


def _some(parts: np.ndarray) -> np.ndarray:
    """Return evenly chosen parts, if there are many."""
    return parts[:: -(-len(parts) // _MOST_PIECES)] if len(parts) else parts


def _curve(lags: Lags, at: int, pair: Pair, found: Difference) -> Curve:
    direction, points = lags.around(at)
    columns = (lags.x, pair[0].value, pair[1].value, found.standard_error)
    x, reference, candidate, error = (tuple(column[points].tolist()) for column in columns)
    return Curve(
        direction=direction, unit=lags.unit, x=x, reference=reference, candidate=candidate, standard_error=error
    )
