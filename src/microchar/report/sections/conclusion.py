"""The sentence above everything, and the reasons of each verdict, each with a link to its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from microchar.comparison.wording import quantity
from microchar.core.text import printable
from microchar.core.verdict import Entry, Verdict, Word
from microchar.measurement.record import Record
from microchar.report.notation import unbroken
from microchar.report.sections.contenders import Contender, anchor
from microchar.report.sections.lamps import shown

#: What is said of several candidates that got the same word: of one, and of more.
_OF_MANY = {
    Word.DIFFERENT: ("{} is not the same material as {reference}", "{} are not the same material as {reference}"),
    Word.DETECTABLE: (
        "{} differs from {reference}, but within the tolerances",
        "{} differ from {reference}, but within the tolerances",
    ),
    Word.TOO_SMALL: ("{} is too small to tell", "{} are too small to tell"),
    Word.NOT_SEEN: ("no difference was seen for {}", "no difference was seen for {}"),
    Word.CONSISTENT: ("{} is consistent with {reference}", "{} are consistent with {reference}"),
    Word.NOT_COMPARED: ("{} was not compared", "{} were not compared"),
}
#: As many candidates of one word are named in the sentence.
_NAMED = 3
#: The largest number of candidates whose reasons are unfolded.
_UNFOLDED = 3


def headline(record: Record) -> dict[str, Any]:
    """Return the sentence and its word: of one verdict its own, of several a summary, without one why there is none.

    Parameters
    ----------
    record : Record
    """
    verdicts = record.verdicts
    if len(verdicts) == 1:
        return {"sentence": unbroken(verdicts[0].sentence), **shown(verdicts[0].word)}
    if verdicts:
        return {"sentence": summarised(verdicts), "word": "", "style": "", "sign": "", "meaning": ""}
    return {"sentence": _without_verdict(record), "word": "", "style": "", "sign": "", "meaning": ""}


def summarised(verdicts: Sequence[Verdict]) -> str:
    """Return one sentence on several candidates.

    Parameters
    ----------
    verdicts : sequence of Verdict
    """
    parts = []
    for word, (one, more) in _OF_MANY.items():
        names = [verdict.candidate for verdict in verdicts if verdict.word is word]
        if names:
            listed = f" ({', '.join(names)})" if len(names) <= _NAMED else ""
            text = (one if len(names) == 1 else more).replace("{reference}", verdicts[0].reference)
            parts.append(text.replace("{}", f"{len(names)}{listed}"))
    return f"{len(verdicts)} candidates: {'; '.join(parts)}."


def _without_verdict(record: Record) -> str:
    first = record.volumes[0]
    others = len(record.volumes) - 1
    if not others:
        return f"{first.name}: measured, not compared."
    if record.provenance.get("measured_apart"):
        return "No verdict: the volumes were measured apart; run microchar report on the volumes."
    return f"No verdict on {record.volumes[1].name if others == 1 else f'{others} candidates'}: no standard errors."


def reasons(contenders: Sequence[Contender], figures: Mapping[tuple[str, str], str]) -> list[dict[str, Any]]:
    """Return the reasons of each verdict.

    Parameters
    ----------
    contenders : sequence of Contender
    figures : mapping of (str, str) to str
        Ids of the figures that show a metric of a phase; a quantity without one is shown in the strip plot.
    """
    judged = [contender for contender in contenders if contender.verdict]
    found = []
    for contender in judged:
        verdict = contender.verdict
        assert verdict is not None
        found.append(
            {
                **contender.shown,
                **shown(verdict.word),
                "sentence": unbroken(verdict.sentence),
                "facts": [
                    {"text": unbroken(fact), "link": _link(fact, verdict.entries, figures)} for fact in verdict.why
                ],
                "notes": list(verdict.notes),
                "open": len(judged) <= _UNFOLDED,
            }
        )
    return found


def _link(fact: str, entries: Sequence[Entry], figures: Mapping[tuple[str, str], str]) -> str:
    """Return the id of the figure of the quantity that a sentence names; that of the table if it names none."""
    named = [entry for entry in entries if printable(quantity(entry)) in fact]
    if not named:
        return "candidates"
    entry = max(named, key=lambda entry: len(quantity(entry)))
    return figures.get((entry.metric, entry.phase), anchor(entry.metric, entry.phase))
