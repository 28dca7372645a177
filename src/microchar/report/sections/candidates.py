"""The table of candidates: a row each, the nearest first, with another piece of the real material among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Any

from microchar.comparison.spread import SMALLEST_RATIO
from microchar.comparison.wording import quantity
from microchar.core.numbers import number
from microchar.core.verdict import Entry, Spread, Word
from microchar.report.sections.contenders import Contender, Measure
from microchar.report.sections.lamps import LAMPS, lamps_of, shown


def candidate_rows(contenders: Sequence[Contender], reference: str) -> dict[str, Any]:
    """Return the rows of the table.

    Parameters
    ----------
    contenders : sequence of Contender
        Those without a verdict have no row.
    reference : str
        Name of the reference.

    Returns
    -------
    dict
        ``columns`` (names of the lamps), ``rows``, ``unit`` of the distances, ``spread``
        (whether a column for the scatter of groups is needed).
    """
    measure = Measure.of(contenders)
    rows = [_row(contender, measure) for contender in contenders if contender.verdict]
    real = _real_row(contenders, reference, measure)
    rows = sorted([*rows, *([real] if real else [])], key=lambda row: row["distance"])
    for row in rows:
        row["lamps"] = [lamp | {"distance": _text(lamp["distance"])} for lamp in row["lamps"]]
    return {
        "columns": list(LAMPS),
        "signs": [shown(word) for word in Word],
        "rows": rows,
        "unit": measure.name,
        "spread": any(row["spread"] for row in rows),
    }


def _row(contender: Contender, measure: Measure) -> dict[str, Any]:
    verdict = contender.verdict
    assert verdict is not None
    farthest = max(verdict.entries, key=measure.distance, default=None)
    distance = measure.distance(farthest) if farthest else 0.0
    members = [name for name in contender.members if name != contender.name]
    return {
        **contender.shown,
        **shown(verdict.word),
        "rank": verdict.word.rank,
        "real": False,
        "members": members,
        "distance": distance,
        "far": _text(distance) if farthest else "–",
        "farthest": quantity(farthest) if farthest else "",
        "lamps": lamps_of(verdict.entries, measure),
        "spread": _spread(verdict.spread),
        "spread_ratio": verdict.spread.ratio if verdict.spread else None,
    }


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return ""
    if spread.ratio <= SMALLEST_RATIO:
        return f"< {SMALLEST_RATIO:g}"
    return f"{number(spread.ratio, 2)} ({number(spread.lower, 2)} to {number(spread.upper, 2)})"


def _real_row(contenders: Sequence[Contender], reference: str, measure: Measure) -> dict[str, Any] | None:
    """Return the row of another piece of the real material: the median over its pieces; None if they are not known."""
    entries = next((c.entries for c in contenders if c.entries), ())
    if not measure.by_scatter or not entries or not all(entry.real_pieces for entry in entries):
        return None
    distance, farthest = _typical(entries, measure)
    in_lamps = []
    for name, metrics in LAMPS.items():
        of_lamp = [entry for entry in entries if entry.metric in metrics]
        in_lamps.append(
            {"name": name, "word": "", "style": "real", "sign": "", "distance": _typical(of_lamp, measure)[0]}
            | {"rests": "", "meaning": ""}
        )
    return {
        "name": f"another piece of {reference}",
        "id": "real-piece",
        "series": 0,
        "dash": 0,
        "word": "expected scatter",
        "style": "real",
        "sign": "",
        "meaning": "what pieces of the real material differ by",
        "rank": -1,
        "real": True,
        "members": [],
        "distance": distance or 0.0,
        "far": _text(distance),
        "farthest": farthest,
        "lamps": in_lamps,
        "spread": "",
        "spread_ratio": None,
    }


def _typical(entries: Sequence[Entry], measure: Measure) -> tuple[float | None, str]:
    """Return the median over the pieces of their largest distance, and the quantity that is farthest most often."""
    if not entries:
        return None, ""
    # Quantities are known of different numbers of pieces; those that are known of few are repeated.
    pieces = max(len(entry.real_pieces) for entry in entries)
    largest, farthest = [], []
    for piece in range(pieces):
        distances = {quantity(e): abs(e.real_pieces[piece % len(e.real_pieces)]) / measure.size(e) for e in entries}
        known = {name: distance for name, distance in distances.items() if math.isfinite(distance)}
        if known:
            farthest.append(max(known, key=lambda name: known[name]))
            largest.append(max(known.values()))
    return (median(largest), max(farthest, key=farthest.count)) if largest else (None, "")


def _text(distance: float | None) -> str:
    if distance is None:
        return ""
    return f"{distance:.1f}" if distance < 9.95 else f"{distance:.0f}"
