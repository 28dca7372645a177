"""Everything that the report page shows, as one dict: texts, table cells and the figures to draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microchar.core.text import phases_in_text
from microchar.measurement.record import Record
from microchar.report.metric_results import MetricResults, group_by_metric
from microchar.report.palette import series_style
from microchar.report.sections.apart import differences_apart, values_apart
from microchar.report.sections.candidates import candidate_rows
from microchar.report.sections.conclusion import headline, reasons
from microchar.report.sections.contenders import Measure, contenders_of, series_of
from microchar.report.sections.curves import informing_phases, main_curves
from microchar.report.sections.everything import dots_and_pictures, on_grey, pair_tables
from microchar.report.sections.lamps import lamps_of
from microchar.report.sections.provenance import (
    citation,
    conventions,
    pair_name,
    provenance_of,
    statuses,
    volume_cards,
)
from microchar.report.sections.raw_curves import raw_figures
from microchar.report.sections.slices import slice_rows
from microchar.report.sections.strip import strip_plot
from microchar.report.sections.values import overview, value_rows

#: Curves that follow from those of another metric; only the full page shows them.
_FOLLOWING = ("pair_correlation",)
#: Of more candidates only the full page shows the curves along each direction.
_FEW = 6


def summarize(record: Record, *, full: bool = False, light: bool = False) -> dict[str, Any]:
    """Return everything that the page shows but the volumes.

    Parameters
    ----------
    record : Record
    full : bool
        Whether everything that was measured is shown, for all phases and directions.
    light : bool
        Whether the page is small: headline values only, without the record itself.

    Returns
    -------
    dict
        Texts as they are shown, and for each figure the dict that
        `microchar.report.figures.draw` takes.
    """
    names = [volume.name for volume in record.volumes]
    contenders = contenders_of(record)
    judged = [contender for contender in contenders if contender.verdict]
    series = series_of(record, contenders)
    single = group_by_metric(named for named in record.results if not named.reference)
    pairs = [named for named in record.results if named.reference]
    phases = informing_phases(record, contenders)
    figures = main_curves(record, contenders, single, phases)
    places = {(figure["metric"], figure["phase"]): figure["id"] for figure in reversed(figures)}
    scalar = [metric for metric in single if metric.first.kind != "table" and not on_grey(metric)]
    return {
        "title": _title([names[0], *(contender.name for contender in contenders)]),
        "full": full,
        "comparing": len(names) > 1,
        "headline": headline(record),
        "lamps": lamps_of(judged[0].entries, Measure.of(judged)) if len(judged) == 1 else [],
        "candidates": candidate_rows(judged, names[0]) if judged else None,
        "strip": strip_plot(judged) if judged else differences_apart(scalar, series, phases),
        "reasons": reasons(judged, places),
        "overview": None if contenders else overview(scalar, [p.name for p in record.volumes[0].phases], names[0]),
        "apart": values_apart(scalar, names, phases) if contenders and not judged else None,
        "legend": [{"name": names[0], **series_style(0)}, *(contender.shown for contender in contenders)],
        "curves": figures,
        "informing": _informing(record, phases),
        "raw": _raw([] if light else single, series, phases, full=full, few=len(contenders) <= _FEW),
        "slices": slice_rows(record.volumes, series),
        "volumes": volume_cards(record.volumes, series),
        "notes": list(record.notes),
        "failed": [{"where": pair_name(named), "message": named.result.message} for named in record.failed],
        "values": value_rows(single, names[0], only_headlines=light),
        "pairs": pair_tables(pairs),
        **(dots_and_pictures(single, series) if full else {"scalars": [], "along_axes": [], "tables": []}),
        "conventions": [metric.heading | {"rows": conventions(metric)} for metric in group_by_metric(record.results)],
        "statuses": statuses(record.results),
        "provenance": provenance_of(record),
        "citation": citation(record),
        "record": None if light else record.to_dict(),
    }


def _title(names: Sequence[str]) -> dict[str, str]:
    first, *others = names
    return {"first": first, "others": others[0] if len(others) == 1 else f"{len(others)} candidates" if others else ""}


def _informing(record: Record, phases: Sequence[str]) -> dict[str, Any]:
    others = [phase.name for phase in record.volumes[0].phases if phase.name not in phases]
    return {"phases": phases_in_text(phases), "others": phases_in_text(others) if others else ""}


def _raw(
    metrics: Sequence[MetricResults], series: dict[str, int], phases: Sequence[str], *, full: bool, few: bool
) -> dict[str, list[dict[str, Any]]]:
    """Return the curves as they were measured: those of the phases that inform, and the others."""
    sections: dict[str, list[dict[str, Any]]] = {"informing": [], "others": []}
    for metric in metrics:
        if metric.first.metric in _FOLLOWING and not full:
            continue
        every = dict.fromkeys(key.phase for key in metric.profiles)
        shown = [phase for phase in every if phase in phases or not phase]
        for section, chosen in (("informing", shown), ("others", [p for p in every if p not in shown])):
            groups = raw_figures(metric, series, chosen, directions=full or few)
            if groups:
                sections[section].append(metric.heading | {"groups": groups})
    return sections
