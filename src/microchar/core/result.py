"""Results of metrics: values and profiles with their units, statuses and conventions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from microchar.core.influence import Influence

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Status(StrEnum):
    """Outcome of the computation of a value: computed, or the reason why it is missing or special.

    Files hold the text of the member, such as "not_percolating". Every status except
    `OK` comes with a message that gives the reason.

    Attributes
    ----------
    meaning : str
        What the status says about the value.
    advice : str
        What the user can do about it; "" if nothing can be done.
    """

    meaning: str
    advice: str

    def __new__(cls, value: str, meaning: str = "", advice: str = "") -> Status:
        """Make a member that holds its meaning and advice together with its text."""
        member = str.__new__(cls, value)
        member._value_, member.meaning, member.advice = value, meaning, advice
        return member

    OK = "ok", "computed"
    NOT_PERCOLATING = (
        "not_percolating",
        "the phase does not connect the two end faces, so the value is exactly zero",
        "measure another axis, or a larger volume",
    )
    UNDEFINED = "undefined", "the value does not exist for this volume"
    ABSENT_PHASE = "absent_phase", "the phase has no voxels"
    IDENTICAL = "identical", "the two images are equal, so the ratio has no finite value"
    NOT_APPLICABLE = "not_applicable", "the metric does not apply to volumes of this kind"
    REFUSED = (
        "refused",
        "the metric does not support a requested option, or needs more memory than is allowed",
        "change the option",
    )
    NOT_CONVERGED = (
        "not_converged",
        "the solver stopped before the tolerance was met; the interval reached is given",
        "ask for a larger tolerance",
    )
    TOO_FEW = "too_few", "there are too few samples or real blocks to tell", "take more samples, or larger volumes"
    CONSTANT = "constant", "the real blocks do not differ, so there is no scatter to compare with"
    UNAVAILABLE = "unavailable", "an optional dependency is not installed", "install it as the message says"
    FAILED = (
        "failed",
        "the computation ended with an error",
        "follow the message; fail_fast=True raises the error itself",
    )


class Key(NamedTuple):
    """What identifies a value among those of one metric; in this order everywhere.

    Parameters
    ----------
    feature : str
        Name of the quantity, if the metric has several.
    phase : str
        Name of the phase; the names of a pair or triplet are joined by "|"; "" for the whole image.
    direction : str
        "0", "1", "2", "mean", "radial" or "all".
    estimator : str
        Name of the estimator, if the metric has several.
    """

    feature: str = ""
    phase: str = ""
    direction: str = "all"
    estimator: str = ""


@dataclass(frozen=True, kw_only=True)
class _Labelled:
    """Base class of values, profiles and pictures: their key, unit and status."""

    phase: str = ""
    direction: str = "all"
    estimator: str = ""
    feature: str = ""
    unit: str = ""
    status: Status = Status.OK
    message: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", Status(self.status))

    @property
    def key(self) -> Key:
        """What identifies it among those of its metric."""
        return Key(self.feature, self.phase, self.direction, self.estimator)

    def matches(self, **parts: str) -> bool:
        """Return whether the key has these parts, such as ``phase="pore"``."""
        return all(getattr(self, name) == part for name, part in parts.items())


@dataclass(frozen=True, kw_only=True)
class Value(_Labelled):
    """A number with its key, unit, bounds and status.

    `value` is None if the number does not exist; `status` then says why.

    Parameters
    ----------
    phase : str
        Name of the phase; the names of a pair or triplet are joined by "|"; "" for the whole image.
    direction : str
        "0", "1", "2", "mean", "radial" or "all".
    estimator, feature : str
        Name of the estimator and name of the quantity, if the metric has several.
    unit : str
        Unit as in data files, such as "um^-1"; "" for dimensionless numbers.
    value, lower, upper, standard_error : float or None
        The number, its lower and upper bound, and its standard error.
    n_eff : float or None
        Number of independent observations behind a volume fraction with a standard error:
        the number of integral ranges that the volume holds.
    status : Status
        Whether the number exists, and if not, why.
    message : str
        The reason, if the status is not `Status.OK`.
    """

    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    standard_error: float | None = None
    n_eff: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Profile(_Labelled):
    """A function of one variable, sampled: ``y[i]`` at ``x[i]``; see `Value` for the key."""

    x: np.ndarray = field(default_factory=lambda: np.empty(0))
    y: np.ndarray = field(default_factory=lambda: np.empty(0))
    x_unit: str = ""
    standard_error: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture(_Labelled):
    """A slice of a field, for the report; see `Value` for the key.

    Parameters
    ----------
    png : str
        Picture as encoded by `microchar.core.pictures`. Grey levels 1 to 255 stand for
        low to high values of the field, 0 for voxels without a value.
    aspect : float
        Width divided by height, both as lengths.
    caption : str
        What is shown, at which position, and how the grey levels are scaled.
    """

    png: str
    aspect: float
    caption: str


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Result:
    """All that one metric computed for one volume (or pair of volumes).

    Parameters
    ----------
    metric, title, symbol, kind : str
        Attributes of the metric, see `Metric`.
    convention : mapping of str to str
        Definition, boundary, connectivity, estimator, denominator, …: what
        another tool must do in the same way for its number to be comparable.
    values, profiles, pictures : tuple
        Values, profiles and pictures of the metric.
    status : Status
        Status of the metric as a whole.
    message : str
        The reason, if the metric could not be computed at all.
    influence : Influence, optional
        Influence of the cells of the volume on the numbers; it is not written to files.
    """

    metric: str
    title: str
    symbol: str
    kind: str
    convention: Mapping[str, str]
    values: tuple[Value, ...] = ()
    profiles: tuple[Profile, ...] = ()
    pictures: tuple[Picture, ...] = ()
    status: Status = Status.OK
    message: str = ""
    influence: Influence | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", Status(self.status))

    def __repr__(self) -> str:
        about = f"{len(self.values)} values, {len(self.profiles)} profiles"
        return f"<Result of {self.metric}: {about}, {self.status}>"

    def value(self, **key: str) -> Value:
        """Return the only value whose key has these parts: ``value(phase="pore", direction="0")``."""
        return _only([v for v in self.values if v.matches(**key)], self.metric, key)

    def profile(self, **key: str) -> Profile:
        """Return the only profile whose key has these parts."""
        return _only([p for p in self.profiles if p.matches(**key)], self.metric, key)

    def plot(self, ax: Axes | None = None, **key: str) -> Axes:
        """Draw the profiles as curves or, if there are none, the values as dots, with 95 % intervals.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default the axes of a new figure, which is ``ax.figure``.
        **key : str
            What to draw, such as ``phase="pore"`` or ``direction="0"``. By default all
            phases, the first feature and estimator, and the mean over directions or,
            without one, each direction.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        InputError
            If there is nothing to draw.

        Examples
        --------
        >>> import microchar as mc
        >>> s2 = mc.metrics.TwoPointCorrelation(r_max=1)([[0, 1, 1, 0], [1, 1, 0, 0]])
        >>> len(s2.plot(phase="1").lines)
        1
        """
        from microchar.core.plotting import plot_results

        return plot_results({"": self}, ax, key)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain Python objects that can be written as JSON."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "influence"}
        plain["convention"] = dict(self.convention)
        plain["values"] = [asdict(value) for value in self.values]
        plain["profiles"] = [_plain_profile(profile) for profile in self.profiles]
        plain["pictures"] = [asdict(picture) for picture in self.pictures]
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Result:
        """Make a result from the output of `to_dict`."""
        entries = dict(plain)
        entries["values"] = tuple(Value(**value) for value in plain["values"])
        entries["profiles"] = tuple(_profile(profile) for profile in plain["profiles"])
        entries["pictures"] = tuple(Picture(**picture) for picture in plain["pictures"])
        return cls(**entries)


def _only(entries: list[Any], metric: str, key: Mapping[str, str]) -> Any:
    if len(entries) != 1:
        raise KeyError(f"{metric}: {len(entries)} entries match {dict(key)!r}, expected one")
    return entries[0]


def _plain_profile(profile: Profile) -> dict[str, Any]:
    plain = {f.name: getattr(profile, f.name) for f in fields(profile)}
    for key in ("x", "y", "standard_error"):
        plain[key] = None if plain[key] is None else _numbers(plain[key])
    return plain


def _numbers(array: Iterable[float]) -> list[float | None]:
    # JSON has no NaN: a missing number is written as null.
    return [float(number) if np.isfinite(number) else None for number in array]


def _profile(plain: Mapping[str, Any]) -> Profile:
    entries = dict(plain)
    for key in ("x", "y", "standard_error"):
        if entries[key] is not None:
            entries[key] = np.array([np.nan if number is None else number for number in entries[key]])
    return Profile(**entries)
