"""Level-cut Gaussian random fields: media with known two-point statistics, made by FFT on a periodic lattice."""

from microchar.generators.gaussian_field.generator import SPEC, GaussianField
from microchar.generators.gaussian_field.level_cut import field_covariance, pair_probability
from microchar.generators.gaussian_field.media import cut_gaussian_field, matched_gaussian_field

__all__ = [
    "SPEC",
    "GaussianField",
    "cut_gaussian_field",
    "field_covariance",
    "matched_gaussian_field",
    "pair_probability",
]
