"""The results as tables: a CSV file of all numbers, and an RST file of all tables."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from plan import MATERIALS, MODELS, ROWS, TABLES, name_of

#: Short names of metrics, for heads of columns.
SHORT = {
    "volume_fraction": "φ",
    "specific_surface_area": "s",
    "two_point_correlation": ":math:`S_2`",
    "two_point_cluster": ":math:`C_2`",
    "lineal_path": ":math:`L`",
    "chord_length_distribution": "chords",
    "local_porosity": "local φ",
    "euler_characteristic": "Euler",
}
#: Scalars that are printed as plain values: metric, estimator, feature and direction; name; factor.
ABSOLUTE = (
    (("volume_fraction", "", "", "all"), "φ", 1.0),
    (("specific_surface_area", "crofton", "", "all"), "100 s, Crofton, 1/voxel", 100.0),
    (("euler_characteristic", "half_open", "connectivity_26", "all"), "Euler per 10⁶ voxels, 26-connected", 1e6),
    (("euler_characteristic", "half_open", "connectivity_6", "all"), "Euler per 10⁶ voxels, 6-connected", 1e6),
    (("largest_cluster_fraction", "", "", "all"), "largest cluster, part of the phase", 1.0),
    (("percolating_fraction", "", "", "0"), "percolating along axis 0, part of the phase", 1.0),
    (("local_thickness", "", "mean", "all"), "local thickness, voxels", 1.0),
    (("effective_diffusivity", "", "", "0"), ":math:`D_\\mathrm{eff}/D_0` along axis 0", 1.0),
)
#: Parts of a score file: the metrics of the total, and the metrics that no total holds.
PARTS = ("score", "beyond")
#: Name of the row or column of the real training slab, which is scored like generated samples.
TRAINING_SLAB = "training slab"
#: A model passes if its distance is at most this many times that of the training slab, and of blocks to each other.
MARGIN = 1.25


@dataclass
class Runs:
    """All runs of one model on one material, with one budget, judged at one size."""

    row: str
    #: The row, and the settings of these runs that differ from its own.
    name: str
    records: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    def each(self, of: Callable[[dict[str, Any]], float | None]) -> list[float]:
        """Return a number of each seed, without missing ones."""
        return [value for value in map(of, self.scores) if value is not None]


@dataclass
class Group:
    """All results of one material, budget and block size."""

    material: str
    minutes: float
    size: int
    real: dict[str, Any]
    models: dict[str, Runs] = field(default_factory=dict)

    def metrics(self, part: str) -> list[str]:
        """Return the metrics of a part of the score."""
        return list(self.real[part]["ratios"])

    def main(self) -> list[Runs]:
        """Return the models of the main comparison, in the order of `MODELS`."""
        return [self.models[name] for name in MODELS if name in self.models]


def gather(work: Path) -> list[Group]:
    """Read the results of the other stages."""
    groups: dict[tuple[str, float, int], Group] = {}
    for path in sorted(work.glob("*/*-minutes/*/score-*.json")):
        material, minutes = path.parts[-4], float(path.parts[-3].removesuffix("-minutes"))
        size = int(path.stem.removeprefix("score-"))
        record, score = read(path.parent / "record.json"), read(path)
        group = groups.setdefault(
            (material, minutes, size), Group(material, minutes, size, read(work / material / f"real-{size}.json"))
        )
        name = path.parent.name.rpartition("-")[0]
        row = next(row for row in ROWS if row.replace(" ", "-") == name)
        runs = group.models.setdefault(row, Runs(row, name_of(row, material, record["settings"])))
        runs.records.append(record)
        runs.scores.append(score)
        runs.folders.append(path.parent)
    order = list(MATERIALS)
    return sorted(groups.values(), key=lambda group: (order.index(group.material), group.size, group.minutes))


def failures(work: Path) -> list[str]:
    """Return a line for each failed run, with its error message."""
    lines = []
    for path in sorted(work.glob("*/*-minutes/*/record.json")):
        failure = read(path).get("failure")
        if failure:
            lines.append(
                f"- {path.parts[-4]}, {path.parent.name}, {path.parts[-3].replace('-minutes', ' min')}: {failure}"
            )
    return lines


def read(path: Path) -> dict[str, Any]:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


# --- all numbers --------------------------------------------------------------


def write_csv(path: Path, groups: Sequence[Group]) -> None:
    """Write a row for each number of the real blocks (without seed) and of each model and seed."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["material", "minutes", "block", "model", "settings", "seed", "machine", "quantity", "value"])
        real_done = set()
        for group in groups:
            about = [group.material, f"{group.minutes:g}", group.size]
            if (group.material, group.size) not in real_done:
                real_done.add((group.material, group.size))
                rows = [(what, f"{value:.5g}") for what, value in numbers(group.real)]
                table.writerows([group.material, "", group.size, "real", "", "", "", *row] for row in rows)
            for runs in group.models.values():
                for record, score in zip(runs.records, runs.scores, strict=True):
                    settings, where = written(record["settings"]), machine(record, score)
                    rows = [("fit_s", f"{record['seconds']:.5g}")]
                    rows += [(what, f"{value:.5g}") for what, value in numbers(score)]
                    table.writerows([*about, runs.row, settings, record["seed"], where, *row] for row in rows)


