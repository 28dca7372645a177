"""The generators: plugins of the entry-point group ``microchar.generators``, the built-in ones a file each.

``microchar.generators.create("gaussian-field")`` makes one by its id; two
functions make Gaussian fields directly.
"""

from __future__ import annotations

from microchar.generator import create, find, specs
from microchar.generators.gaussian_field import cut_gaussian_field, matched_gaussian_field

__all__ = ["create", "cut_gaussian_field", "find", "matched_gaussian_field", "specs"]
