"""The generators of the core: plugins of the entry-point group ``microchar.generators``, one file or folder each.

`microchar.create_generator` makes one by its id, `microchar.load_model` gives one that was fitted beforehand; two
functions here make Gaussian fields directly.
"""

from __future__ import annotations

from microchar.generators.gaussian_field import cut_gaussian_field, matched_gaussian_field

__all__ = ["cut_gaussian_field", "matched_gaussian_field"]
