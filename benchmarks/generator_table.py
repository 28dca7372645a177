"""The results of benchmarks/generators.py as tables of the documentation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

#: Columns: title, and the scalar of a result that it shows, if it shows one.
SCALARS = {"percolating": "percolating", "D_eff": ":math:`D_\\mathrm{eff}`", "k": ":math:`k` (EDT–Darcy)"}


def table(work: Path, materials: Sequence[str], families: Sequence[str]) -> str:
    """Return one table for each material: the rock itself, its training slab, and each family that was judged."""
    return "\n".join(_of_material(work / name, name, families) for name in materials)


def _of_material(folder: Path, name: str, families: Sequence[str]) -> str:
    rows = [("another piece of the material", found) for found in _results(folder, "training-slab")]
    for family in families:
        rows += sorted(((family, found) for found in _results(folder, f"{family}-*")), key=lambda row: row[1]["total"])
    if not rows:
        return ""
    real = ["the material", "", "1", "1", *(_real(rows[0][1], key) for key in SCALARS), "", ""]
    head = ["", "verdict", "total", "spread", *SCALARS.values(), "nearer to training", "fit, CPU min (GB)"]
    lines = [f".. list-table:: {name}", "   :header-rows: 1", ""]
    for cells in [head, real, *(_row(label, found) for label, found in rows)]:
        lines += [f"   {'* -' if place == 0 else '  -'} {cell}".rstrip() for place, cell in enumerate(cells)]
    return "\n".join([*lines, ""])


def _results(folder: Path, pattern: str) -> list[dict[str, Any]]:
    paths = sorted(folder.glob(f"{pattern}/result-*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _real(found: dict[str, Any], key: str) -> str:
    """Return the mean over the axes of what the held-out blocks have."""
    return f"{np.mean([one['reference'] for one in found['scalars'][key]]):.3g}"


def _row(label: str, found: dict[str, Any]) -> list[str]:
    means = [f"{np.mean([one['sample'] for one in found['scalars'][key]]):.3g}" for key in SCALARS]
    verdict = found["verdict"]["word"] if found["verdict"] else "–"
    cost = f"{found['fit_cpu_s'] / 60:.1f} ({found['fit_peak_gb']:.1f})" if "fit_cpu_s" in found else ""
    copied = f"{found['nearer_to_training']:.2f} ± {found['nearer_error']:.2f}"
    return [label, verdict, f"{found['total']:.2f}", f"{found['spread']:.2f}", *means, copied, cost]
