"""The built-in generators, one file or folder per family: plugins of the entry-point group ``microchar.generators``.

`microchar.create_generator` creates a generator by its id, and `microchar.load_model` loads a fitted model. The two
functions of this package make Gaussian-field media in one call.
"""

from __future__ import annotations

from microchar.generators.gaussian_field import cut_gaussian_field, matched_gaussian_field

__all__ = ["cut_gaussian_field", "matched_gaussian_field"]
