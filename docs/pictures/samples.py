"""Volumes whose values are known, and these values, for the curves of the metric pages."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from convergence import SEEDS
from scipy import ndimage

import microchar as mc
from microchar.core.volume import Volume
from microchar.datasets import cubic_spheres, cut_gaussian_field, overlapping_spheres

ALL = (0, 1, 2)
RADII = "radius of the spheres in voxels"
EDGES = "edge of the volume in voxels"
#: The void of overlapping spheres.
VOID, RADIUS = 0.3, 4
#: Correlation length, share of phase 1, and edge of the large Gaussian fields, which windows are cut from.
LENGTH, SHARE, LARGE = 4, 0.2, 160
#: Edge of the window of the local porosity.
WINDOW = 8
#: Number of separate spheres in a large cube.
SPHERES = 1000


def _seed(edge: float, sample: int) -> int:
    """Return a seed that no other edge has, or the samples of all edges would deviate together."""
    return 100 * int(edge) + sample


@cache
def spheres_of(radius: float, seed: int) -> Volume:
    """Return overlapping spheres in a periodic cube of 20 radii."""
    return overlapping_spheres((int(20 * radius),) * 3, radius=radius, void_fraction=VOID, seed=seed)


@cache
def window_of_spheres(edge: float, seed: int) -> Volume:
    """Return a cubic window on overlapping spheres of an infinite medium."""
    return overlapping_spheres(
        (int(edge),) * 3, radius=RADIUS, void_fraction=VOID, seed=_seed(edge, seed), periodic=False
    )


def next_window_of_spheres(edge: float, seed: int) -> Volume:
    """Return another window on the same medium."""
    return window_of_spheres(edge, seed + len(SEEDS))


@cache
def periodic_spheres(edge: float, seed: int) -> Volume:
    """Return overlapping spheres in a periodic cube."""
    return overlapping_spheres((int(edge),) * 3, radius=RADIUS, void_fraction=VOID, seed=_seed(edge, seed))


def s2_of_spheres(r: float, radius: float = RADIUS) -> float:
    """Return the two-point correlation of the void of overlapping spheres (Torquato 2002)."""
    x = r / radius
    union = 1 + 3 * x / 4 - x**3 / 16 if x < 2 else 2
    return VOID**union


def field_of(length: float, seed: int) -> Volume:
    """Return a Gaussian field cut at its median, in a periodic cube of 16 correlation lengths."""
    return cut_gaussian_field((int(16 * length),) * 3, correlation_length=length, seed=seed)


@cache
def three_phases_of(length: float, seed: int) -> Volume:
    """Return phase a on one side of a Gaussian field; a second field divides the other side into b and c."""
    first, second = (field_of(length, 2 * seed + i).read() for i in (0, 1))
    return mc.as_volume(np.where(first == 0, 0, 1 + second), phases=["a", "b", "c"])


@cache
def large_field(seed: int) -> Volume:
    """Return a Gaussian field cut off its median, in a large periodic cube."""
    return cut_gaussian_field((LARGE,) * 3, correlation_length=LENGTH, volume_fraction=SHARE, seed=seed)


def window_of_field(edge: float, seed: int) -> Volume:
    """Return a cubic window on one of three large fields, at one of four places."""
    places = [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)]
    start = [place * LARGE // 2 for place in places[seed % 4]]
    return _cut(large_field(seed // 4), start, int(edge))


def value_of_fields(metric: str, key: dict[str, str], lag: int | None, periodic: Sequence[int]) -> float:
    """Return the mean value of the large fields."""
    values = []
    for seed in range(3):
        result = mc.measure(large_field(seed), [metric], periodic=tuple(periodic), errors=False)[metric]
        values.append(result.value(**key).value if lag is None else result.profile(**key).y[lag])
    return float(np.mean(values))


def array_of(radius: float, seed: int) -> Volume:
    """Return one sphere in a cubic cell of 8/3 radii."""
    return cubic_spheres(round(8 / 3 * radius), radius=radius)


@cache
def large_array() -> Volume:
    """Return a thousand separate spheres at random places in a large periodic cube."""
    rng = np.random.default_rng(0)
    centres = rng.integers(LARGE, size=(1, 3))
    while len(centres) < SPHERES:
        new = rng.integers(LARGE, size=3)
        gap = np.abs(centres - new)
        gap = np.minimum(gap, LARGE - gap)
        if (np.linalg.norm(gap, axis=1) > 2 * RADIUS + 2).all():
            centres = np.vstack([centres, new])
    far = np.ones((LARGE,) * 3, bool)
    far[tuple(centres.T)] = False
    distance = ndimage.distance_transform_edt(np.pad(far, RADIUS + 1, mode="wrap"))
    inside = distance[(slice(RADIUS + 1, -RADIUS - 1),) * 3] <= RADIUS
    return mc.as_volume(inside.astype(np.uint8), phases=["void", "spheres"])


def separate_spheres(edge: float, seed: int) -> Volume:
    """Return a window on separate spheres, at a random place."""
    start = np.random.default_rng(_seed(edge, seed)).integers(LARGE, size=3)
    return _cut(large_array(), start, int(edge))


def _cut(volume: Volume, start: Sequence[int], edge: int) -> Volume:
    """Return a cubic window on a periodic volume."""
    return replace(volume, values=np.roll(volume.read(), [-int(s) for s in start], ALL)[(slice(edge),) * 3])


def array_diffusivity(radius: float) -> float:
    """Return the effective diffusivity around the spheres of `array_of` (Rayleigh 1892)."""
    f = 4 / 3 * math.pi * (3 / 8) ** 3
    return 1 - 3 * f / (2 + f - 0.392 * f ** (10 / 3))


@cache
def window_deviation() -> float:
    """Return the standard deviation of the volume fraction of the void in cubic windows, from its correlation."""
    variance = 0.0
    for lag in itertools.product(range(1 - WINDOW, WINDOW), repeat=3):
        pairs = math.prod(WINDOW - abs(k) for k in lag)
        variance += pairs * (s2_of_spheres(math.hypot(*lag)) - VOID**2)
    return math.sqrt(variance) / WINDOW**3
