"""Multiple-point statistics by patch quilting: pieces of the training image, joined along minimum cuts."""

from microchar.generators.multiple_point.generator import SPEC, MultiplePoint

__all__ = ["SPEC", "MultiplePoint"]
