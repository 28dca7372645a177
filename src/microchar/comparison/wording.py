"""The sentences of a verdict, written from its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from microchar.comparison.spread import SMALLEST_RATIO
from microchar.core.text import phases_in_text
from microchar.core.verdict import Entry, Spread, Word

#: Edge over integral range under which a volume is too small to find agreement.
SMALLEST_EDGE = 4.0
#: What is said of a quantity, by metric.
_NAMES = {
    "volume_fraction": "volume fraction",
    "specific_surface_area": "specific surface area",
    "interfacial_area": "interfacial area",
    "triple_phase_boundary": "triple-phase boundary",
    "chord_length_distribution": "mean chord length",
    "lineal_path": "lineal path L/φ",
    "local_thickness": "mean local thickness",
    "two_point_correlation": "normalised covariance ρ(r)",
    "euler_characteristic": "Euler characteristic",
    "largest_cluster_fraction": "largest cluster",
    "percolating_fraction": "percolating fraction",
    "effective_diffusivity": "effective diffusivity",
    "permeability": "permeability",
}
#: What a smaller and a larger value say about the candidate, by metric.
_MEANINGS = {
    "volume_fraction": ("it holds less {phase}", "it holds more {phase}"),
    "specific_surface_area": ("it has less surface", "it has more surface"),
    "interfacial_area": ("it has less interface of {phase}", "it has more interface of {phase}"),
    "triple_phase_boundary": ("its triple-phase boundary is shorter", "its triple-phase boundary is longer"),
    "chord_length_distribution": ("its {phase} is finer", "its {phase} is coarser"),
    "local_thickness": ("its {phase} is thinner", "its {phase} is thicker"),
    "euler_characteristic": (
        "its {phase} has fewer pieces, or more loops",
        "its {phase} has more pieces, or fewer loops",
    ),
    "largest_cluster_fraction": ("its {phase} is less connected", "its {phase} is more connected"),
    "percolating_fraction": (
        "less of its {phase} connects opposite faces",
        "more of its {phase} connects opposite faces",
    ),
    "effective_diffusivity": ("its {phase} conducts less", "its {phase} conducts more"),
    "permeability": ("its {phase} is less permeable", "its {phase} is more permeable"),
}
#: Shares that are measured on pieces: the value of a whole volume has no error.
SHARES = ("largest_cluster_fraction", "percolating_fraction")
#: Number of facts that the reasons hold.
_REASONS = 3


def quantity(entry: Entry) -> str:
    """Return the name of a quantity with its phase."""
    name, phases = quantity_name(entry.metric), _phases(entry)
    return f"{name} of {phases}" if phases else name


def _phases(entry: Entry) -> str:
    return phases_in_text(entry.phase.split("|"))


def quantity_name(metric: str) -> str:
    """Return the name of the quantity that is compared, by the id of the metric."""
    return _NAMES.get(metric, metric.replace("_", " "))


def amount(number: float, scale: str, *, sign: bool = False) -> str:
    """Return a difference as text: relative ones in percent, absolute ones as they are; with two digits.

    Examples
    --------
    >>> amount(-0.534, "relative", sign=True), amount(0.0213, "absolute")
    ('−53 %', '0.021')
    """
    shown = number * 100 if scale == "relative" else number
    text = f"{shown:{'+' if sign else ''}.2g}" if abs(shown) < 99.5 else f"{shown:{'+' if sign else ''}.0f}"
    if "e" in text:
        text = f"{float(text):{'+' if sign else ''}.6f}".rstrip("0").rstrip(".")
    return text.replace("-", "−") + (" %" if scale == "relative" else "")


def measured_difference(entry: Entry) -> str:
    """Return the difference with its standard error; one smaller than the error has its decimals."""
    value, error = amount(entry.difference, entry.scale, sign=True), amount(entry.standard_error, entry.scale)
    if abs(entry.difference) < entry.standard_error:
        decimals = len(error.removesuffix(" %").partition(".")[2])
        shown = entry.difference * (100 if entry.scale == "relative" else 1)
        value = f"{shown:+.{decimals}f}".replace("-", "−")
    return f"{value.removesuffix(' %')} ± {error}"


def conclusion(
    reference: str, candidate: str, entries: Sequence[Entry], ratio: float | None, integral_range: float | None
) -> tuple[Word, str, list[str]]:
    """Return the word of a comparison, the sentence, and the facts that it rests on.

    Parameters
    ----------
    reference, candidate : str
        Names.
    entries : sequence of Entry
        The deciding quantities, sorted by word and significance.
    ratio : float or None
        Shortest edge over integral range.
    integral_range : float or None
        In voxels.
    """
    if not entries:
        return (
            Word.NOT_COMPARED,
            f"{candidate} was not compared with {reference}: no quantity has a standard error.",
            [],
        )
    word = entries[0].word
    deciding = [entry for entry in entries if entry.word == word]
    if word is Word.DIFFERENT:
        sentence = f"{candidate} is not the same material as {reference}: {_facts(deciding[:2])}."
    elif word is Word.DETECTABLE:
        sentence = f"{candidate} differs from {reference}, but within the tolerances: {_facts(deciding[:2])}."
    elif word is Word.TOO_SMALL:
        least = integral_range * SMALLEST_EDGE if integral_range else None
        settles = f" Use volumes with edges of at least {least:.0f} voxels." if least else ""
        short = math.floor(10 * (ratio or 0.0)) / 10  # never rounded up to the edge that is needed
        sentence = (
            f"The volumes are too small to tell whether {candidate} is the same material as {reference}: "
            f"the shortest edge is {short:.1f} integral ranges, {SMALLEST_EDGE:.0f} are needed.{settles}"
        )
    elif word is Word.NOT_SEEN:
        sentence = (
            f"No difference between {candidate} and {reference} was seen; this test would have seen a difference of "
            f"{_seen(entries)}."
        )
    else:
        names = ", ".join(dict.fromkeys(quantity_name(entry.metric) for entry in entries))
        sentence = f"{candidate} is consistent with {reference}: all compared quantities agree ({names})."
    reasons = [_reason(entry) for entry in entries[:_REASONS]]
    if more := [quantity(entry) for entry in deciding[_REASONS:] if word in (Word.DIFFERENT, Word.DETECTABLE)]:
        reasons.append(f"Also {word}: {', '.join(more)}.")
    return word, sentence, reasons


def _facts(entries: Sequence[Entry]) -> str:
    """Return what the first difference means, with its number and the scatter of the real material, and the others."""
    first, *others = entries
    smaller, larger = _MEANINGS.get(first.metric, ("", ""))
    meaning = (larger if first.difference > 0 else smaller).format(phase=_phases(first))
    fact = _fact(first)
    if first.real_scatter:
        fact += f"; real pieces scatter by {amount(first.real_scatter, first.scale)}"
    return "; ".join([f"{meaning} ({fact})" if meaning else fact, *map(_fact, others)])


def _fact(entry: Entry) -> str:
    return f"{quantity(entry)} {measured_difference(entry)}"


def _seen(entries: Sequence[Entry]) -> str:
    wanted = ("volume_fraction", "specific_surface_area", "percolating_fraction", "effective_diffusivity")
    # Of a share that no piece changes, any difference would be seen: that says nothing about the test.
    scattering = [entry for entry in entries if entry.smallest_seen > 0] or entries
    chosen = [entry for metric in wanted for entry in scattering if entry.metric == metric][:3] or scattering[:3]
    return ", ".join(f"{amount(entry.smallest_seen, entry.scale)} in {quantity(entry)}" for entry in chosen)


def _reason(entry: Entry) -> str:
    at_equal = " at equal volume fraction" if entry.adjusted else ""
    where = f" ({entry.where})" if entry.where else ""
    if entry.metric in SHARES:
        where += " (means of pieces)"
    if entry.word in (Word.DIFFERENT, Word.DETECTABLE):
        return (
            f"The {quantity(entry)} differs by {measured_difference(entry)}{at_equal}{where}; "
            f"{_probability(entry.holm_p)} after Holm's correction, tolerance {amount(entry.margin, entry.scale)}."
        )
    return (
        f"The difference of the {quantity(entry)} is at most {amount(entry.bound, entry.scale)}{at_equal} "
        f"(90 % interval), tolerance {amount(entry.margin, entry.scale)}; the test would have seen "
        f"{amount(entry.smallest_seen, entry.scale)} in four of five cases."
    )


def _probability(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def spread_fact(spread: Spread) -> str:
    """Return what the scatter between the samples of a group is."""
    word = f": {spread.word}" if spread.word else ""
    least = "at most " if spread.ratio <= SMALLEST_RATIO else ""
    return (
        f"The {spread.samples} samples scatter {least}{spread.ratio:.2g} times as much as real pieces of their size "
        f"(95 % interval {spread.lower:.2g} to {spread.upper:.2g}){word}."
    )