def numbers(score: dict[str, Any]) -> Iterable[tuple[str, float]]:
    """Return every number of a score file, with its name."""
    history = score.get("history", {})
    flat = {key: score.get(key) for key in ("generate_s", "edge", "weights", "nearer", "nearer_error")}
    flat |= {"halo": score.get("halo")} | {f"seam_{key}": value for key, value in score.get("seams", {}).items()}
    flat |= {key: history.get(key) for key in ("steps", "minutes", "best_step", "best_score")}
    flat |= {key: score["score"][key] for key in ("total", "spread", "samples")}
    for key, name in (("ratios", "ratio"), ("excesses", "excess"), ("z", "z"), ("spreads", "spread")):
        flat |= {f"{name}:{metric}": value for part in PARTS for metric, value in score[part][key].items()}
    for prefix, pairs in (("", score["likeness"]), ("majority_", score.get("majority", {}))):
        flat |= {prefix + name: mean(values) for name, values in pairs.items()}
    return [(key, float(value)) for key, value in flat.items() if value is not None]


def machine(record: dict[str, Any], score: dict[str, Any]) -> str:
    """Return the machine of a training."""
    device = score["history"].get("machine", "")
    # A network records its device; "cpu" alone says too little.
    return (
        f"{record['machine']}{device.removeprefix('cpu').partition('threads')[2]}"
        if device[:3] in ("cpu", "")
        else device
    )


def written(settings: dict[str, str]) -> str:
    """Return settings as text; an empty value is none."""
    return " ".join(f"{key}={value or 'none'}" for key, value in settings.items())


def mean(values: Sequence[float]) -> float | None:
    """Return the mean, or None without values."""
    return float(np.mean(values)) if values else None


# --- all tables ---------------------------------------------------------------


def write_rst(path: Path, groups: Sequence[Group], failed: Sequence[str], pictures: dict[str, str]) -> None:
    """Write all tables and pictures as an RST file."""
    title = "Results of the generative networks"
    lines = [title, "=" * len(title), ""]
    if not groups:
        lines += ["There are no results yet.", ""]
    for group in groups:
        if group.main():
            lines += section(group)
            if pictures.get(group.material):
                lines += [f".. image:: {pictures.pop(group.material)}", "   :width: 100%", ""]
    if "curves" in pictures:
        lines += ["Learning curves", "~" * 15, "", f".. image:: {pictures['curves']}", "   :width: 100%", ""]
        lines += ["Totals of samples against the part that each training held out, over its time.", ""]
    tables = [line for group in groups for line in ablations(group)]
    if tables:
        lines += ["Ablations", "~" * 9, "", *tables]
    if failed:
        lines += ["Failed runs", "~" * 11, "", *failed, ""]
    path.write_text("\n".join(lines), encoding="utf-8")


def section(group: Group) -> list[str]:
    """Return the tables of a material."""
    material, models = MATERIALS[group.material], group.main()
    title = f"{group.material}: {group.minutes:g} min, blocks of {group.size}³"
    axis, end = material.axis, material.shape[material.axis]
    about = [
        f"Training slab: 0 to {material.train} along axis {axis}; test slab: {material.test} to {end}: "
        f"{len(group.real['blocks'])} real blocks, {models[0].scores[0]['score']['samples']} samples per model and "
        f"seed. "
        f"{material.note}".strip(),
        *group.real["notes"],
    ]
    lines = [title, "~" * len(title), "", *(line for text in about for line in (text, ""))]
    heads = ["", TRAINING_SLAB, *(runs.name for runs in models)]
    lines += ["Distances to the test slab, in units of the distances between its blocks:", ""]
    lines += list_table([heads, *ratio_rows(group, models, "score"), *total_rows(group, models)])
    lines += [
        "The same for thickness and transport, which no training and no total uses:",
        "",
    ]
    lines += list_table([heads, *ratio_rows(group, models, "beyond")])
    lines += [
        "z-score of the scalar that differs most, and ratio of the spreads of the scalars (samples over blocks):",
        "",
    ]
    lines += list_table([heads, *z_rows(group, models)])
    lines += ["Mean and standard deviation over blocks and samples; for two phases, the first one only:", ""]
    lines += list_table([["", "test slab", *heads[1:]], *absolute_rows(group, models)])
    lines += ["Settings, size, time and machine of the models; SSIM and PSNR:", ""]
    lines += list_table(fact_rows(group, models))
    warned = [f"- {runs.name}: {text}" for runs in models for text in warnings(runs)]
    return [*lines, *([*warned, ""] if warned else [])]


