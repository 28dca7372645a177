"""Anisotropy index: how strongly the texture of slices depends on their direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from microchar.core.result import Result, Status
from microchar.core.volume import Volume
from microchar.measurement.blocks import Counts
from microchar.metrics._grey import SliceTexture, direction_means, level_source

#: The literature calls a material anisotropic if its index exceeds this value.
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
        :math:`\sqrt{\sum_f \sigma_f^2}`, where :math:`\sigma_f` is the standard
        deviation of feature f over the directions (denominator N - 1).

    Examples
    --------
    The published table of a Berea sandstone:

    >>> berea = [[767.695, 0.869, 0.667, 2.956], [786.904, 0.866, 0.690, 2.943], [801.069, 0.863, 0.701, 2.950]]
    >>> round(index_of(berea), 2)
    16.75
    """
    return float(np.sqrt(np.var(features, axis=0, ddof=1).sum()))


def scale_free_index_of(features: Any) -> float:
    """Return the anisotropy index with each standard deviation divided by the mean of its feature.

    A feature that is zero along every direction contributes zero.

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

    The index is computed from the features of `glcm` (contrast C, homogeneity H,
    energy E, entropy En) of the slices normal to each of the three axes:

    .. math:: \mathrm{AI} = \sqrt{\sigma_C^2 + \sigma_H^2 + \sigma_E^2 + \sigma_{En}^2} ,

    where :math:`\sigma` is the standard deviation over the three directions
    (denominator N - 1).

    Notes
    -----
    *Estimators*: "8-bit" is the published index, for grey levels 0..255. A material
    with AI > 100 is called anisotropic. Contrast grows with the square of the grey
    scale and dominates the sum, so that the index and this classification depend
    on the grey levels. The index of segmented phases spread over 0..255 is less
    informative than that of a grey image. "scale-free" is the index with each
    :math:`\sigma` divided by the mean of its feature; it does not depend on the grey
    scale through contrast.

    *Bias*: upward, because the features of an isotropic volume differ by chance
    between the three directions. The bias is larger for smaller volumes, so only
    equal shapes may be compared. See `glcm` for the conventions of the features, and
    for how grey images of more than 8 bits are brought to 8 bits.

    References
    ----------
    Haralick, Shanmugam and Dinstein, "Textural features for image
    classification", IEEE Transactions on Systems, Man, and Cybernetics 3 (1973),
    610-621, for the features. https://doi.org/10.1109/TSMC.1973.4309314

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
    summary = "combined standard deviation of the texture features of slices over the three directions"
    kind = "scalar"
    derived_from = "glcm"
    min_ndim = 3
    size_dependent = True

    def convention(self, volume: Volume) -> dict[str, str]:
        """Add the grey levels, features and denominator to the record."""
        return super().convention(volume) | {
            "grey levels": level_source(volume, np.uint8),
            "features": "contrast, homogeneity, energy (sum of squares), entropy (natural logarithm); see glcm",
            "denominator": "N - 1 over three directions",
        }

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Compute both indices from the features of the three directions."""
        features = direction_means(counts)
        if np.isnan(features).any():
            message = "along an axis no slice has a pair of neighbouring voxels inside the mask"
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
