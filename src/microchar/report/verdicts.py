"""The verdicts of a comparison, as the page shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from microchar.core.verdict import Entry, Verdict
from microchar.report.notation import number


def conclusions(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Return, for each candidate, the sentence, the facts it rests on, and a row for each quantity that decides."""
    return [
        {
            "name": verdict.candidate,
            "word": str(verdict.word),
            "style": verdict.word.name.lower(),
            "sentence": verdict.sentence,
            "why": list(verdict.why),
            "rows": [_row(entry) for entry in verdict.entries],
            "notes": list(verdict.notes),
        }
        for verdict in verdicts
    ]


def words(verdicts: Sequence[Verdict]) -> Mapping[tuple[str, str, str], str]:
    """Return the word of each quantity that decides, by candidate, metric and phase."""
    return {(v.candidate, entry.metric, entry.phase): str(entry.word) for v in verdicts for entry in v.entries}


def _row(entry: Entry) -> dict[str, str]:
    unit = " %" if entry.scale == "relative" else ""
    factor = 100.0 if entry.scale == "relative" else 1.0

    def shown(value: float) -> str:
        return number(factor * value, 2) + unit if math.isfinite(value) else "–"

    return {
        "title": entry.title,
        "phase": entry.phase.replace("|", " and "),
        "difference": f"{shown(entry.difference).removesuffix(unit)} ± {shown(entry.standard_error)}",
        "interval": f"{shown(entry.lower).removesuffix(unit)} to {shown(entry.upper)}",
        "seen": shown(entry.smallest_seen),
        "margin": shown(entry.margin),
        "p": "< 0.001" if entry.holm_p < 0.001 else number(entry.holm_p, 2),
        "where": entry.where,
        "word": str(entry.word),
        "style": entry.word.name.lower(),
    }
