"""Pictures: slices of the training slab, the test slab and generated samples; learning curves."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tables import Group, Runs

import microchar as mc
from microchar.core.volume import Volume

COLUMNS = 4


def draw_slices(path: Path, group: Group, train: Volume, test: Volume) -> None:
    """Draw middle slices normal to axis 1 of both slabs and of one sample per model."""
    plt = pyplot()
    edge = min(2 * group.size, *(n for volume in (train, test) for n in np.delete(volume.shape, 1)))
    shown = {"real: training slab": train, "real: test slab": test}
    # A sample may lack some phases, so they are given.
    phases = dict(zip(train.phases, train.grey_values, strict=True))
    for runs in group.main():
        file = next(iter(sorted(runs.folders[0].glob("samples-*/*.tif"))), None)
        if file is not None:
            shown[runs.row] = mc.read_volume(file, phases=phases)
    rows = -(-len(shown) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(10, 2.6 * rows), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (title, volume) in zip(axes.flat, shown.items(), strict=False):
        plane = volume.read()[:edge, volume.shape[1] // 2, :edge]
        axis.imshow(plane, cmap="cividis", vmin=0, vmax=train.n_phases - 1, interpolation="nearest")
        axis.set_title(title, fontsize=9)
    save(figure, path)


def draw_curves(path: Path, groups: Sequence[Group]) -> bool:
    """Draw the totals of each training over its minutes; return whether there are any."""
    plt = pyplot()
    panels = [(group, [runs for runs in group.main() if curves_of(runs)]) for group in groups]
    panels = [(group, learnt) for group, learnt in panels if learnt]
    if not panels:
        return False
    figure, axes = plt.subplots(1, len(panels), figsize=(max(4, 3.2 * len(panels)), 3), squeeze=False, sharey=True)
    names = list(dict.fromkeys(runs.row for _, learnt in panels for runs in learnt))
    for axis, (group, learnt) in zip(axes.flat, panels, strict=True):
        for runs in learnt:
            for minutes, totals in curves_of(runs):
                axis.plot(minutes, totals, lw=1, marker=".", ms=3, color=f"C{names.index(runs.row)}")
        axis.set_title(group.material, fontsize=9)
        axis.set_xlabel("minutes")
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.set_yticks([1, 2, 5, 10])
        axis.yaxis.set_minor_formatter("")
    axes.flat[0].set_ylabel("total (1 at best)")
    lines = [plt.Line2D([], [], color=f"C{i}") for i in range(len(names))]
    figure.legend(lines, names, fontsize=8, loc="upper center", ncols=len(names), bbox_to_anchor=(0.5, 1.08))
    save(figure, path)
    return True


def curves_of(runs: Runs) -> list[tuple[list[float], list[float]]]:
    """Return minutes and totals of each seed, from the history of its training."""
    curves = []
    for folder in runs.folders:
        file = folder / "model.fit" / "history.csv"
        if file.exists():
            rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
            curves.append(([float(row["minutes"]) for row in rows], [float(row["total"]) for row in rows]))
    return curves


def pyplot():
    """Return pyplot with a backend that draws into files."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    return plt


def save(figure, path: Path) -> None:
    """Write a figure to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
    pyplot().close(figure)
