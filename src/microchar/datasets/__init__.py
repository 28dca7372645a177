"""Volumes to try: small pieces of real materials, which come with the package, and volumes of known truth.

The real ones are published segmentations, each with its source and licence in a text
file beside it: ``microchar.datasets.path("berea").with_suffix(".txt")``.
"""

from __future__ import annotations

from microchar.datasets.known_truth import (
    checkerboard,
    cubic_spheres,
    overlapping_spheres,
    serpentine,
    slabs,
    slit,
    straight_channel,
)
from microchar.datasets.real import berea, cast_iron, ketton, nmc_cathode, path, separator
from microchar.generators import cut_gaussian_field

__all__ = [
    "berea",
    "cast_iron",
    "checkerboard",
    "cubic_spheres",
    "cut_gaussian_field",
    "ketton",
    "nmc_cathode",
    "overlapping_spheres",
    "path",
    "separator",
    "serpentine",
    "slabs",
    "slit",
    "straight_channel",
]
