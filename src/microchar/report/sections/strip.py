"""The strip plot of the quantities that decide, in units of the scatter of the real material."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microchar.comparison.wording import measured_difference, quantity
from microchar.core.verdict import Entry
from microchar.report.sections.contenders import Contender, Measure, anchor


def strip_plot(contenders: Sequence[Contender]) -> dict[str, Any] | None:
    """Return the figure: a row for each quantity, the most significant first; None if nothing was compared.

    Parameters
    ----------
    contenders : sequence of Contender
    """
    measure = Measure.of(contenders)
    rows: dict[tuple[str, ...], list[tuple[Contender, Entry]]] = {}
    for contender in contenders:
        for entry in contender.entries:
            # Profiles are compared in the mean over the directions of one candidate, and along each of another.
            key = (entry.metric, entry.feature, entry.phase, entry.estimator)
            rows.setdefault(key, []).append((contender, entry))
    if not rows:
        return None
    ordered = sorted(rows.values(), key=lambda row: _significance(row, measure))
    figure = {
        "type": "strip",
        "rows": [_row(row, measure, alone=len(contenders) == 1) for row in ordered],
        "x_label": f"difference, in units of the {measure.name}",
        "alt": "Differences of the quantities that decide: " + _in_words(ordered, measure),
    }
    return {"figure": figure, "by_scatter": measure.by_scatter, "unit": measure.name}


def _significance(row: Sequence[tuple[Contender, Entry]], measure: Measure) -> tuple[float, float]:
    return min(entry.p for _, entry in row), -max(measure.distance(entry) for _, entry in row)


def _row(row: Sequence[tuple[Contender, Entry]], measure: Measure, *, alone: bool) -> dict[str, Any]:
    first = row[0][1]
    pieces = next((entry for _, entry in row if entry.real_pieces), None) if measure.by_scatter else None
    return {
        "id": anchor(first.metric, first.phase),
        "label": quantity(first),
        "text": measured_difference(first) if alone else "",
        "word": str(first.word) if alone else "",
        "pieces": [piece / measure.size(pieces) for piece in pieces.real_pieces] if pieces else [],
        "marks": [_mark(contender, entry, measure) for contender, entry in row if measure.size(entry) > 0],
    }


def _mark(contender: Contender, entry: Entry, measure: Measure) -> dict[str, Any]:
    size = measure.size(entry)
    return {
        "series": contender.series,
        "name": contender.name,
        "value": entry.difference / size,
        "lower": entry.lower / size,
        "upper": entry.upper / size,
        "text": _text(entry),
    }


def _text(entry: Entry) -> str:
    return f"{measured_difference(entry)}, {entry.word}"


def _in_words(rows: Sequence[Sequence[tuple[Contender, Entry]]], measure: Measure) -> str:
    """Return the farthest candidate of each row, for those who cannot see the figure."""
    farthest = [max(row, key=lambda pair: measure.distance(pair[1])) for row in rows]
    return "; ".join(f"{quantity(entry)}: {contender.name} {_text(entry)}" for contender, entry in farthest)
