"""What the curves of the metric pages measure, and what to read off them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from convergence import SEEDS, Curve, Study
from samples import (
    ALL,
    EDGES,
    LARGE,
    LENGTH,
    RADII,
    RADIUS,
    SHARE,
    SPHERES,
    VOID,
    WINDOW,
    array_diffusivity,
    array_of,
    field_of,
    next_window_of_spheres,
    periodic_spheres,
    s2_of_spheres,
    separate_spheres,
    spheres_of,
    three_phases_of,
    value_of_fields,
    window_deviation,
    window_of_field,
    window_of_spheres,
)

from microchar.core.volume import Volume
from microchar.datasets import cubic_spheres, slit, straight_channel

_MEAN = {"phase": "void", "direction": "mean"}
_WINDOWS = (16, 24, 32, 48, 64, 96)
_CELLS = (3, 4.5, 6, 9, 12, 18, 24)
_FIELDS = (1, 1.5, 2, 3, 4, 6)
_WIDTHS = (2, 3, 4, 6, 8, 12, 16)
_ENSEMBLE = "The truth is the average of the ensemble."
_IN_WINDOWS = f"Void of overlapping spheres with a radius of {RADIUS} voxels, in windows on an infinite medium."
_ARRAY: dict[str, Any] = {"volume": array_of, "parameters": {"axes": (0,), "conducting": ("void",)}}
_DUCT = 0.0351443  # of the series for a square duct: permeability over the square of its width


def _windows(label: str, exact: float, key: dict[str, str], **more: Any) -> Curve:
    """Return the curve of a value in windows on overlapping spheres."""
    return Curve(label=label, volume=window_of_spheres, exact=lambda edge: exact, key=key, seeds=SEEDS, **more)


def _of_field(
    metric: str, key: dict[str, str], reading: str, *, lag: int | None = None, periodic: Sequence[int] = ALL
) -> Study:
    """Return the study of a value in windows on large fields, whose values are the truth."""
    what = f"The lag is {lag} voxels. " if lag else ""
    truth = cache(lambda: value_of_fields(metric, key, lag, periodic))
    return Study(
        sizes=(16, 24, 32, 48, 64, 80),
        size=EDGES,
        measured=(
            f"A phase that fills {100 * SHARE:.0f} % of a Gaussian field with a correlation length of {LENGTH} voxels, "
            f"in windows on it. {what}No exact value is known: the truth is the mean of three periodic volumes of "
            f"{LARGE}³ voxels, which the windows are cut from."
        ),
        reading=reading,
        curves=[
            Curve(
                label="window",
                volume=window_of_field,
                exact=lambda edge: truth(),
                key=key,
                lag=None if lag is None else lambda edge: lag,
                seeds=SEEDS,
            )
        ],
    )


def _profile_of_spheres(exact: float, reading: str, **parameters: Any) -> Study:
    """Return the study of a profile at the radius, on spheres of growing radius."""
    return Study(
        sizes=(1, 2, 3, 4, 6),
        size=RADII,
        measured=f"Void of overlapping spheres in a periodic cube of 20 radii. The lag is the radius. {_ENSEMBLE}",
        reading=reading,
        curves=[
            Curve(
                label="mean over the axes",
                volume=spheres_of,
                exact=lambda radius: exact,
                key=_MEAN,
                parameters={"periodic": ALL} | parameters,
                lag=round,
                seeds=SEEDS,
            )
        ],
    )


def _diffusivity(exact: Callable[[float], float], reading: str, sizes: Sequence[float]) -> Study:
    return Study(
        sizes=sizes,
        size=RADII,
        measured="Void of a simple-cubic array of spheres. The truth is Rayleigh's, in the continuum.",
        reading=reading,
        curves=[Curve(label="cubic array", exact=exact, key={"feature": "", "direction": "0"}, **_ARRAY)],
    )


def _flow(label: str, volume: Callable[[float, int], Volume], exact: Callable[[float], float], phase: str) -> Curve:
    key = {"phase": phase, "direction": "0", "feature": "", "estimator": "stokes"}
    parameters = {"axes": (0,), "flowing": (phase,), "tolerance": 1e-4, "estimators": ("stokes",)}
    return Curve(label=label, volume=volume, exact=exact, key=key, parameters=parameters)


def _three_phases(label: str, key: dict[str, str], exact: Callable[[float], float]) -> Curve:
    return Curve(
        label=label,
        volume=three_phases_of,
        exact=exact,
        key=key,
        parameters={"periodic": ALL},
        seeds=SEEDS,
    )


_THREE_PHASES = (
    "Three phases of two independent Gaussian fields of covariance exp(−r²/ℓ²), cut at their medians: the first "
    "separates a, the second divides the rest into b and c, in a periodic cube of 16 correlation lengths. "
    f"{_ENSEMBLE}"
)

STUDIES: dict[str, Study] = {
    "volume_fraction": Study(
        sizes=_WINDOWS,
        size=EDGES,
        measured=f"{_IN_WINDOWS} {_ENSEMBLE}",
        reading=(
            "The mean is right at every size. The deviation of one sample is more than a tenth of the value at 8 "
            "radii and near a hundredth at 24."
        ),
        curves=[_windows("void", VOID, {"phase": "void"})],
    ),
    "specific_surface_area": Study(
        sizes=_CELLS,
        size=RADII,
        measured="A simple-cubic array of spheres. The truth is the area of a sphere over the volume of its cell.",
        reading=(
            "From a radius of 6 voxels on, crofton is within 1 %. The other two do not converge to the truth: "
            "marching cubes stay 8 to 10 % too high, the faces near 50 %."
        ),
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
    "interfacial_area": Study(
        sizes=_FIELDS,
        size="correlation length ℓ of the fields in voxels",
        measured=f"{_THREE_PHASES[:-1]}, √2 / πℓ.",
        reading=(
            "An interface without an end (a and b) is within 2 % from a correlation length of 3 voxels on. One that "
            "ends on a third phase (b and c) is still 3 % too low at 6 voxels, and 11 % without the correction."
        ),
        curves=[
            _three_phases(
                f"{pair.replace('|', ' and ')}, {estimator}",
                {"phase": pair, "estimator": estimator},
                lambda length: math.sqrt(2) / (math.pi * length),
            )
            for pair, estimator in (("a|b", "corrected"), ("b|c", "corrected"), ("b|c", "crofton"))
        ],
    ),
    "triple_phase_boundary": Study(
        sizes=_FIELDS,
        size="correlation length ℓ of the fields in voxels",
        measured=f"{_THREE_PHASES[:-1]}, 2 / πℓ².",
        reading=(
            "The corrected length is within 5 % from a correlation length of 3 voxels on. The raw edges converge to "
            "1.75 times the truth."
        ),
        curves=[
            _three_phases(estimator, {"estimator": estimator}, lambda length: 2 / (math.pi * length**2))
            for estimator in ("corrected", "edges")
        ],
    ),
    "two_point_correlation": _profile_of_spheres(
        VOID ** (1 + 3 / 4 - 1 / 16),
        (
            "The error is the same at every radius, within its standard error of 0: it is that of the twelve "
            "samples, and voxels add none."
        ),
        radial=False,
    ),
    "pair_correlation": Study(
        sizes=_WINDOWS,
        size=EDGES,
        measured=f"{_IN_WINDOWS} The lag is the radius. {_ENSEMBLE}",
        reading=(
            "The value is a ratio: its mean is too low in volumes of less than 8 radii, and right from 12 radii on."
        ),
        curves=[
            _windows("mean over the axes", s2_of_spheres(RADIUS) / VOID**2, _MEAN, lag=lambda edge: RADIUS),
        ],
    ),
    "two_point_cluster": _of_field(
        "two_point_cluster",
        {"phase": "1", "direction": "mean"},
        (
            "The value is too low, because small windows cut what the phase connects outside them. It is still 3 % "
            "too low at 20 correlation lengths: compare equal shapes only."
        ),
        lag=2 * LENGTH,
    ),
    "lineal_path": _profile_of_spheres(
        VOID ** (1 + 3 / 4),
        (
            "From a radius of 2 voxels on, the mean is within its standard error of the truth. Below that, spheres "
            "pass between the voxels of a segment unseen, and the value is too high."
        ),
    ),
    "chord_length_distribution": Study(
        sizes=_WINDOWS,
        size=EDGES,
        measured=(
            f"Mean chord length in the void of overlapping spheres with a radius of {RADIUS} voxels. The truth is "
            "that of voxels, φ / (φ − S₂(1))."
        ),
        reading=(
            "Windows leave out the chords that their boundary cuts, and these are the long ones: the mean is still 4 "
            "% too low at 24 radii. A periodic volume has no such bias."
        ),
        curves=[
            Curve(
                label=label,
                volume=volume,
                exact=lambda edge: VOID / (VOID - s2_of_spheres(1)),
                key=_MEAN | {"feature": "mean_length"},
                parameters={"periodic": periodic},
                seeds=SEEDS,
            )
            for label, volume, periodic in (("window", window_of_spheres, ()), ("periodic", periodic_spheres, ALL))
        ],
    ),
    "local_porosity": Study(
        sizes=_WINDOWS,
        size=EDGES,
        measured=(
            f"{_IN_WINDOWS} The value is the standard deviation in cubes of {WINDOW}³ voxels; its truth follows from "
            "S₂."
        ),
        reading=(
            "A volume needs six times the edge of the window (48 voxels here) before the value is within 2 %. "
            "Smaller ones underestimate it, because their windows are alike."
        ),
        curves=[
            _windows(
                "void",
                window_deviation(),
                {"phase": "void", "feature": f"standard_deviation_window_{WINDOW}x{WINDOW}x{WINDOW}"},
                parameters={"window": WINDOW},
            )
        ],
    ),
    "local_thickness": Study(
        sizes=_CELLS[:6],
        size=RADII,
        measured="Separate spheres, whose thickness is their diameter everywhere.",
        reading=(
            "The largest sphere on voxels does not reach all voxels at the surface: the value is too low, by less "
            "than a tenth from a radius of 9 voxels on."
        ),
        curves=[
            Curve(
                label="mean",
                volume=array_of,
                exact=lambda radius: 2 * radius,
                key={"phase": "spheres", "feature": "mean"},
            )
        ],
    ),
    "intrusion": Study(
        sizes=_CELLS[:6],
        size=RADII,
        measured=(
            "Void of a simple-cubic array of spheres of radius R in cells of edge L, two by two by two. The truth of "
            "the percolating radius is L / √2 − R, along the edges of the cells."
        ),
        reading=(
            "The radius is too small by less than half a voxel: by a tenth at a throat with a radius of 4 voxels, by "
            "2 % at one of 16."
        ),
        curves=[
            Curve(
                label="percolating radius",
                volume=lambda radius, seed: cubic_spheres(round(8 / 3 * radius), radius=radius, repeats=2),
                exact=lambda radius: round(8 / 3 * radius) / math.sqrt(2) - radius,
                key={"phase": "void", "feature": "percolating_radius", "direction": "0"},
            )
        ],
    ),
    "euler_characteristic": Study(
        sizes=_FIELDS,
        size="correlation length ℓ of the field in voxels",
        measured=(
            "A Gaussian field of covariance exp(−r²/ℓ²), cut at its median, in a periodic cube of 16 correlation "
            "lengths. The truth is the average of the ensemble, −(2/ℓ²)^(3/2) / 4π²."
        ),
        reading=(
            "No bias of either connectivity is seen from a correlation length of 2 voxels on. Below that, the voxels "
            "do not resolve the tunnels."
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
    "cluster_density": Study(
        sizes=_WINDOWS,
        size=EDGES,
        measured=(
            f"Separate spheres with a radius of {RADIUS} voxels, in windows at random places. The truth is their "
            f"number in the periodic cube of {LARGE}³ voxels, which the windows are cut from."
        ),
        reading=(
            "Each sphere that the boundary cuts counts in full, so that the value is too high: by a quarter even "
            "where the edge is twelve diameters. Compare equal shapes only."
        ),
        curves=[
            Curve(
                label="spheres",
                volume=separate_spheres,
                exact=lambda edge: SPHERES / LARGE**3,
                key={"phase": "spheres"},
                seeds=SEEDS,
            )
        ],
    ),
    "largest_cluster_fraction": _of_field(
        "largest_cluster_fraction",
        {"phase": "1"},
        (
            "The value is too low in small windows, where the phase is connected outside of them, and varies by a "
            "fifth from window to window up to 12 correlation lengths. Compare equal shapes only."
        ),
    ),
    "percolating_fraction": _of_field(
        "percolating_fraction",
        {"phase": "1", "direction": "0"},
        (
            "Small windows cut the paths around their sides: at 4 correlation lengths, more than half of what "
            "percolates in the large volume does not percolate in the window. Compare equal shapes only."
        ),
        periodic=(1, 2),
    ),
    "effective_diffusivity": _diffusivity(
        array_diffusivity,
        (
            "From a radius of 12 voxels on, the value is within 2 %. The error changes irregularly at small radii, "
            "where the share of the voxels differs from that of the spheres."
        ),
        _CELLS[:6],
    ),
    "tortuosity_factor": _diffusivity(
        lambda radius: (1 - 4 / 3 * math.pi * (3 / 8) ** 3) / array_diffusivity(radius),
        "The error is that of the effective diffusivity with the opposite sign: about 2 % at a radius of 12 voxels.",
        _CELLS[:5],
    ),
    "formation_factor": _diffusivity(
        lambda radius: 1 / array_diffusivity(radius),
        "The error is that of the effective diffusivity with the opposite sign: about 2 % at a radius of 12 voxels.",
        _CELLS[:5],
    ),
    "permeability": Study(
        sizes=_WIDTHS,
        size="width of the channel in voxels",
        measured="A slit, whose permeability is w³/12H, and a square duct. The truth is that of the continuum.",
        reading=(
            "With eight voxels across, the value is 3 % too high in a slit and 6 % in a duct. The error falls with "
            "the square of the width."
        ),
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
    "glcm": Study(
        sizes=_WINDOWS,
        size=EDGES,
        measured=(
            f"Contrast of the slices normal to axis 0. {_IN_WINDOWS} The truth is 255² times the probability that "
            "neighbours differ, from S₂."
        ),
        reading=(
            "The mean has no error that its standard error does not explain. The deviation of one sample falls with "
            "the size."
        ),
        curves=[
            _windows(
                "contrast",
                255**2 * sum(VOID - s2_of_spheres(r) for r in (1, math.sqrt(2))),
                {"feature": "contrast", "direction": "0"},
            )
        ],
    ),
    "anisotropy_index": Study(
        sizes=_WINDOWS,
        size=EDGES,
        error="index",
        measured=f"{_IN_WINDOWS} The medium is isotropic: the truth is 0.",
        reading=(
            "The index of an isotropic medium is never 0, because the directions of a sample differ by chance. In "
            "volumes of up to 8 radii its mean is above 100, from where on a medium is called anisotropic."
        ),
        curves=[_windows("8-bit", 0, {"estimator": "8-bit"})],
    ),
    "psnr": Study(
        sizes=_WINDOWS,
        size=EDGES,
        measured=(
            f"Two samples of one medium. {_IN_WINDOWS} The truth is −10 log₁₀ 2φ(1 − φ) decibels, that of independent "
            "samples."
        ),
        reading=(
            "The mean is within 2 % from 8 radii on: two samples of one medium score no more than this, however "
            "alike they are."
        ),
        curves=[
            _windows(
                "pooled",
                -10 * math.log10(2 * VOID * (1 - VOID)),
                {"estimator": "pooled"},
                other=next_window_of_spheres,
            )
        ],
    ),
}
