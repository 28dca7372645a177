"""`Verdict`: what a comparison concludes, in words, with the numbers that each word rests on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any


class Word(StrEnum):
    """Conclusion about a quantity or a comparison. The verdict is the first of these words that any quantity got.

    "Same" is not among them: it does not follow from a lack of evidence.

    Attributes
    ----------
    meaning : str
        What the word says.
    """

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Word:
        """Make a member that holds its meaning together with its text."""
        member = str.__new__(cls, value)
        member._value_, member.meaning = value, meaning
        return member

    DIFFERENT = "different", "the difference is significant, and it may exceed the tolerance"
    DETECTABLE = "detectable", "the difference is significant, but within the tolerance"
    TOO_SMALL = "too small", "the volumes are too small to establish agreement: an edge is under four integral ranges"
    NOT_SEEN = "no difference seen", "no significant difference; a difference beyond the tolerance is not excluded"
    CONSISTENT = "consistent", "any difference is within the tolerance, with 90 % confidence"
    NOT_COMPARED = "not compared", "no quantity could be compared"

    @property
    def rank(self) -> int:
        """Position in the order in which words decide, 0 for the first."""
        return list(Word).index(self)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A profile of both sides along one direction.

    Parameters
    ----------
    direction : str
        "0", "1", "2" or "mean".
    unit : str
        Unit of the lags.
    x : tuple of float
        Lags.
    reference, candidate : tuple of float
        Values of both sides.
    standard_error : tuple of float
        Standard error of their difference; at equal volume fraction, if the entry is.
    """

    direction: str = "mean"
    unit: str
    x: tuple[float, ...]
    reference: tuple[float, ...]
    candidate: tuple[float, ...]
    standard_error: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One quantity of a candidate compared with the reference.

    Parameters
    ----------
    metric, feature, phase, direction, estimator : str
        What was compared; see `Key`.
    title : str
        Name of the quantity.
    scale : {"relative", "absolute"}
        Whether the difference is relative to the value of the reference.
    reference_value, value : float or None
        Values of the reference and the candidate; None for profiles and shares.
    difference, standard_error, lower, upper : float
        Candidate minus reference, at equal volume fraction where `adjusted` is true;
        its standard error; and its 90 % interval. For profiles, at the lag where the
        difference is most significant.
    df : float
        Degrees of freedom.
    n_eff : float or None
        Number of independent observations, of the side that has fewer: integral ranges
        that the volume holds, sub-volumes, or samples.
    p, holm_p : float
        p-value, alone and corrected for the number of quantities that decide.
    margin : float
        Tolerance.
    bound : float
        Agreement bound: the largest absolute value of the two ends of the 90 % interval,
        of a profile at any lag.
    smallest_seen : float
        Difference that the test sees in four of five cases, before Holm's correction; for
        profiles, at the lag where it is least sensitive.
    adjusted : bool
        Whether the quantities are compared at equal volume fraction.
    where : str
        For profiles, the lags at which they differ.
    word : Word
    real_scatter : float or None
        Standard deviation of the value of another piece of the reference's material
        that is as large as the candidate, in the scale of `difference`: that of the
        reference, or that of both sides together if it is larger.
    real_pieces : tuple of float
        Deviations of parts of the reference from the whole, or of several scans from
        their mean, scaled to the size of the candidate.
    curve : Curve or None
        For profiles, along the direction in which the difference is most significant.
    """

    metric: str
    feature: str = ""
    phase: str = ""
    direction: str = "all"
    estimator: str = ""
    title: str = ""
    scale: str = "relative"
    reference_value: float | None = None
    value: float | None = None
    difference: float
    standard_error: float
    lower: float
    upper: float
    df: float
    n_eff: float | None = None
    p: float
    holm_p: float = 1.0
    margin: float
    bound: float
    smallest_seen: float
    adjusted: bool = False
    where: str = ""
    word: Word = Word.NOT_SEEN
    real_scatter: float | None = None
    real_pieces: tuple[float, ...] = ()
    curve: Curve | None = None


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Scatter between the samples of a group, relative to that of real pieces of their size.

    Parameters
    ----------
    ratio, lower, upper : float
        Ratio of the standard deviations, the geometric mean of those of the volume
        fraction and of the surface at equal volume fraction, and its 95 % interval.
    samples : int
        Number of samples.
    word : str
        "too alike", "too varied" or "no difference seen"; "" for fewer than 8 samples.
    """

    ratio: float
    lower: float
    upper: float
    samples: int
    word: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the comparison of a candidate, or of a group of samples, with the reference concludes.

    Parameters
    ----------
    reference, candidate : str
        Names of the two volumes or groups.
    word : Word
    sentence : str
        The conclusion as one sentence.
    why : tuple of str
        The facts it rests on.
    entries : tuple of Entry
        The quantities that decide, the most significant first.
    edge_over_range : float or None
        Shortest edge over integral range, the smaller of the two sides.
    spread : Spread, optional
        Scatter between the samples; only for groups.
    notes : tuple of str
        Quantities that could not be compared, and other reservations.
    """

    reference: str
    candidate: str
    word: Word
    sentence: str
    why: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    edge_over_range: float | None = None
    spread: Spread | None = None
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain Python objects that can be written as JSON."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Verdict:
        """Make a verdict from the output of `to_dict`."""
        entries = tuple(_entry(entry) for entry in plain["entries"])
        texts = {name: tuple(plain[name]) for name in ("why", "notes")}
        spread = None if plain["spread"] is None else Spread(**plain["spread"])
        return cls(**{**plain, **texts, "entries": entries, "word": Word(plain["word"]), "spread": spread})


def _entry(plain: Mapping[str, Any]) -> Entry:
    numbers = {f.name: math.nan for f in fields(Entry) if f.type == "float" and plain[f.name] is None}
    curve = plain.get("curve")
    lists = {"real_pieces": _tuple(plain.get("real_pieces", ())), "curve": curve and _curve(curve)}
    return Entry(**{**plain, **numbers, **lists, "word": Word(plain["word"])})


def _curve(plain: Mapping[str, Any]) -> Curve:
    numbers = {name: _tuple(value) for name, value in plain.items() if isinstance(value, list)}
    return Curve(direction=plain["direction"], unit=plain["unit"], **numbers)


def _tuple(numbers: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if number is None else number for number in numbers)


def _plain(part: Any) -> Any:
    """Return dicts, lists and numbers only; JSON has no infinity: a number that does not exist is null."""
    if isinstance(part, dict):
        return {name: _plain(value) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [_plain(value) for value in part]
    return None if isinstance(part, float) and not math.isfinite(part) else part