def ratio_rows(group: Group, models: Sequence[Runs], part: str) -> list[list[str]]:
    """Return a row of ratios for each metric; bold if a model passes."""
    rows = []
    for name in group.metrics(part):
        real = group.real[part]["ratios"][name]
        row = [name.replace("_", " "), number(real)]
        for runs in models:
            ratios = runs.each(lambda score, name=name: score[part]["ratios"].get(name))
            text = spread_of(ratios)
            row.append(f"**{text}**" if ratios and np.mean(ratios) <= MARGIN * max(real, 1.0) else text)
        rows.append(row)
    return rows


def total_rows(group: Group, models: Sequence[Runs]) -> list[list[str]]:
    """Return the rows of total and spread."""
    rows = []
    for key in ("total", "spread"):
        each = [runs.each(lambda score, key=key: score["score"][key]) for runs in models]
        rows.append([key, number(group.real["score"][key]), *map(spread_of, each)])
    return rows


def z_rows(group: Group, models: Sequence[Runs]) -> list[list[str]]:
    """Return a row of z-scores and ratios of spreads for each metric that has scalars."""
    rows = []
    pairs = [(part, name) for part in PARTS for name in group.metrics(part)]
    for part, name in pairs:
        cells = []
        for scores in ([group.real], *(runs.scores for runs in models)):
            z = mean([s[part]["z"][name] for s in scores if s[part]["z"].get(name) is not None])
            spread = mean([s[part]["spreads"][name] for s in scores if name in s[part]["spreads"]])
            cells.append("–" if z is None else f"{z:+.1f}; {'–' if spread is None else f'{spread:.2f}'}")
        if set(cells) != {"–"}:
            rows.append([name.replace("_", " "), *cells])
    return rows


