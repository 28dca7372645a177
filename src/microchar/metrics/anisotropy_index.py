"""Anisotropy index: how far the texture of slices depends on their direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from microchar.core.result import Result, Status
from microchar.core.volume import Volume
from microchar.measurement.blocks import Counts
from microchar.metrics._grey import SliceTexture, direction_means, level_source

#: Above this index the literature calls a material anisotropic.
ANISOTROPIC = 100.0


def index_of(features: Any) -> float:
    r"""Return the anisotropy index of a table of texture features.

    Parameters
    ----------
    features : array_like, (directions, features)
        Contrast, homogeneity, energy and entropy along each direction.

    Returns
    -------
    float
        :math:`\sqrt{\sum_f \sigma_f^2}`, with the standard deviation
        :math:`\sigma_f` of feature f over the directions (N - 1).

    Examples
    --------
    The table published for a Berea sandstone:

    >>> berea = [[767.695, 0.869, 0.667, 2.956], [786.904, 0.866, 0.690, 2.943], [801.069, 0.863, 0.701, 2.950]]
    >>> round(index_of(berea), 2)
    16.75
    """
    return float(np.sqrt(np.var(features, axis=0, ddof=1).sum()))


def scale_free_index_of(features: Any) -> float:
    """Return the anisotropy index with each standard deviation taken over the mean of its feature.

    A feature that is zero along every direction does not vary, and adds nothing.

    Examples
    --------
    >>> scale_free_index_of([[10, 1], [20, 1], [30, 1]])
    0.5
    """
    features = np.asarray(features, float)
    mean = features.mean(axis=0)
    return index_of(np.divide(features, mean, out=np.zeros_like(features), where=mean != 0))


@dataclass(frozen=True)
class AnisotropyIndex(SliceTexture):
    r"""Anisotropy index from the texture of slices along the three axes.

    With the features of `glcm` (contrast C, homogeneity H, energy E, entropy
    En) of the slices normal to each of the three axes,

    .. math:: \mathrm{AI} = \sqrt{\sigma_C^2 + \sigma_H^2 + \sigma_E^2 + \sigma_{En}^2} ,

    where :math:`\sigma` is the standard deviation over the three directions
    (denominator N - 1).

    Notes
    -----
    *Estimators*: "8-bit", the index as published, for grey levels 0..255; AI >
    100 is called anisotropic there. Contrast grows with the square of the grey
    scale and dominates the sum, so that the index, and with it the word, depends
    on the grey levels: for segmented phases spread over 0..255 it says less than
    for a grey image. "scale-free" is the index with each :math:`\sigma` over the
    mean of its feature; it does not depend on the grey scale through contrast.
    *Bias*: upward, as the features of three directions of an isotropic sample
    differ by chance; the smaller the sample, the more, so only equal shapes may
    be compared. See `glcm` for the conventions of the features.

    References
    ----------
    Haralick, Shanmugam and Dinstein, "Textural features for image
    classification", IEEE Transactions on Systems, Man, and Cybernetics 3 (1973),
    610-621, for the features.

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> layers = np.zeros((8, 8, 8), int)
    >>> layers[::2] = 1
    >>> mc.metrics.AnisotropyIndex()(layers).value(estimator="8-bit").message.split(":")[0]
    'anisotropic'
    """

    id = "anisotropy_index"
    title = "Anisotropy index"
    symbol = r"\mathrm{AI}"
    summary = "spread of the texture features of slices over the three directions"
    kind = "scalar"
    min_ndim = 3
    size_dependent = True

    def convention(self, volume: Volume) -> dict[str, str]:
        """Add what the index depends on."""
        return super().convention(volume) | {
            "grey levels": level_source(volume, np.uint8),
            "features": "contrast, homogeneity, energy (sum of squares), entropy (natural logarithm); see glcm",
            "denominator": "N - 1 over three directions",
        }

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Take the spread over the three directions."""
        features = direction_means(counts)
        if np.isnan(features).any():
            message = "along an axis no slice has a pair of neighbouring voxels that count"
            values = [
                self.scalar(volume.grid, None, estimator=estimator, status=Status.UNDEFINED, message=message)
                for estimator in ("8-bit", "scale-free")
            ]
            return self.result(volume, values)
        index = index_of(features)
        word = "anisotropic" if index > ANISOTROPIC else "isotropic"
        message = f"{word}: AI {'>' if index > ANISOTROPIC else '<='} 100, a threshold meant for 8-bit grey images"
        values = [
            self.scalar(volume.grid, index, estimator="8-bit", message=message),
            self.scalar(volume.grid, scale_free_index_of(features), estimator="scale-free"),
        ]
        return self.result(volume, values)
