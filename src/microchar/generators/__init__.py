"""The generators: plugins of the entry-point group ``microchar.generators``, the built-in ones a file each.

``microchar.generators.create("gaussian-field")`` makes one by its id,
``microchar.generators.load_model`` gives one that was fitted beforehand; two
functions make Gaussian fields directly.
"""

from __future__ import annotations

from microchar.generator import create, find, specs
from microchar.generators.gaussian_field import cut_gaussian_field, matched_gaussian_field
from microchar.model_library import load_model, models

__all__ = ["create", "cut_gaussian_field", "find", "load_model", "matched_gaussian_field", "models", "specs"]