def absolute_rows(group: Group, models: Sequence[Runs]) -> list[list[str]]:
    """Return a row of plain values for each scalar of `ABSOLUTE` and each phase."""

    def scalars(score: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
        keys = ("metric", "estimator", "feature", "direction", "phase")
        return {tuple(s[key] for key in keys): s for part in PARTS for s in score[part]["scalars"]}

    def cell(scores: Sequence[dict[str, Any]], key: tuple[str, ...], of: str, factor: float) -> str:
        known = [s for s in (scalars(score).get(key) for score in scores) if s and s[of] is not None]
        if not known:
            return "–"
        value, spread = (float(np.mean([s[name] or 0.0 for s in known])) * factor for name in (of, f"{of}_spread"))
        return f"{value:.3f} ± {spread:.3f}" if factor == 1 else f"{value:.3g} ± {spread:.2g}"

    rows = []
    for which, name, factor in ABSOLUTE:
        phases = [key[-1] for key in scalars(group.real) if key[:-1] == which]
        # The second of two phases adds no information.
        for phase in phases[: 1 if len(phases) == 2 else None]:
            key = (*which, phase)
            cells = [cell([group.real], key, "reference", factor), cell([group.real], key, "sample", factor)]
            cells += [cell(runs.scores, key, "sample", factor) for runs in models]
            rows.append([f"{name}, phase {phase}", *cells])
    return rows


def fact_rows(group: Group, models: Sequence[Runs]) -> list[list[str]]:
    """Return a row for each model: settings, weights, steps, times, machine, SSIM, PSNR, memorisation."""
    edge = models[0].scores[0]["edge"]
    heads = ["", "settings", "seeds", "weights", "steps (best)", "fit", f"{edge}³"]
    heads += ["halo; mismatch", "SSIM", "PSNR", "nearer", "machine"]
    rows = [heads]
    for runs in models:
        first, record = runs.scores[0], runs.records[0]
        steps = [score["history"].get("steps") for score in runs.scores]
        best = [score["history"].get("best_step") for score in runs.scores]
        rows.append(
            [
                runs.name,
                written(record["settings"]) or "–",
                listed(record["seed"] for record in runs.records),
                f"{first['weights'] / 1e6:.2f} M" if ROWS[runs.row].learns else "–",
                listed(f"{n} ({m})" for n, m in zip(steps, best, strict=True)) if steps[0] else "–",
                minutes_of(runs),
                f"{mean(runs.each(lambda s: s['generate_s'])):.0f} s",
                halo_of(runs),
                *likeness_cells(runs.scores, "likeness"),
                f"{mean(runs.each(lambda s: s['nearer'])):.2f} ± {first['nearer_error']:.2f}",
                listed({machine(record, score): 0 for record, score in zip(runs.records, runs.scores, strict=True)}),
            ]
        )
    other = [*[""] * 6, *likeness_cells([group.real], "likeness")]
    if "nearer" in group.real:
        other.append(f"{group.real['nearer']:.2f} ± {group.real['nearer_error']:.2f}")
    blocks = [*[""] * 6, *likeness_cells([group.real], "majority")]
    rows += [["another real piece", "", *other], ["all of the majority phase", "", *blocks]]
    return [row + [""] * (len(heads) - len(row)) for row in rows]


def halo_of(runs: Runs) -> str:
    """Return the longest halo in voxels, and the largest share of voxels that differ in tiles made with it."""
    seams = [(score["halo"], score["seams"]["mismatch"]) for score in runs.scores if "seams" in score]
    if not seams:
        return "–"
    halo, mismatch = (max(values) for values in zip(*seams, strict=True))
    return f"{halo}; {mismatch:.1e}" if mismatch else f"{halo}; 0"


def minutes_of(runs: Runs) -> str:
    """Return the mean duration of the trainings."""
    known = [score["history"].get("minutes") for score in runs.scores]
    if known[0] is None:
        return f"{mean([record['seconds'] for record in runs.records]):.0f} s"
    return f"{mean(known):.3g} min"


def likeness_cells(scores: Sequence[dict[str, Any]], key: str) -> list[str]:
    """Return SSIM and PSNR with their standard deviation over pairs and seeds."""
    pairs = [[value for score in scores for value in score[key][name]] for name in ("ssim", "psnr")]
    return [spread_of(values, digits) for values, digits in zip(pairs, (3, 2), strict=True)]


def warnings(runs: Runs) -> list[str]:
    """Return the warnings of the trainings."""
    return [
        f"seed {record['seed']}: {what} ({text})"
        for record, score in zip(runs.records, runs.scores, strict=True)
        for what, text in score["history"].get("warnings", {}).items()
    ]


def ablations(group: Group) -> list[str]:
    """Return the tables of the source of which at least two rows have results."""
    lines: list[str] = []
    for table in TABLES.values():
        rows = [group.models[name] for name in table.rows if name in group.models]
        if table.material != group.material or len(rows) < 2:
            continue
        seeds = max(len(runs.scores) for runs in rows)
        lines += [f"**{table.title}** ({group.minutes:g} min, blocks of {group.size}³, up to {seeds} seeds)", ""]
        heads = ["", "printed SSIM", "printed PSNR", "SSIM", "PSNR", "steps", "total", "spread"]
        cells = [[*heads, *(SHORT.get(name, name.replace("_", " ")) for name in group.metrics("score"))]]
        for runs in rows:
            printed = table.rows[runs.row]
            cells.append(
                [
                    runs.name,
                    *((f"{printed[0]:.3f}", f"{printed[1]:.3f}") if printed else ("–", "–")),
                    *likeness_cells(runs.scores, "likeness"),
                    listed(score["history"].get("steps", "–") for score in runs.scores),
                    *(spread_of(runs.each(lambda s, k=key: s["score"][k])) for key in ("total", "spread")),
                    *(spread_of(runs.each(lambda s, k=k: s["score"]["ratios"].get(k))) for k in group.metrics("score")),
                ]
            )
        for title, key in (("another real piece", "likeness"), ("all of the majority phase", "majority")):
            row = [title, "–", "–", *likeness_cells([group.real], key)]
            cells.append(row + [""] * (len(cells[0]) - len(row)))
        lines += list_table(cells)
    return lines


def number(value: float | None) -> str:
    """Return a number as text: two decimals below 10, none from there on."""
    return "–" if value is None else f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"


def spread_of(values: Sequence[float], digits: int | None = None) -> str:
    """Return a mean as text, with the standard deviation if there are several values."""
    if not values:
        return "–"

    def text(value: float) -> str:
        return number(value) if digits is None else f"{value:.{digits}f}"

    several = f" ± {text(float(np.std(values, ddof=1)))}" if len(values) > 1 else ""
    return text(float(np.mean(values))) + several


def listed(texts: Iterable[object]) -> str:
    """Join texts with commas."""
    return ", ".join(map(str, texts))


def list_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table with a row of heads."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'* -' if i == 0 else '  -'} {text}".rstrip() for i, text in enumerate(row)]
    return [*lines, ""]
