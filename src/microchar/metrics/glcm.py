"""Texture of slices: features of the grey-level co-occurrence matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microchar.core.result import Result, Status, Value
from microchar.core.volume import Volume
from microchar.measurement.blocks import Counts
from microchar.metrics._grey import FEATURES, SliceTexture, direction_means, level_source, slice_axes


@dataclass(frozen=True)
class Glcm(SliceTexture):
    r"""Contrast, homogeneity, energy and entropy of the slices normal to each axis.

    The element :math:`P_{ij}` of the co-occurrence matrix of a slice is the share of
    the pairs of neighbouring pixels with grey levels :math:`i` and :math:`j`, counted
    in both orders. The features of the matrix are

    .. math::

        \text{contrast} = \sum_{ij} P_{ij} (i - j)^2, \quad
        \text{homogeneity} = \sum_{ij} \frac{P_{ij}}{1 + (i - j)^2}, \quad
        \text{energy} = \sum_{ij} P_{ij}^2, \quad
        \text{entropy} = -\sum_{ij} P_{ij} \ln P_{ij} .

    The features are averaged over the four angles 0°, 45°, 90° and 135°, then over
    all slices normal to an axis; `direction` is this axis.

    Notes
    -----
    *Convention*: neighbours are one pixel apart (the diagonal neighbour for 45° and
    135°), matrices are symmetric, and :math:`0 \ln 0 = 0`. Energy is the sum of
    squares, also called angular second moment; some programs take its square root.

    *Grey levels*: 8 bit. If the volume has a grey image, it is used. An image that is
    not 8-bit (16-bit integers, floats) is mapped linearly from its own range, inside
    the mask, to 0..255 and rounded to the nearest level (halves to the even level).
    The range differs between images, and with it the scale: convert images that are
    compared to 8 bits with one scale. Without a grey image, the phases in ascending
    order of grey value are spread evenly over 0..255, rounded down.

    *Denominator*: pairs of pixels inside the slice and the mask. Angles and slices
    without any pair are left out of the averages.

    *Bias*: energy and entropy are not linear in :math:`P`, so their means over small
    slices differ slightly from their means over large slices.

    For two phases, the features contain only the volume fraction and the amount of
    interface along the four angles, slice by slice.

    References
    ----------
    Haralick, Shanmugam and Dinstein, "Textural features for image
    classification", IEEE Transactions on Systems, Man, and Cybernetics 3 (1973),
    610-621. https://doi.org/10.1109/TSMC.1973.4309314

    Examples
    --------
    >>> import microchar as mc
    >>> stripes = mc.as_volume([[0, 1, 0, 1], [0, 1, 0, 1]])
    >>> result = mc.metrics.Glcm()(stripes)
    >>> result.value(feature="contrast").value == 255**2 * 3 / 4  # no difference between pixels of a column
    True
    """

    id = "glcm"
    title = "Grey-level co-occurrence"
    symbol = r"\mathrm{GLCM}"
    summary = "contrast, homogeneity, energy and entropy of the slices normal to each axis"
    kind = "table"

    def convention(self, volume: Volume) -> dict[str, str]:
        """Add the conventions of the features to the record."""
        return super().convention(volume) | {
            "grey levels": level_source(volume, np.uint8),
            "neighbours": "one pixel apart, angles 0, 45, 90, 135 degrees, symmetric",
            "energy": "sum of squares (angular second moment)",
            "entropy": "natural logarithm",
            "average": "over angles, then over the slices normal to the direction",
        }

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Average the features over the slices."""
        means = direction_means(counts)
        return self.result(
            volume,
            [
                self._value(volume, means[axis, index], feature, axis)
                for axis in slice_axes(volume.shape)
                for index, feature in enumerate(FEATURES)
            ],
        )

    def _value(self, volume: Volume, mean: float, feature: str, axis: int) -> Value:
        if np.isnan(mean):
            return self.scalar(
                volume.grid,
                None,
                feature=feature,
                direction=str(axis),
                status=Status.UNDEFINED,
                message="no slice normal to this axis has a pair of neighbouring voxels inside the mask",
            )
        return self.scalar(volume.grid, mean, feature=feature, direction=str(axis))
