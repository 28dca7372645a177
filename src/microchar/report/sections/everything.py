"""What only the full page shows: values as figures, texture, slices against slices, pictures of the flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from microchar.core.pictures import decode, encode
from microchar.measurement.tables import Named
from microchar.report.metric_results import MetricResults, group_by_metric
from microchar.report.notation import described
from microchar.report.palette import GLOW
from microchar.report.sections.dots import value_dots
from microchar.report.sections.provenance import pair_name
from microchar.report.sections.tables import value_table


def dots_and_pictures(metrics: Sequence[MetricResults], series: Mapping[str, int]) -> dict[str, list[dict[str, Any]]]:
    """Return the figures of values, by section: by phase, along the axes, and tables of texture.

    Parameters
    ----------
    metrics : sequence of MetricResults
    series : mapping of str to int
        The number of each volume's colour.
    """
    sections: dict[str, list[dict[str, Any]]] = {"scalars": [], "along_axes": [], "tables": []}
    for metric in metrics:
        if metric.profiles or not metric.values:
            continue
        if metric.first.kind == "table" or on_grey(metric):
            sections["tables"].append(metric.heading | _texture(metric))
        else:
            figures = {"figures": value_dots(metric, series), "pictures": _pictures(metric)}
            sections["along_axes" if metric.has_axes else "scalars"].append(metric.heading | figures)
    return sections


def on_grey(metric: MetricResults) -> bool:
    """Return whether a metric acts on grey levels."""
    return any("grey levels" in result.convention for result in metric.by_volume.values())


def _pictures(metric: MetricResults) -> list[dict[str, Any]]:
    """Return the pictures: those of one phase and axis together, one for each volume."""
    return [
        {
            "name": described(key),
            "images": [
                {
                    "name": volume,
                    "png": encode(GLOW[decode(picture.png)]),
                    "aspect": picture.aspect,
                    "caption": picture.caption,
                }
                for volume, picture in by_volume.items()
            ],
        }
        for key, by_volume in metric.pictures.items()
    ]


def _texture(metric: MetricResults) -> dict[str, Any]:
    features = {key.feature for key in metric.values}
    grey = metric.first.convention.get("grey levels", "")
    return value_table(metric, "feature" if len(features) > 1 else "estimator") | {"grey": grey}


def pair_tables(results: Sequence[Named]) -> list[dict[str, Any]]:
    """Return the tables of pair metrics, with the baselines among their rows.

    Parameters
    ----------
    results : sequence of Named
    """
    baselines = {pair_name(named) for named in results if named.baseline}
    tables = []
    for metric in group_by_metric(results, pair_name):
        content = value_table(metric, "direction")
        rows = [row | {"baseline": row["name"] in baselines} for row in content["rows"]]
        tables.append(metric.heading | content | {"rows": rows})
    return tables
