"""`plot_results`: the results of one metric on matplotlib axes, without the state of pyplot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.units import pretty_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from microchar.core.result import Profile, Result, Value

#: Half width of a 95 % interval in standard errors.
_INTERVAL = 1.96
#: Width of the lanes of all volumes together, of which each value has one unit.
_LANES = 0.6
Entry = TypeVar("Entry", "Value", "Profile")


def plot_results(results: Mapping[str, Result], ax: Axes | None, key: Mapping[str, str]) -> Axes:
    """Draw the results of one metric: profiles as curves or, if there are none, values as dots, with 95 % intervals.

    Parameters
    ----------
    results : mapping of str to Result
        By the name of the volume; "" for none.
    ax : matplotlib.axes.Axes or None
        Where to draw; None for the axes of a new figure.
    key : mapping of str to str
        See `Result.plot`.

    Raises
    ------
    InputError
        If there is nothing to draw.
    """
    first = next(iter(results.values()))
    profiles = {name: _chosen(result.profiles, key) for name, result in results.items()}
    profiles = {name: of_volume for name, of_volume in profiles.items() if of_volume}
    values = {name: _chosen(result.values, key) for name, result in results.items()}
    values = {name: of_volume for name, of_volume in values.items() if of_volume}
    if not profiles and not values:
        wanted = ", ".join(f"{part}={text!r}" for part, text in key.items())
        reason = f"nothing has {wanted}" if wanted else first.message or str(first.status)
        raise InputError(f"plot: {first.metric} has nothing to draw: {reason}")
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(layout="constrained").add_subplot()
    unit = _draw_curves(ax, profiles) if profiles else _draw_dots(ax, values)
    ax.set_ylabel(f"${first.symbol}$" + (f" ({pretty_unit(unit)})" if unit else ""))
    ax.set_title(first.title)
    return ax


def _chosen(entries: Sequence[Entry], key: Mapping[str, str]) -> list[Entry]:
    """Return the entries of a key; if it leaves a choice, the first feature and estimator, and the mean direction."""
    found = [entry for entry in entries if entry.matches(**key)]
    if found:
        parts = {"feature": found[0].feature, "estimator": found[0].estimator} | dict(key)
        found = [entry for entry in found if entry.matches(**parts)]
    mean = [entry for entry in found if entry.direction == "mean"]
    return mean or found


def _draw_curves(ax: Axes, profiles: Mapping[str, Sequence[Profile]]) -> str:
    """Draw curves with their bands, and return their unit."""
    for name, of_volume in profiles.items():
        for profile in of_volume:
            (line,) = ax.plot(profile.x, profile.y, label=_label(name, profile))
            if profile.standard_error is not None:
                half = _INTERVAL * profile.standard_error
                ends = profile.y - half, profile.y + half
                ax.fill_between(profile.x, *ends, color=line.get_color(), alpha=0.25, linewidth=0)
    first = next(iter(profiles.values()))[0]
    ax.set_xlabel(pretty_unit(first.x_unit))
    ax.legend()
    return first.unit


def _draw_dots(ax: Axes, values: Mapping[str, Sequence[Value]]) -> str:
    """Draw dots with their bars, those of the volumes side by side, and return their unit."""
    labels = list(dict.fromkeys(_label("", value) for of_volume in values.values() for value in of_volume))
    for number, (name, of_volume) in enumerate(values.items()):
        shift = _LANES * ((number + 0.5) / len(values) - 0.5)
        existing = [(labels.index(_label("", v)) + shift, v.value, v.standard_error) for v in of_volume]
        places, heights, errors = zip(*existing, strict=True)
        bars = [_INTERVAL * (error or 0.0) for error in errors]
        # matplotlib leaves out what is not a number.
        numbers = np.array(heights, float)
        ax.errorbar(places, numbers, yerr=bars, fmt="o", capsize=3, label=name or None)
    ax.set_xticks(np.arange(len(labels)), labels)
    if len(values) > 1:
        ax.legend()
    return next(iter(values.values()))[0].unit


def _label(name: str, entry: Value | Profile) -> str:
    where = {"all": "", "mean": "", "radial": "radial"}.get(entry.direction, f"axis {entry.direction}")
    return ", ".join(part for part in (name, entry.phase.replace("|", " | "), where) if part)
