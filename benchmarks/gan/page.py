"""Three short tables of the results, for the documentation; `write` has all of them."""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from plan import MODELS, TABLES, name_of
from tables import SHORT, TRAINING_SLAB, spread_of

#: The page keeps what stands before this line and gets new tables after it.
MARKER = ".. The tables below are written by: python benchmarks/gan page"
#: Most rows of a table.
MOST_ROWS = 20
#: Of the source's tables, those whose rows are shown: parts, losses and kernels, all of one material.
ABLATIONS = ("4", "7", "S8")

#: Material, minutes and edge of the blocks.
Group = tuple[str, str, str]
#: Values of each quantity, one per seed.
Values = Mapping[str, Sequence[float]]
#: What the models of a group are called: their row, and the settings that were given.
Names = Mapping[tuple[Group, str], str]


def write_page(results: Path, page: Path) -> None:
    """Replace the tables of a page of the documentation by those of a file of results."""
    if not results.is_file():
        sys.exit(f"{results}: no such file; the stage `write` makes it")
    before, marker, _ = page.read_text(encoding="utf-8").partition(MARKER)
    if not marker:
        sys.exit(f"{page}: has no line {MARKER!r}, after which the tables belong")
    real, models, names = read_results(results)
    # The comparison with most models is shown by metric.
    comparisons = [group for group, by_model in models.items() if set(by_model) & set(MODELS)]
    largest = max(comparisons, key=lambda group: len(set(models[group]) & set(MODELS)))
    lines = [
        MARKER,
        "",
        *section("Totals", totals(real, models, names, comparisons)),
        *section(f"Distances by metric: {title_of(largest)}", by_metric(real, models, names, largest)),
        *ablations(models, names),
    ]
    page.write_text(before + "\n".join(lines), encoding="utf-8")


def read_results(path: Path) -> tuple[dict[tuple[str, str], Values], dict[Group, dict[str, Values]], Names]:
    """Return the numbers of the training slabs by material and block, those of the models, and what models are called.

    Models are keyed by group and row.
    """
    names: dict[tuple[Group, str], str] = {}
    real: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    models: dict[Group, dict[str, dict[str, list[float]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["model"] == "real":
                values = real[row["material"], row["block"]]
            else:
                group = (row["material"], row["minutes"], row["block"])
                values = models[group][row["model"]]
                settings = dict(word.split("=", 1) for word in row["settings"].split())
                given = {key: "" if value == "none" else value for key, value in settings.items()}
                names[group, row["model"]] = name_of(row["model"], row["material"], given)
            values[row["quantity"]].append(float(row["value"]))
    return dict(real), {group: dict(by_model) for group, by_model in models.items()}, names


def title_of(group: Group) -> str:
    """Return a group as text."""
    material, minutes, block = group
    return f"{material}, blocks of {block}³, {minutes} min"


def totals(
    real: Mapping[tuple[str, str], Values],
    models: Mapping[Group, Mapping[str, Values]],
    names: Names,
    groups: Sequence[Group],
) -> list[list[str]]:
    """Return the totals of the models of the comparison, with one column per group.

    A model that ran with other settings in another group is a row of its own.
    """
    # The ablations have a group of their own, with few models of the comparison.
    shown = [group for group in groups if set(models[group]) <= set(MODELS)]
    rows = [["", *(title_of(group) for group in shown)]]
    rows.append([TRAINING_SLAB, *(cell(real[group[0], group[2]], "total") for group in shown)])
    for row in MODELS:
        for name in dict.fromkeys(names[group, row] for group in shown if row in models[group]):
            ran = [models[group].get(row, {}) if names.get((group, row)) == name else {} for group in shown]
            rows.append([name, *(cell(values, "total") for values in ran)])
    return rows


def by_metric(
    real: Mapping[tuple[str, str], Values],
    models: Mapping[Group, Mapping[str, Values]],
    names: Names,
    group: Group,
) -> list[list[str]]:
    """Return the distances of one group, with a row per metric and a column per model."""
    ran = [row for row in MODELS if row in models[group]]
    columns = [real[group[0], group[2]], *(models[group][row] for row in ran)]
    quantities = [quantity for quantity in columns[0] if quantity.startswith("ratio:")] + ["total", "spread"]
    return [
        ["", TRAINING_SLAB, *(names[group, row] for row in ran)],
        *([words(quantity), *(cell(column, quantity) for column in columns)] for quantity in quantities),
    ]


def ablations(models: Mapping[Group, Mapping[str, Values]], names: Names) -> list[str]:
    """Return the table of the ablations: what the source prints beside the results."""
    printed = {row: values for name in ABLATIONS for row, values in TABLES[name].rows.items()}
    material = TABLES[ABLATIONS[0]].material
    groups = [group for group in models if group[0] == material]
    if not groups:
        return []
    group = max(groups, key=lambda group: len(set(models[group]) & set(printed)))
    rows = [["", "printed SSIM", "printed PSNR", "SSIM", "PSNR", "total", "spread"]]
    for row, values in printed.items():
        if row in models[group]:
            source = (f"{values[0]:.3f}", f"{values[1]:.3f}") if values else ("–", "–")
            results = models[group][row]
            rows.append(
                [
                    names[group, row],
                    *source,
                    cell(results, "ssim", 3),
                    *(cell(results, q) for q in ("psnr", "total", "spread")),
                ]
            )
    return section(f"Ablations: {title_of(group)}", rows)


def words(quantity: str) -> str:
    """Return the short name of a quantity."""
    metric = quantity.removeprefix("ratio:")
    return SHORT.get(metric, metric.replace("_", " "))


def cell(values: Values, quantity: str, digits: int | None = None) -> str:
    """Return the mean over seeds as text."""
    return spread_of(values.get(quantity, ()), digits)


def section(title: str, rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a heading and a table in CSV, one line per row."""
    if len(rows) - 1 > MOST_ROWS:
        sys.exit(f"{title}: {len(rows) - 1} rows, expected at most {MOST_ROWS}")
    table = [".. csv-table::", "   :header-rows: 1", "   :stub-columns: 1", "", *(f"   {quoted(row)}" for row in rows)]
    return [title, "-" * len(title), "", *table, ""]


def quoted(row: Iterable[str]) -> str:
    """Return a row of CSV."""
    return ", ".join(f'"{text}"' for text in row)
