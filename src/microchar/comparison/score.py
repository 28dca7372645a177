"""`Score`: how far samples are from real material in units of its own scatter, and the numbers it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from microchar.core.result import Profile, Result, Status, Value

#: A spread of fewer values says nothing.
LEAST_FOR_SPREAD = 3
#: What chance can make of 1 plus an excess, at least.
_LEAST = 0.25


@dataclass(frozen=True, kw_only=True)
class ScalarScore:
    """One scalar of samples beside the same of the real blocks.

    Parameters
    ----------
    metric, phase, direction, estimator, feature : str
        What it is, as in `Value`.
    plane : str
        Of slices, the axis that their images are normal to; "" for volumes.
    real, real_spread : float or None
        Mean and standard deviation over the real blocks.
    sample, sample_spread : float or None
        The same over the samples.
    z : float or None
        ``(sample - real) / real_spread``.
    spread : float or None
        ``sample_spread / real_spread``: far below 1 where all samples are alike
        (mode collapse).
    status : {"ok", "too_few", "constant", "undefined"}
        Why `z` or `spread` is absent: fewer than 3 real blocks or samples, real
        blocks that do not differ, or a block or sample that has no such value.
    """

    metric: str
    phase: str = ""
    direction: str = ""
    estimator: str = ""
    feature: str = ""
    plane: str = ""
    real: float | None = None
    real_spread: float | None = None
    sample: float | None = None
    sample_spread: float | None = None
    z: float | None = None
    spread: float | None = None
    status: Status = Status.OK


@dataclass(frozen=True, kw_only=True)
class Score:
    """How far samples are from held-out material, in units of how far its blocks are from each other.

    Parameters
    ----------
    ratios : mapping of str to float
        For each metric the mean distance between a sample and a real block over
        the mean distance between two real blocks (the noise floor). About 1 is as
        good as another piece of the material; samples that are all typical and
        too much alike have less.
    excesses : mapping of str to float
        The same in excess of 1, less what the scatter of the samples among
        themselves makes of it, see `total`.
    scalars : tuple of ScalarScore
        Every scalar with z-score and ratio of spreads.
    n_samples : int
        Samples, or pieces of samples, that were measured.
    """

    ratios: Mapping[str, float]
    excesses: Mapping[str, float]
    scalars: tuple[ScalarScore, ...] = ()
    n_samples: int = 0

    @property
    def total(self) -> float:
        r"""How far the samples are from the material over all: the number to sort and to choose by; 1 at best.

        The geometric mean of 1 plus the excess of each metric, which is half the
        energy distance [1]_ of samples and blocks in units of the floor,

        .. math:: \frac{2\langle d(\text{sample}, \text{real})\rangle
                  - \langle d(\text{sample}, \text{sample}')\rangle
                  - \langle d(\text{real}, \text{real}')\rangle}
                  {2\,\langle d(\text{real}, \text{real}')\rangle} .

        It is zero in expectation where samples and blocks scatter about the same
        mean alike, and positive where they do not (always for scalars, for
        curves as a rule): unlike the ratio it is not lowered by samples that are
        all the same. Below 1 the total is by chance only. Some distances are
        bounded (probabilities) and some are not (the Euler characteristic of noise
        is off by hundreds); the geometric mean lets none drown the others. Of a
        single sample, which has no scatter, the excess is that of the ratio.

        References
        ----------
        .. [1] G. J. Székely and M. L. Rizzo, "Energy statistics: a class of
           statistics based on distances", J. Stat. Plan. Inference 143, 1249 (2013).
        """
        return float(np.exp(np.mean([np.log(max(1.0 + excess, _LEAST)) for excess in self.excesses.values()])))

    @property
    def spreads(self) -> dict[str, float]:
        """Median ratio of spreads over the scalars of each metric; metrics that have none are left out."""
        found: dict[str, list[float]] = {}
        for scalar in self.scalars:
            if scalar.spread is not None:
                found.setdefault(scalar.metric, []).append(scalar.spread)
        return {metric: float(np.median(ratios)) for metric, ratios in found.items()}

    @property
    def spread(self) -> float | None:
        """Median of `spreads`; None where there is none, for want of samples or blocks."""
        spreads = list(self.spreads.values())
        return float(np.median(spreads)) if spreads else None

    def z(self, metric: str) -> float | None:
        """Return the largest z-score of a metric's scalars, by its absolute value, with its sign."""
        found = [scalar.z for scalar in self.scalars if scalar.metric == metric and scalar.z is not None]
        return max(found, key=abs, default=None)

    def row(self) -> dict[str, float | None]:
        """Return the score as one row of a table: total, spread, and the ratio of each metric."""
        return {"total": self.total, "spread": self.spread, **self.ratios}

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python objects, fit for JSON."""
        scalars = [dict(vars(scalar)) for scalar in self.scalars]
        return {
            "total": self.total,
            "spread": self.spread,
            "ratios": dict(self.ratios),
            "excesses": dict(self.excesses),
            "spreads": self.spreads,
            "samples": self.n_samples,
            "scalars": scalars,
        }


# --- what it is made of ------------------------------------------------------


def largest(result: Result) -> float:
    """Return the largest absolute value of a result."""
    values = [abs(value.value) for value in result.values if value.value is not None]
    curves = [np.abs(profile.y[np.isfinite(profile.y)]) for profile in result.profiles]
    return max([float(curve.max()) for curve in curves if len(curve)] or values, default=0.0)


def completed(results: Sequence[Result]) -> list[Result]:
    """Return results that all have what any of them has, in one order: zeros for a lack, so that it is a difference."""
    values = {_labels(value): replace(value, value=0.0) for result in results for value in result.values}
    profiles = {
        _labels(profile): replace(profile, y=np.zeros_like(profile.y))
        for result in results
        for profile in result.profiles
        if len(profile.x)
    }
    return [
        replace(
            result,
            values=tuple({**values, **_existing(result.values)}.values()),
            profiles=tuple({**profiles, **_finite(result.profiles)}.values()),
        )
        for result in results
    ]


def _labels(of: Value | Profile) -> tuple[str, ...]:
    return of.phase, of.direction, of.estimator, of.feature


def _existing(values: Sequence[Value]) -> dict[tuple[str, ...], Value]:
    return {_labels(value): value for value in values if value.value is not None}


def _finite(profiles: Sequence[Profile]) -> dict[tuple[str, ...], Profile]:
    return {_labels(p): replace(p, y=np.where(np.isfinite(p.y), p.y, 0.0)) for p in profiles if len(p.x)}


def scalar_scores(real: Sequence[Result], made: Sequence[Result], plane: str) -> list[ScalarScore]:
    """Set each scalar of the samples beside that of the real blocks."""
    found = []
    for place, value in enumerate(real[0].values):
        theirs = [result.values[place].value if result.values else None for result in real]
        ours = [result.values[place].value if result.values else None for result in made]
        found.append(_scalar(real[0].metric, value, theirs, ours, plane))
    return found


def _scalar(
    metric: str, value: Value, theirs: Sequence[float | None], ours: Sequence[float | None], plane: str
) -> ScalarScore:
    labels = {key: getattr(value, key) for key in ("phase", "direction", "estimator", "feature")}
    blank = ScalarScore(metric=metric, plane=plane, **labels)
    known, own = ([v for v in values if v is not None] for values in (theirs, ours))
    if len(known) < len(theirs) or len(own) < len(ours):
        return replace(blank, status=Status.UNDEFINED)
    real, sample = float(np.mean(known)), float(np.mean(own))
    real_spread = float(np.std(known, ddof=1)) if len(known) > 1 else None
    sample_spread = float(np.std(own, ddof=1)) if len(own) > 1 else None
    both = replace(blank, real=real, real_spread=real_spread, sample=sample, sample_spread=sample_spread)
    # Rounding in the last place is no spread.
    if real_spread is None or real_spread <= 1e-12 * abs(real):
        return replace(both, status=Status.CONSTANT)
    z = (sample - real) / real_spread
    if sample_spread is None or min(len(known), len(own)) < LEAST_FOR_SPREAD:
        return replace(both, z=z, status=Status.TOO_FEW)
    return replace(both, z=z, spread=sample_spread / real_spread)
