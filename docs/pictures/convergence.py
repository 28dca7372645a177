"""Curves of the metric pages: how far a known truth is missed, against the size of what is measured in voxels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import microchar as mc
from microchar.core.volume import Volume
from microchar.datasets import cubic_spheres, cut_gaussian_field, overlapping_spheres, slit, straight_channel

ALL = (0, 1, 2)
#: Samples of random media, whose mean is shown with its standard error.
SEEDS = range(12)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Errors of one value on volumes of growing size.

    `volume(size, seed)` makes a volume whose true value is `exact(size)`. `seeds` is (0,) where it is not random.
    """

    label: str
    volume: Callable[[float, int], Volume]
    exact: Callable[[float], float]
    key: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    lag: Callable[[float], int] | None = None
    seeds: Sequence[int] = (0,)

    def errors(self, metric: str, size: float) -> np.ndarray:
        """Return the relative error of each sample."""
        return np.array([self._measured(metric, self.volume(size, seed), size) for seed in self.seeds]) - 1

    def _measured(self, metric: str, volume: Volume, size: float) -> float:
        how = {"parameters": {metric: self.parameters}, "errors": False, "fail_fast": True}
        result = mc.measure(volume, [metric], **how)[metric]
        if self.lag is None:
            return result.value(**self.key).value / self.exact(size)
        return float(result.profile(**self.key).y[self.lag(size)]) / self.exact(size)


@dataclass(frozen=True, kw_only=True)
class Study:
    """The curves of one metric, with what the axis counts and a caption."""

    sizes: Sequence[float]
    size: str
    caption: str
    curves: Sequence[Curve]


def spheres_of(radius: float, seed: int) -> Volume:
    """Return overlapping spheres in a periodic cube of 20 radii."""
    return overlapping_spheres((int(20 * radius),) * 3, radius=radius, void_fraction=0.3, seed=seed)


def field_of(length: float, seed: int) -> Volume:
    """Return a Gaussian field cut at its median, in a periodic cube of 16 correlation lengths."""
    return cut_gaussian_field((int(16 * length),) * 3, correlation_length=length, seed=seed)


def array_of(radius: float, seed: int) -> Volume:
    """Return one sphere in a cubic cell of 8/3 radii."""
    return cubic_spheres(round(8 / 3 * radius), radius=radius)


def array_diffusivity(radius: float) -> float:
    """Return the effective diffusivity around the spheres of `array_of` (Rayleigh 1892)."""
    f = 4 / 3 * math.pi * (3 / 8) ** 3
    return 1 - 3 * f / (2 + f - 0.392 * f ** (10 / 3))


_RANDOM: dict[str, Any] = {"volume": spheres_of, "seeds": SEEDS, "lag": round}
_IN_SPHERES = (
    "Void of overlapping spheres: mean of twelve samples with its standard error. The truth is the ensemble average."
)
_MEAN = {"phase": "void", "direction": "mean"}
_RADII = (1, 2, 3, 4, 6)
_CELLS = (3, 4.5, 6, 9, 12, 18, 24)
_ARRAY: dict[str, Any] = {"volume": array_of, "parameters": {"axes": (0,), "conducting": ("void",)}}
_DUCT = 0.0351443  # of the series for a square duct: permeability over the square of its width


def _diffusivity(exact: Callable[[float], float]) -> Study:
    return Study(
        sizes=_CELLS[:6],
        size="radius of the spheres in voxels",
        caption="Void of a simple-cubic array of spheres. The truth is Rayleigh's, in the continuum.",
        curves=[Curve(label="cubic array", exact=exact, key={"feature": "", "direction": "0"}, **_ARRAY)],
    )


def _flow(label: str, volume: Callable[[float, int], Volume], exact: Callable[[float], float], phase: str) -> Curve:
    key = {"phase": phase, "direction": "0", "feature": "", "estimator": "stokes"}
    parameters = {"axes": (0,), "flowing": (phase,), "tolerance": 1e-4, "estimators": ("stokes",)}
    return Curve(label=label, volume=volume, exact=exact, key=key, parameters=parameters)


