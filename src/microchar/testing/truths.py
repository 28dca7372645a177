"""Truths that metrics are measured against: exact values, ensemble averages and published values."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microchar.comparison.comparing import compare
from microchar.core.result import Result
from microchar.core.volume import Volume, as_volume
from microchar.datasets import (
    berea,
    checkerboard,
    cubic_spheres,
    overlapping_spheres,
    serpentine,
    slabs,
    slit,
    straight_channel,
)
from microchar.measurement.measuring import measure

_ALL = (0, 1, 2)
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Truth:
    """A value of a metric that is known for a volume.

    Parameters
    ----------
    metric : str
        Id of the metric.
    title : str
        What is measured, in a few words.
    volume : callable
        Makes the volume.
    key : mapping of str to str
        Parts of the key of the value, or of the profile.
    lag : int, optional
        Index into the profile; None for a value.
    exact : float
        The true value.
    tolerance : float
        Largest error that is expected, relative to the true value (absolute, if that
        is 0): rounding of an exact estimator, the bias of an estimator on voxels,
        three standard errors of an ensemble average, the tolerance of a publication.
    source : str
        What makes it true.
    parameters : mapping, optional
        Parameters of the metric.
    other : callable, optional
        Makes the second volume of a pair metric.
    """

    metric: str
    title: str
    volume: Callable[[], Volume]
    exact: float
    key: Mapping[str, str] = field(default_factory=dict)
    lag: int | None = None
    tolerance: float = _ROUNDING
    source: str = "exact on voxels"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    other: Callable[[], Volume] | None = None

    def measured(self) -> float:
        """Measure the volume and return the value."""
        result = self._result()
        if self.lag is not None:
            return float(result.profile(**self.key).y[self.lag])
        value = result.value(**self.key).value
        return math.nan if value is None else value

    def _result(self) -> Result:
        how: dict[str, Any] = {"errors": False, "fail_fast": True}
        if self.other is not None:
            return compare(self.volume(), self.other(), [self.metric], **how).pairs[0][self.metric]
        return measure(self.volume(), [self.metric], parameters={self.metric: self.parameters}, **how)[self.metric]


@dataclass(frozen=True)
class Outcome:
    """What a metric gave for a truth.

    Parameters
    ----------
    truth : Truth
        What was measured.
    measured : float
        The value that the metric gave.
    seconds : float
        Time that it took, with making the volume.
    """

    truth: Truth
    measured: float
    seconds: float

    @property
    def error(self) -> float:
        """Error relative to the true value; absolute, if that is 0."""
        return (self.measured - self.truth.exact) / (abs(self.truth.exact) or 1.0)

    @property
    def within(self) -> bool:
        """Whether the error is no larger than expected."""
        return abs(self.error) <= self.truth.tolerance


def check_truths(truths: Sequence[Truth] | None = None) -> Iterator[Outcome]:
    """Measure volumes whose values are known, and yield what each gave.

    Parameters
    ----------
    truths : sequence of Truth, optional
        By default all of this module, which take less than a minute.

    Yields
    ------
    Outcome

    Examples
    --------
    >>> import microchar as mc
    >>> of_volume = [truth for truth in mc.testing.truths.TRUTHS if truth.metric == "volume_fraction"]
    >>> [outcome.within for outcome in mc.testing.check_truths(of_volume)]
    [True, True]
    """
    for truth in TRUTHS if truths is None else truths:
        began = time.perf_counter()
        measured = truth.measured()
        yield Outcome(truth, measured, time.perf_counter() - began)


def _line(values: Sequence[int]) -> Volume:
    return as_volume(np.array(values).reshape(-1, 1, 1), name="line")


def _of_one_line() -> Volume:
    return _line([1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 0])


def _board() -> Volume:
    return checkerboard((12, 12, 12), cell=3)


def _spheres() -> Volume:
    return overlapping_spheres((96, 96, 96), radius=6, void_fraction=0.3, seed=1)


def _array_of_spheres() -> Volume:
    return cubic_spheres(48, radius=18)


def _quadrants() -> Volume:
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[:4, :4], labels[:4, 4:] = 1, 2
    return as_volume(labels, name="quadrants")


def _piece_of_berea() -> Volume:
    return berea().crop((0, 0, 0), (100, 100, 100))


def _transport(metric: str, title: str, volume: Callable[[], Volume], exact: float, **more: Any) -> Truth:
    parameters = {"axes": (0,)} | more.pop("parameters", {})
    key = {"feature": "", "direction": "0"} | more.pop("key", {})
    return Truth(metric=metric, title=title, volume=volume, exact=exact, parameters=parameters, key=key, **more)


_PATH = {"conducting": ("path",)}
#: The serpentine of 5 turns and 4 voxels from side to side: voxels in the path, planes, voxels of the volume.
_VOXELS, _PLANES, _SIZE = 26, 11, 198
_F = 4 / 3 * math.pi * (18 / 48) ** 3
_TAUFACTOR = "TauFactor 1.2.1, at its default tolerance"
_LAYERS = {"diffusivity": (("0", 1.0), ("1", 4.0))}

#: All truths, in the order of the metrics.
TRUTHS: tuple[Truth, ...] = (
    Truth(
        metric="volume_fraction",
        title="pores of a piece of Berea",
        volume=_piece_of_berea,
        key={"phase": "pore"},
        exact=0.203317,
        tolerance=3e-6,
        source="published with the data",
    ),
    Truth(
        metric="volume_fraction",
        title="void of overlapping spheres",
        volume=_spheres,
        key={"phase": "void"},
        exact=0.3,
        tolerance=0.05,
        source="ensemble average",
    ),
    Truth(
        metric="specific_surface_area",
        title="cubic array of spheres",
        volume=_array_of_spheres,
        key={"phase": "spheres", "estimator": "crofton"},
        parameters={"periodic": _ALL},
        exact=4 * math.pi * 18**2 / 48**3,
        tolerance=0.01,
        source="continuum",
    ),
    Truth(
        metric="specific_surface_area",
        title="faces of a checkerboard of cells of 3 voxels",
        volume=_board,
        key={"phase": "0", "estimator": "faces"},
        parameters={"periodic": _ALL},
        exact=1,
    ),
    Truth(
        metric="interfacial_area",
        title="layers of 3 and 2 voxels",
        volume=lambda: slabs((10, 8, 8), thicknesses=(3, 2)),
        key={"phase": "0|1", "estimator": "faces"},
        parameters={"periodic": _ALL},
        exact=2 / 5,
    ),
    Truth(
        metric="triple_phase_boundary",
        title="one straight line",
        volume=_quadrants,
        key={"estimator": "edges"},
        exact=1 / 64,
    ),
    Truth(
        metric="two_point_correlation",
        title="twelve voxels in a circle, lag 3",
        volume=_of_one_line,
        key={"phase": "1", "direction": "0"},
        lag=3,
        parameters={"periodic": (0,)},
        exact=4 / 12,
    ),
    Truth(
        metric="two_point_correlation",
        title="overlapping spheres, lag 6",
        volume=_spheres,
        key={"phase": "void", "direction": "mean"},
        lag=6,
        parameters={"periodic": _ALL},
        exact=0.3 ** (1 + 3 / 4 - 1 / 16),
        tolerance=0.1,
        source="ensemble average",
    ),
    Truth(
        metric="pair_correlation",
        title="twelve voxels in a circle, lag 3",
        volume=_of_one_line,
        key={"phase": "1", "direction": "0"},
        lag=3,
        parameters={"periodic": (0,)},
        exact=4 / 12 / (7 / 12) ** 2,
    ),
    Truth(
        metric="two_point_cluster",
        title="checkerboard of cells of 3 voxels, lag 1",
        volume=_board,
        key={"phase": "0", "direction": "0"},
        lag=1,
        parameters={"periodic": _ALL},
        exact=2 / 6,
    ),
    Truth(
        metric="lineal_path",
        title="checkerboard of cells of 3 voxels, lag 1",
        volume=_board,
        key={"phase": "0", "direction": "0"},
        lag=1,
        parameters={"periodic": _ALL},
        exact=2 / 6,
    ),
    Truth(
        metric="lineal_path",
        title="overlapping spheres, lag 4",
        volume=_spheres,
        key={"phase": "void", "direction": "mean"},
        lag=4,
        parameters={"periodic": _ALL},
        exact=0.3 * math.exp(3 / 4 * math.log(0.3) / 6 * 4),
        tolerance=0.1,
        source="ensemble average",
    ),
    Truth(
        metric="chord_length_distribution",
        title="checkerboard of cells of 3 voxels",
        volume=_board,
        key={"phase": "0", "direction": "0", "feature": "mean_length"},
        parameters={"periodic": _ALL},
        exact=3,
    ),
    Truth(
        metric="local_porosity",
        title="layers of 2 voxels in windows of 2",
        volume=lambda: slabs((8, 8, 8), thicknesses=(2, 2)),
        key={"phase": "0", "direction": "all", "feature": "standard_deviation_window_2x2x2"},
        parameters={"periodic": _ALL, "window": 2},
        exact=math.sqrt(1 / 8),
    ),
    Truth(
        metric="local_thickness",
        title="slab of 4 voxels",
        volume=lambda: slit((12, 10, 10), width=4),
        key={"phase": "slit", "feature": "mean"},
        exact=4,
    ),
    Truth(
        metric="intrusion",
        title="slit of 4 voxels",
        volume=lambda: slit((12, 10, 10), width=4),
        key={"phase": "slit", "feature": "percolating_radius", "direction": "1"},
        exact=2,
    ),
    Truth(
        metric="euler_characteristic",
        title="one sphere in a periodic cell of 48³ voxels",
        volume=_array_of_spheres,
        key={"phase": "spheres", "feature": "connectivity_6", "estimator": "half_open"},
        parameters={"periodic": _ALL},
        exact=1 / 48**3,
    ),
    Truth(
        metric="cluster_density",
        title="checkerboard of cells of 3 voxels",
        volume=_board,
        key={"phase": "0"},
        exact=32 / 12**3,
    ),
    Truth(
        metric="largest_cluster_fraction",
        title="checkerboard of cells of 3 voxels",
        volume=_board,
        key={"phase": "0"},
        exact=1 / 32,
    ),
    Truth(
        metric="percolating_fraction",
        title="straight channel",
        volume=lambda: straight_channel((9, 6, 5), width=2),
        key={"phase": "channel", "direction": "0"},
        exact=1,
    ),
    _transport(
        "effective_diffusivity",
        "layers of 2 and 1 voxels in series",
        lambda: slabs((12, 6, 6), thicknesses=(2, 1)),
        1 / (2 / 3 / 1 + 1 / 3 / 4),
        parameters=_LAYERS,
    ),
    _transport(
        "effective_diffusivity",
        "void of a cubic array of spheres",
        _array_of_spheres,
        1 - 3 * _F / (2 + _F - 0.392 * _F ** (10 / 3)),
        parameters={"conducting": ("void",)},
        tolerance=0.02,
        source="Rayleigh (1892), continuum",
    ),
    _transport(
        "tortuosity_factor", "serpentine", lambda: serpentine(5, run=4), (_VOXELS / _PLANES) ** 2, parameters=_PATH
    ),
    *(
        _transport(
            "tortuosity_factor",
            f"pores of a piece of Berea, axis {axis}",
            _piece_of_berea,
            published,
            parameters={"axes": (axis,), "conducting": ("pore",)},
            key={"direction": str(axis)},
            tolerance=5e-3,
            source=_TAUFACTOR,
        )
        for axis, published in enumerate((4.116, 5.010, 5.424))
    ),
    _transport(
        "formation_factor",
        "serpentine",
        lambda: serpentine(5, run=4),
        (_VOXELS / _PLANES) ** 2 * _SIZE / _VOXELS,
        parameters=_PATH,
    ),
    Truth(
        metric="permeability",
        title="slit of 4 voxels in 8, on voxels",
        volume=lambda: slit((5, 8, 3), width=4, axis=1),
        key={"phase": "slit", "direction": "0", "estimator": "stokes"},
        parameters={"flowing": ("slit",), "tolerance": 1e-6},
        exact=(4**3 + 2 * 4) / (12 * 8),
        tolerance=1e-6,
    ),
    Truth(
        metric="glcm",
        title="contrast of a checkerboard of single voxels",
        volume=lambda: checkerboard((8, 8, 8), cell=1),
        key={"feature": "contrast", "direction": "0"},
        exact=255**2 / 2,
    ),
    Truth(
        metric="anisotropy_index",
        title="checkerboard",
        volume=lambda: checkerboard((8, 8, 8), cell=1),
        key={"estimator": "8-bit"},
        exact=0,
    ),
    Truth(
        metric="ssim",
        title="a volume and itself",
        volume=_board,
        other=_board,
        key={"direction": "0"},
        exact=1,
    ),
    Truth(
        metric="psnr",
        title="black and white exchanged",
        volume=lambda: checkerboard((8, 8, 8), cell=2),
        other=lambda: as_volume(1 - checkerboard((8, 8, 8), cell=2).values),
        key={"estimator": "pooled"},
        exact=0,
    ),
)
