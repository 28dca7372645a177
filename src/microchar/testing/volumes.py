"""The volumes of known truth of `microchar.datasets`, under the name that tests of plugins import them by."""

from __future__ import annotations

from microchar.datasets.known_truth import checkerboard, overlapping_spheres, serpentine, slabs, straight_channel

__all__ = ["checkerboard", "overlapping_spheres", "serpentine", "slabs", "straight_channel"]