STUDIES: dict[str, Study] = {
    "specific_surface_area": Study(
        sizes=_CELLS,
        size="radius of the spheres in voxels",
        caption="A simple-cubic array of spheres. The truth is the area of a sphere over the volume of its cell.",
        curves=[
            Curve(
                label=estimator,
                volume=array_of,
                exact=lambda radius: 4 * math.pi * radius**2 / round(8 / 3 * radius) ** 3,
                key={"phase": "spheres", "estimator": estimator},
                parameters={"periodic": ALL},
            )
            for estimator in ("crofton", "marching_cubes", "faces")
        ],
    ),
    "two_point_correlation": Study(
        sizes=_RADII,
        size="radius of the spheres in voxels",
        caption=f"{_IN_SPHERES} The lag is the radius.",
        curves=[
            Curve(
                label="mean over the axes",
                exact=lambda radius: 0.3 ** (1 + 3 / 4 - 1 / 16),
                key=_MEAN,
                parameters={"periodic": ALL, "radial": False},
                **_RANDOM,
            )
        ],
    ),
    "lineal_path": Study(
        sizes=_RADII,
        size="radius of the spheres in voxels",
        caption=f"{_IN_SPHERES} The lag is the radius.",
        curves=[
            Curve(
                label="mean over the axes",
                exact=lambda radius: 0.3 ** (1 + 3 / 4),
                key=_MEAN,
                parameters={"periodic": ALL},
                **_RANDOM,
            )
        ],
    ),
    "local_thickness": Study(
        sizes=_CELLS[:6],
        size="radius of the spheres in voxels",
        caption="Separate spheres, whose thickness is their diameter everywhere.",
        curves=[
            Curve(
                label="mean",
                volume=array_of,
                exact=lambda radius: 2 * radius,
                key={"phase": "spheres", "feature": "mean"},
            )
        ],
    ),
    "euler_characteristic": Study(
        sizes=(1, 1.5, 2, 3, 4, 6),
        size="correlation length of the field in voxels",
        caption=(
            "A Gaussian field of covariance exp(−r²/ℓ²) cut at its median: mean of twelve samples with its "
            "standard error. "
            "The truth is the ensemble average, −(2/ℓ²)^(3/2) / 4π²."
        ),
        curves=[
            Curve(
                label=f"connectivity {neighbours}",
                volume=field_of,
                exact=lambda length: -((2 / length**2) ** 1.5) / (4 * math.pi**2),
                key={"phase": "0", "feature": f"connectivity_{neighbours}", "estimator": "half_open"},
                parameters={"periodic": ALL},
                seeds=SEEDS,
            )
            for neighbours in (6, 26)
        ],
    ),
    "effective_diffusivity": _diffusivity(array_diffusivity),
    "tortuosity_factor": _diffusivity(lambda radius: (1 - 4 / 3 * math.pi * (3 / 8) ** 3) / array_diffusivity(radius)),
    "formation_factor": _diffusivity(lambda radius: 1 / array_diffusivity(radius)),
    "permeability": Study(
        sizes=(2, 3, 4, 6, 8, 12, 16),
        size="width of the channel in voxels",
        caption="A slit, whose permeability is w³/12H, and a square duct. The truth is that of the continuum.",
        curves=[
            _flow(
                "slit",
                lambda width, seed: slit((4, int(width) + 2, 3), width=int(width), axis=1),
                lambda width: width**3 / 12 / (width + 2),
                "slit",
            ),
            _flow(
                "square duct",
                lambda width, seed: straight_channel((4, int(width) + 2, int(width) + 2), width=int(width)),
                lambda width: _DUCT * width**4 / (width + 2) ** 2,
                "channel",
            ),
        ],
    ),
}


def draw(metric: str, file: Path) -> str:
    """Measure the curves of a metric, draw them, and return the caption."""
    study = STUDIES[metric]
    figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
    axes.axhline(0, color="black", linewidth=0.8)
    for curve in study.curves:
        errors = [100 * curve.errors(metric, size) for size in study.sizes]
        bars = [np.std(each, ddof=1) / math.sqrt(len(each)) for each in errors] if len(curve.seeds) > 1 else None
        axes.errorbar(study.sizes, [each.mean() for each in errors], bars, marker="o", capsize=3, label=curve.label)
    axes.set_xscale("log", base=2)
    axes.set_xticks(study.sizes, [f"{size:g}" for size in study.sizes])
    axes.minorticks_off()
    axes.set(xlabel=study.size, ylabel="error (%)")
    axes.grid(alpha=0.3)
    if len(study.curves) > 1:
        axes.legend(frameon=False)
    figure.savefig(file)
    plt.close(figure)
    return study.caption
