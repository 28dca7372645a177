"""`Score`: distance of samples from a reference material, in units of the scatter of that material."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from microchar.core.result import Key, Profile, Result, Status, Value
from microchar.core.verdict import Verdict

#: Smallest number of values whose spread is meaningful.
LEAST_FOR_SPREAD = 3
#: Lower limit of 1 plus an excess; lower values are due to chance.
_LEAST = 0.25


@dataclass(frozen=True, kw_only=True)
class ScalarScore:
    """One scalar of the samples, compared with the same scalar of the reference blocks.

    Parameters
    ----------
    metric, phase, direction, estimator, feature : str
        Key of the scalar; see `microchar.Value`.
    plane : str
        Axis normal to the images, if 2D images are compared; "" for volumes.
    reference, reference_spread : float or None
        Mean and standard deviation over the reference blocks.
    sample, sample_spread : float or None
        Mean and standard deviation over the samples.
    z : float or None
        ``(sample - reference) / reference_spread``.
    spread : float or None
        ``sample_spread / reference_spread``: far below 1 if all samples are alike
        (mode collapse).
    status : Status
        Why `z` or `spread` is missing: `TOO_FEW` (fewer than 3 reference blocks or
        samples), `CONSTANT` (the reference blocks do not differ) or `UNDEFINED` (a
        block or sample has no such value).
    """

    metric: str
    phase: str = ""
    direction: str = ""
    estimator: str = ""
    feature: str = ""
    plane: str = ""
    reference: float | None = None
    reference_spread: float | None = None
    sample: float | None = None
    sample_spread: float | None = None
    z: float | None = None
    spread: float | None = None
    status: Status = Status.OK


@dataclass(frozen=True, kw_only=True)
class Score:
    """Distance of samples from held-out material, in units of the distance between blocks of that material.

    Parameters
    ----------
    ratios : mapping of str to float
        For each metric, the mean distance between a sample and a reference block over
        the mean distance between two reference blocks (the noise floor). Another piece
        of the material scores about 1. Samples that are typical but too similar to
        each other score less.
    excesses : mapping of str to float
        For each metric, the ratio minus 1, corrected for the scatter of the samples
        (see `total`).
    scalars : tuple of ScalarScore
        All scalars with their z-scores and ratios of spreads.
    n_samples : int
        Number of samples, or pieces of samples, that were measured.
    lost : tuple of str
        Phases of which the samples hold less than a fiftieth of the share that the
        blocks have. The excesses are then at least those of noise with the volume
        fractions of the blocks; the ratios are as measured.
    draws : ndarray
        Totals of samples and blocks that were drawn again with replacement: their
        scatter is that of the total.
    verdict : Verdict, optional
        Whether the samples differ from the blocks, by the judge of `compare`; None if
        there are fewer than 3 blocks or 2 samples.
    """

    ratios: Mapping[str, float]
    excesses: Mapping[str, float]
    scalars: tuple[ScalarScore, ...] = ()
    n_samples: int = 0
    lost: tuple[str, ...] = ()
    draws: np.ndarray = field(default_factory=lambda: np.empty(0), compare=False, repr=False)
    verdict: Verdict | None = None

    @property
    def total(self) -> float:
        r"""Distance of the samples from the material over all metrics, by which candidates are sorted and chosen.

        The total is the geometric mean of 1 plus the excess of each metric. The excess is half the
        energy distance [1]_ of samples and blocks in units of the noise floor,

        .. math:: \frac{2\langle d(\text{sample}, \text{reference})\rangle
                  - \langle d(\text{sample}, \text{sample}')\rangle
                  - \langle d(\text{reference}, \text{reference}')\rangle}
                  {2\,\langle d(\text{reference}, \text{reference}')\rangle} .

        Its expectation is zero if samples and blocks follow the same distribution,
        and positive if they do not (always for scalars, as a rule for curves). Unlike
        the ratio, it does not decrease if all samples are the same. A total below 1 is
        due to chance. Some distances are bounded (probabilities) and others are not
        (the Euler characteristic of noise differs by hundreds); the geometric mean
        prevents one metric from outweighing the others. A single sample has no
        scatter, so its excess is the ratio minus 1.

        References
        ----------
        .. [1] G. J. Székely and M. L. Rizzo, "Energy statistics: a class of
           statistics based on distances", J. Stat. Plan. Inference 143, 1249 (2013).
        """
        return float(total_of(np.array(list(self.excesses.values()))))

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the total; None for fewer than 2 samples or blocks."""
        if not len(self.draws):
            return None
        lower, upper = np.quantile(self.draws, [0.025, 0.975])
        return float(lower), float(upper)

    @property
    def spreads(self) -> dict[str, float]:
        """Median ratio of spreads over the scalars of each metric, for metrics with such ratios."""
        by_metric: dict[str, list[float]] = {}
        for scalar in self.scalars:
            if scalar.spread is not None:
                by_metric.setdefault(scalar.metric, []).append(scalar.spread)
        return {metric: float(np.median(ratios)) for metric, ratios in by_metric.items()}

    @property
    def spread(self) -> float | None:
        """Median of `spreads`; None if there are too few samples or blocks."""
        spreads = list(self.spreads.values())
        return float(np.median(spreads)) if spreads else None

    def z(self, metric: str) -> float | None:
        """Return the z-score with the largest absolute value among the scalars of a metric."""
        scores = [scalar.z for scalar in self.scalars if scalar.metric == metric and scalar.z is not None]
        return max(scores, key=abs, default=None)

    def row(self) -> dict[str, float | None]:
        """Return the score as one row of a table: total, spread, and the ratio of each metric."""
        lower, upper = self.interval or (None, None)
        return {"total": self.total, "lower": lower, "upper": upper, "spread": self.spread, **self.ratios}

    def as_floats(self, prefix: str = "") -> dict[str, float]:
        """Return the numbers of `row` that exist, each with a prefix to its name, for a logger of a training.

        Examples
        --------
        >>> Score(ratios={"volume_fraction": 1.5}, excesses={"volume_fraction": 0.5}).as_floats("held_out/")
        {'held_out/total': 1.5, 'held_out/volume_fraction': 1.5}
        """
        return {f"{prefix}{name}": float(number) for name, number in self.row().items() if number is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return the score as plain Python objects that can be written as JSON."""
        scalars = [dict(vars(scalar)) for scalar in self.scalars]
        return {
            "total": self.total,
            "interval": self.interval and list(self.interval),
            "verdict": self.verdict and self.verdict.to_dict(),
            "spread": self.spread,
            "ratios": dict(self.ratios),
            "excesses": dict(self.excesses),
            "spreads": self.spreads,
            "samples": self.n_samples,
            "lost": list(self.lost),
            "scalars": scalars,
        }


def total_of(excesses: np.ndarray) -> np.ndarray:
    """Return the total (see `Score`) of the excesses of the metrics along the first axis."""
    return np.asarray(np.exp(np.log(np.maximum(1.0 + excesses, _LEAST)).mean(axis=0)))


# --- parts of a score --------------------------------------------------------


def largest(result: Result) -> float:
    """Return the largest absolute value of a result."""
    values = [abs(value.value) for value in result.values if value.value is not None]
    curves = [np.abs(profile.y[np.isfinite(profile.y)]) for profile in result.profiles]
    return max([float(curve.max()) for curve in curves if len(curve)] or values, default=0.0)


def completed(results: Sequence[Result]) -> list[Result]:
    """Give every result the entries that any of them has, in one order; a missing one is zero, so that it counts."""
    values = {value.key: replace(value, value=0.0) for result in results for value in result.values}
    profiles = {
        profile.key: replace(profile, y=np.zeros_like(profile.y))
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


def _existing(values: Sequence[Value]) -> dict[Key, Value]:
    return {value.key: value for value in values if value.value is not None}


def _finite(profiles: Sequence[Profile]) -> dict[Key, Profile]:
    return {p.key: replace(p, y=np.where(np.isfinite(p.y), p.y, 0.0)) for p in profiles if len(p.x)}


def scalar_scores(reference: Sequence[Result], samples: Sequence[Result], plane: str) -> list[ScalarScore]:
    """Compare each scalar of the samples with that of the reference blocks."""
    scores = []
    for number, value in enumerate(reference[0].values):
        of_reference, of_samples = (
            [result.values[number].value if result.values else None for result in results]
            for results in (reference, samples)
        )
        score = ScalarScore(metric=reference[0].metric, plane=plane, **value.key._asdict())
        scores.append(_filled(score, of_reference, of_samples))
    return scores


def _filled(
    score: ScalarScore, of_reference: Sequence[float | None], of_samples: Sequence[float | None]
) -> ScalarScore:
    blocks, samples = ([v for v in values if v is not None] for values in (of_reference, of_samples))
    if len(blocks) < len(of_reference) or len(samples) < len(of_samples):
        return replace(score, status=Status.UNDEFINED)
    reference, sample = float(np.mean(blocks)), float(np.mean(samples))
    reference_spread = float(np.std(blocks, ddof=1)) if len(blocks) > 1 else None
    sample_spread = float(np.std(samples, ddof=1)) if len(samples) > 1 else None
    score = replace(
        score, reference=reference, reference_spread=reference_spread, sample=sample, sample_spread=sample_spread
    )
    # A difference in the last digits is a rounding error, not a spread.
    if reference_spread is None or reference_spread <= 1e-12 * abs(reference):
        return replace(score, status=Status.CONSTANT)
    z = (sample - reference) / reference_spread
    if sample_spread is None or min(len(blocks), len(samples)) < LEAST_FOR_SPREAD:
        return replace(score, z=z, status=Status.TOO_FEW)
    return replace(score, z=z, spread=sample_spread / reference_spread)
