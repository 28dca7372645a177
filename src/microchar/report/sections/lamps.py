"""Five lamps, each with the word of the quantities that decide it: amount, surface, shape, connection, transport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microchar.comparison.wording import amount, measured_difference, quantity
from microchar.core.verdict import Entry, Word
from microchar.report.notation import unbroken
from microchar.report.sections.contenders import Measure

#: The metrics of each lamp.
LAMPS = {
    "amount": ("volume_fraction",),
    "surface": ("specific_surface_area", "interfacial_area", "triple_phase_boundary"),
    "shape": ("two_point_correlation", "chord_length_distribution", "lineal_path", "local_thickness"),
    "connection": ("euler_characteristic", "largest_cluster_fraction", "percolating_fraction"),
    "transport": ("effective_diffusivity", "permeability"),
}
#: A sign for each word: colour alone says nothing to many readers.
_SIGNS = {
    Word.DIFFERENT: "≠",
    Word.DETECTABLE: "≈",
    Word.TOO_SMALL: "?",
    Word.NOT_SEEN: "○",
    Word.CONSISTENT: "✓",
    Word.NOT_COMPARED: "–",
}
#: What a lamp says that has no entries.
_NOT_JUDGED = "not judged"


def lamps_of(entries: Sequence[Entry], measure: Measure) -> list[dict[str, Any]]:
    """Return the lamps of one candidate.

    The word of a lamp is the first in the order of words that one of its entries got;
    what it rests on is the farthest of the entries with this word.

    Parameters
    ----------
    entries : sequence of Entry
    measure : Measure
    """
    return [_lamp(name, [e for e in entries if e.metric in metrics], measure) for name, metrics in LAMPS.items()]


def _lamp(name: str, entries: Sequence[Entry], measure: Measure) -> dict[str, Any]:
    if not entries:
        return {
            "name": name,
            "word": _NOT_JUDGED,
            "style": "not_compared",
            "sign": _SIGNS[Word.NOT_COMPARED],
            "distance": None,
            "rests": "",
            "meaning": "no quantity of this kind was compared",
        }
    word = min((entry.word for entry in entries), key=lambda word: word.rank)
    deciding = max((e for e in entries if e.word == word), key=measure.distance)
    limits = ""
    if word is Word.NOT_SEEN:
        most, seen = (amount(number, deciding.scale) for number in (deciding.bound, deciding.smallest_seen))
        limits = f"; up to {most} is not excluded, {seen} would have been seen"
    others = f", the farthest of {len(entries)} quantities" if len(entries) > 1 else ""
    return {
        "name": name,
        **shown(word),
        "distance": max(map(measure.distance, entries)),
        "rests": unbroken(f"{quantity(deciding)} {measured_difference(deciding)}{limits}{others}"),
    }


def shown(word: Word) -> dict[str, str]:
    """Return a word with its sign and its style."""
    return {"word": str(word), "style": word.name.lower(), "sign": _SIGNS[word], "meaning": word.meaning}
