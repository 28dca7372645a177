"""Draw the curves of the metric pages: how far a known truth is missed, against the size of what is measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

import microchar as mc
from microchar.core.result import Result
from microchar.core.volume import Volume

#: How the samples of a random medium are drawn.
SAMPLES = "The bars are the standard error of the mean of twelve samples, the band is the standard deviation of one."
SEEDS = range(12)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Errors of one value on volumes of growing size.

    `volume(size, seed)` makes a volume whose true value is `exact(size)`; `other` makes the second volume of a
    metric of pairs. `seeds` is (0,) where the volume is not random. If the truth is 0, the errors are absolute.
    """

    label: str
    volume: Callable[[float, int], Volume]
    exact: Callable[[float], float]
    key: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    lag: Callable[[float], int] | None = None
    other: Callable[[float, int], Volume] | None = None
    seeds: Sequence[int] = (0,)

    def errors(self, metric: str, size: float) -> np.ndarray:
        """Return the error of each sample, relative to the truth."""
        measured = np.array([self._measured(metric, size, seed) for seed in self.seeds])
        exact = self.exact(size)
        return (measured - exact) / (exact or 1)

    def _measured(self, metric: str, size: float, seed: int) -> float:
        result = self._result(metric, size, seed)
        if self.lag is not None:
            return float(result.profile(**self.key).y[self.lag(size)])
        value = result.value(**self.key).value
        return math.nan if value is None else value

    def _result(self, metric: str, size: float, seed: int) -> Result:
        how: dict[str, Any] = {"parameters": {metric: self.parameters}, "errors": False, "fail_fast": True}
        volume = self.volume(size, seed)
        if self.other is None:
            return mc.measure(volume, [metric], **how)[metric]
        return mc.compare(volume, self.other(size, seed), [metric], **how).pairs[0][metric]


@dataclass(frozen=True, kw_only=True)
class Study:
    """The curves of one metric: what the axes show, what was measured, and what to read off the picture."""

    sizes: Sequence[float]
    size: str
    measured: str
    reading: str
    curves: Sequence[Curve]
    error: str = "error (%)"

    @property
    def random(self) -> bool:
        """Whether any of the volumes are random."""
        return any(len(curve.seeds) > 1 for curve in self.curves)

    @property
    def caption(self) -> str:
        """What was measured, and how it is drawn."""
        return f"{self.measured} {SAMPLES}" if self.random else self.measured


def draw(metric: str, study: Study, file: Path) -> str:
    """Measure the curves of a metric, draw them, and return the caption."""
    figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
    axes.axhline(0, color="black", linewidth=0.8)
    for curve in study.curves:
        _draw(axes, curve, study, metric)
    axes.set_xscale("log", base=2)
    axes.set_xticks(study.sizes, [f"{size:g}" for size in study.sizes])
    axes.minorticks_off()
    axes.set(xlabel=study.size, ylabel=study.error)
    axes.grid(alpha=0.3)
    if len(study.curves) > 1:
        axes.legend(frameon=False)
    figure.savefig(file)
    plt.close(figure)
    return study.caption


def _draw(axes: Axes, curve: Curve, study: Study, metric: str) -> None:
    percent = 100 if "%" in study.error else 1
    errors = [percent * curve.errors(metric, size) for size in study.sizes]
    means = np.array([each.mean() for each in errors])
    if len(curve.seeds) == 1:
        axes.plot(study.sizes, means, marker="o", label=curve.label)
        return
    spread = np.array([np.std(each, ddof=1) for each in errors])
    bars = axes.errorbar(
        study.sizes, means, spread / math.sqrt(len(curve.seeds)), marker="o", capsize=3, label=curve.label
    )
    axes.fill_between(study.sizes, means - spread, means + spread, color=bars.lines[0].get_color(), alpha=0.15)
